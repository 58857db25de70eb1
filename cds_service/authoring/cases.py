"""Written patients with the answer that is expected, and the real hook request that each becomes.

A case is two or three lines that a clinician can dispute; what it does not name is known to be empty.
Running it is left to :mod:`cds_service.authoring.run_cases`.
"""

from __future__ import annotations

import re
import tomllib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from cds_service.content import places
from cds_service.content.model import Content, Indicator, RuleContent
from cds_service.content.overlay import CardFiles
from cds_service.content.tables import Strict
from cds_service.errors import ContentError
from cds_service.facts.queries import TEMPLATES
from cds_service.hooks.hooks import HOOKS

FILE = "cases.toml"
DAY = date(2026, 6, 15)
"""Today, in every case."""

Found = Indicator | Literal["silent", "undetermined"]
Json: TypeAlias = dict[str, Any]

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_KEYS = {template.partition("?")[0].partition("/")[0]: key for key, template in TEMPLATES.items()}
"""The prefetch key that brings each resource type."""

_SUBJECTS = {"subject", "patient", "for"}


class Part(Strict, frozen=True, kw_only=True):
    """A resource of ``fhir_examples/parts``, changed for this case.

    ``set`` maps a path such as ``dosageInstruction.0.text`` to its new value; ``without`` names paths to leave out.
    """

    part: str
    id: str | None = None
    set: Mapping[str, Any] = {}
    without: tuple[str, ...] = ()


class Case(Strict, frozen=True, kw_only=True):
    """One patient, one event, and what this rule is expected to answer."""

    name: str
    says: str
    hook: str
    chart: tuple[str | Part, ...]
    drafts: tuple[str | Part, ...] = ()
    selected: tuple[str, ...] | None = None
    """Ids of the selected drafts; all of them when it is left out."""
    left_out: tuple[str, ...] = ()
    """Prefetch keys that the client does not send."""
    failed: tuple[str, ...] = ()
    """Prefetch keys that the client sends as an OperationOutcome."""
    paged: tuple[str, ...] = ()
    """Prefetch keys of which only the first page is sent."""
    user: str = "Practitioner/example"
    expect: Found
    card: str | None = None
    """Key of ``[card.*]``, when a card is expected."""
    shown: bool = True
    """False where the finding is there and its card is not: cut by a cap, or taken in without a word."""
    words: tuple[str, ...] = ()
    """What the card says, word for word, in summary, detail or suggestions."""
    not_words: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        return self.expect not in ("silent", "undetermined")


class _File(Strict, frozen=True, kw_only=True):
    case: tuple[Case, ...] = ()


class Parts:
    """The single resources that cases combine, read once each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, bytes] = {}

    @classmethod
    def shipped(cls) -> Parts:
        return cls(places.fhir_examples() / "parts")

    def names(self) -> list[str]:
        """All that can be combined."""
        return sorted(path.stem for path in self._folder.glob("*.json"))

    def __contains__(self, name: str) -> bool:
        return name in self._read or (self._folder / f"{name}.json").is_file()

    def resource(self, item: str | Part, patient: str | None = None) -> Json:
        """The resource of a chart or draft line, about this patient; KeyError for a path that leads nowhere."""
        part = Part(part=item) if isinstance(item, str) else item
        made: Json = msgspec.json.decode(self._written(part.part))
        for member in _SUBJECTS & made.keys() if patient else ():
            made[member]["reference"] = f"Patient/{patient}"
        if part.id is not None:
            made["id"] = part.id
        for path, value in part.set.items():
            *way, last = path.split(".")
            holder = _walk(made, way)
            holder[_step(holder, last)] = value
        for path in part.without:
            *way, last = path.split(".")
            holder = _walk(made, way)
            del holder[_step(holder, last)]
        return made

    def _written(self, name: str) -> bytes:
        """As it stands in its file: reading it anew is the quickest copy."""
        if name not in self._read:
            self._read[name] = (self._folder / f"{name}.json").read_bytes()
        return self._read[name]


def _walk(resource: Any, way: Iterable[str]) -> Any:
    for name in way:
        resource = resource[_step(resource, name)]
    return resource


def _step(holder: Any, name: str) -> Any:
    """A member's name, or a place in a list; KeyError for anything else."""
    if isinstance(holder, dict):
        return name
    if isinstance(holder, list) and name.isdigit() and int(name) < len(holder):
        return int(name)
    raise KeyError(name)


def read_cases(content: Content, parts: Parts) -> dict[str, tuple[Case, ...]]:
    """The cases of every rule; raises ContentError with every fault found."""
    faults: list[str] = []
    cases: dict[str, tuple[Case, ...]] = {}
    for rule in content.rules:
        try:
            cases[rule] = cases_of(content, rule, parts)
        except ContentError as error:
            faults += error.faults
    faults = faults or list(_unshown(content, cases))
    if faults:
        raise ContentError(faults)
    return cases


def cases_of(content: Content, rule: str, parts: Parts) -> tuple[Case, ...]:
    """The cases of one rule; raises ContentError with every fault found."""
    name = f"{rule}/{FILE}"
    faults: list[str] = []
    found = _cases(content.files, name, faults)
    faults += (f"{name}: {fault}" for fault in _faults(content.rules[rule], found, parts))
    if faults:
        raise ContentError(faults)
    return found


def _unshown(content: Content, cases: Mapping[str, tuple[Case, ...]]) -> Iterator[str]:
    """Statements of the sources whose case is not there, or is one of a rule that does not claim them."""
    for statement, found in content.statements.items():
        if found.case is None:
            continue
        rule, _, name = found.case.partition("/")
        if name not in {case.name for case in cases.get(rule, ())}:
            yield f"statements.toml: {statement}: case: there is no case {found.case!r}"
        elif statement not in content.rules[rule].statements:
            yield f"statements.toml: {statement}: case: {rule}/card.toml does not have it among its statements"


def of_the_site(content: Content, rule: str) -> frozenset[str]:
    """The names of the cases that an overlay of the shipped cards writes or changes."""
    own, name = CardFiles(content.files.folder), f"{rule}/{FILE}"
    written = own.table(name, _File)["case"] if own.path(name).is_file() else ()
    return frozenset(case["name"] for case in written)


def _cases(files: CardFiles, name: str, faults: list[str]) -> tuple[Case, ...]:
    try:
        found = msgspec.convert(files.table(name, _File), _File).case
        return tuple(map(_without_card, found)) if files.under else found
    except ContentError as error:
        faults += error.faults
    except FileNotFoundError:
        faults.append(f"{name}: the file is missing")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{name}: not TOML: {error}")
    except msgspec.ValidationError as error:
        faults.append(f"{name}: {error}")
    return ()


def _without_card(case: Case) -> Case:
    """The case; one that a site expects to be silent keeps nothing of the card that was expected before."""
    return case if case.found else msgspec.structs.replace(case, card=None, words=(), not_words=())


def _faults(rule: RuleContent, cases: tuple[Case, ...], parts: Parts) -> Iterator[str]:
    names = [case.name for case in cases]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        yield f"{twice}: the name stands twice"
    for case in cases:
        yield from (f"{case.name}: {fault}" for fault in _case_faults(rule, case, parts))


def _case_faults(rule: RuleContent, case: Case, parts: Parts) -> Iterator[str]:
    if not _NAME.fullmatch(case.name):
        yield "name: write it in lower case with hyphens"
    if case.hook not in HOOKS:
        yield f"hook: {case.hook!r} is none of {', '.join(HOOKS)}"
    if case.found and case.card not in rule.card:
        yield f"card: {case.card!r} is none of {', '.join(rule.card)}"
    if not case.found and (case.card or case.words or case.not_words):
        yield "card, words and not-words belong to a case that expects a card"
    for key in (*case.left_out, *case.failed, *case.paged):
        if key not in TEMPLATES:
            yield f"left-out, failed, paged: no prefetch key {key!r}"
    yield from _part_faults(case, parts)


def _part_faults(case: Case, parts: Parts) -> Iterator[str]:
    made: list[Json] = []
    for item in (*case.chart, *case.drafts):
        name = item if isinstance(item, str) else item.part
        if name not in parts:
            yield f"no file {name}.json among the parts"
            continue
        try:
            made.append(parts.resource(item))
        except KeyError as lost:
            yield f"{name}: no {lost.args[0]!r} at the end of that path"
    if [r["resourceType"] for r in made].count("Patient") != 1:
        yield "chart: name exactly one patient"
    for kind in sorted({r["resourceType"] for r in made[: len(case.chart)]} - {*_KEYS, "Medication"}):
        yield f"chart: no prefetch key brings a {kind}"
    drafted = {r.get("id") for r in made[len(case.chart) :]}
    for name in sorted({*(case.selected or ())} - drafted):
        yield f"selected: no draft has the id {name!r}"


def request(rule: str, case: Case, keys: Iterable[str], parts: Parts) -> Json:
    """The complete hook request of a case, for a service that asks for these prefetch keys."""
    patient = next(r["id"] for item in case.chart if (r := parts.resource(item))["resourceType"] == "Patient")
    chart = [parts.resource(item, patient) for item in case.chart]
    drafts = [parts.resource(item, patient) for item in case.drafts]
    return {
        "hook": case.hook,
        "hookInstance": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{rule}/{case.name}")),
        "context": {"userId": case.user, "patientId": patient, **_orders(case, drafts)},
        "prefetch": dict(_prefetch(case, chart, keys)),
    }


def _orders(case: Case, drafts: list[Json]) -> Json:
    hook = HOOKS[case.hook]
    if not hook.brings_orders:
        return {}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft} for draft in drafts]}
    if not hook.brings_selections:
        return {"draftOrders": bundle}
    chosen = [f"{d['resourceType']}/{d['id']}" for d in drafts if case.selected is None or d["id"] in case.selected]
    return {"selections": chosen, "draftOrders": bundle}


def _prefetch(case: Case, chart: list[Json], keys: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for key, held in by_key(chart, keys).items():
        if key in case.failed:
            issue = {"severity": "error", "code": "exception", "diagnostics": "The search failed."}
            yield key, {"resourceType": "OperationOutcome", "issue": [issue]}
        elif key == "patient" and key not in case.left_out:
            yield key, held[0]
        elif key not in case.left_out:
            yield key, searchset(held, paged=key in case.paged)


def searchset(held: list[Json], *, paged: bool = False) -> Json:
    """What a FHIR server answers to a search, or the first page of it."""
    entries = {"entry": [{"resource": resource} for resource in held]} if held else {}
    further = {"link": [{"relation": "next", "url": "https://ehr.example/fhir?page=2"}]} if paged else {}
    return {"resourceType": "Bundle", "type": "searchset", "total": len(held) + paged, **further, **entries}


def by_key(chart: Iterable[Json], keys: Iterable[str]) -> dict[str, list[Json]]:
    """The resources of a chart that each of these keys brings."""
    found: dict[str, list[Json]] = {key: [] for key in keys}
    for resource in chart:
        key = key_of(resource)
        if key in found:
            found[key].append(resource)
    return found


def key_of(resource: Json) -> str | None:
    """The key that brings a resource; a Medication comes along with the requests that name it."""
    kind = resource.get("resourceType")
    return "medicationRequests" if kind == "Medication" else _KEYS.get(str(kind))
