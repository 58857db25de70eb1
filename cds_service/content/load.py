"""Reads the folder of cards, checks all of it, and reports every fault with file and key.

Bad content stops the start: a service never runs with half of its rules.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Container, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from cds_service.content import numbers as spelt
from cds_service.content.alarms import FILE as ALARMS, Alarms, faults_of_alarms
from cds_service.content.attribute_words import SourceAttributes
from cds_service.content.budget import FILE as BUDGET, Budget, faults_of_budget
from cds_service.content.checks import faults_of
from cds_service.content.families import Families
from cds_service.content.forms import faults_of_form
from cds_service.content.leaflets import links_to
from cds_service.content.model import (
    Content,
    Gate,
    Leaflet,
    LinkText,
    MemoryText,
    NotCheckedText,
    OverrideText,
    Phenotype,
    RuleContent,
    Services,
    Signature,
    Source,
    Statement,
    SuggestionText,
)
from cds_service.content.not_checked import FILE as NOT_CHECKED
from cds_service.content.orderables import FILE as ORDERABLES, Orderables, faults_of_orderables, with_orderables
from cds_service.content.overlay import REVIEWS, CardFiles
from cds_service.content.places import shipped_cards
from cds_service.content.reviews import digest_of
from cds_service.content.set_changes import SetChange, changed
from cds_service.content.source_attributes import FILE as SOURCE_ATTRIBUTES
from cds_service.content.wording import Wording
from cds_service.errors import ContentError
from cds_service.facts.numbers import Numbers
from cds_service.terminology.vocabulary import ValueSet, Vocabulary, read_value_sets

T = TypeVar("T")
_IN_NO_ANSWER = {"files", "vocabulary", "numbers", "alarms", "budget", "digest"}


class _Reading:
    """Collects the faults of a folder, so that all are told at once."""

    def __init__(self, files: CardFiles) -> None:
        self.files = files
        self.faults = list(files.faults())

    def toml(self, name: str, kind: type[T]) -> T | None:
        return self._read(self.files, name, kind)

    def own(self, name: str, kind: type[T]) -> T | None:
        """A file that only the folder itself can have; None where it has none."""
        return self._read(CardFiles(self.files.folder), name, kind) if (self.files.folder / name).is_file() else None

    def _read(self, files: CardFiles, name: str, kind: type[T]) -> T | None:
        try:
            return msgspec.convert(files.table(name, kind), kind)
        except ContentError as error:
            self.faults += error.faults
        except FileNotFoundError:
            self.faults.append(f"{name}: the file is missing")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self.faults.append(f"{name}: not TOML: {error}")
        except msgspec.ValidationError as error:
            self.faults.append(f"{name}: {error}")
        return None

    def json(self, name: str) -> dict[str, object]:
        try:
            found = json.loads(self.files.path(name).read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return found
            self.faults.append(f"{name}: not a JSON object")
        except ValueError as error:
            self.faults.append(f"{name}: not JSON: {error}")
        return {}


def load(folder: Path) -> Content:
    """The content of a folder; raises ContentError with every fault found."""
    files = CardFiles.of(folder)
    reading = _Reading(files)
    cards = (name.partition("/")[0] for name in files.names("*/card.toml"))
    rules = {name: rule for name in cards if (rule := reading.toml(f"{name}/card.toml", RuleContent))}
    services = _services(reading)
    families = reading.toml("families.toml", Families)
    evidence = reading.toml("evidence.toml", dict[str, Source])
    overrides = reading.toml("override-reasons.toml", dict[str, OverrideText])
    memory = reading.toml("memory.toml", MemoryText)
    not_checked = _not_checked(reading, rules)
    suggestions = reading.toml("suggestions.toml", dict[str, SuggestionText])
    links = reading.toml("links.toml", dict[str, LinkText])
    leaflets = reading.toml("leaflets.toml", dict[str, Leaflet]) or {}
    orderables = reading.toml(ORDERABLES, Orderables) or {}
    reviews = reading.own(REVIEWS, dict[str, tuple[Signature, ...]])
    statements = reading.toml("statements.toml", dict[str, Statement])
    resources = {name.partition("/")[2]: reading.json(name) for name in files.names("suggestions/*.json")}
    source_attributes = reading.toml(SOURCE_ATTRIBUTES, SourceAttributes)
    phenotypes = _phenotypes(reading)
    wording = reading.toml("wording.toml", Wording)
    gates = reading.toml("gates.toml", dict[str, Gate])
    value_sets = tuple(_value_sets(reading))
    alarms = reading.toml(ALARMS, Alarms)
    budget = reading.toml(BUDGET, Budget)
    if services is None or families is None or evidence is None or alarms is None:
        raise ContentError(reading.faults)
    if overrides is None or memory is None or not_checked is None or budget is None:
        raise ContentError(reading.faults)
    if suggestions is None or wording is None or gates is None or source_attributes is None:
        raise ContentError(reading.faults)
    written = {name: _with_gates(rule, gates) for name, rule in rules.items()}
    of_all = spelt.shared(phenotypes.values())
    content = Content(
        files=files,
        rules={name: spelt.with_numbers(rule, spelt.of_rule(rule, of_all)) for name, rule in written.items()},
        written=written,
        digests={name: digest(*files.layers(f"{name}/card.toml")) for name in rules},
        services=services,
        families=spelt.families_with(families, of_all),
        evidence=evidence,
        overrides=overrides,
        memory=memory,
        alarms=alarms,
        budget=budget,
        not_checked=not_checked,
        not_checked_digest=digest(*files.layers(NOT_CHECKED)),
        suggestions={name: spelt.suggestion_with(one, of_all) for name, one in suggestions.items()},
        resources={name: spelt.resource_with(one, of_all) for name, one in resources.items()},
        links={**(links or {}), **links_to(leaflets)},
        leaflets=leaflets,
        statements=statements or {},
        source_attributes=source_attributes,
        phenotypes=phenotypes,
        numbers=Numbers({name: {key: p.value for key, p in one.parameter.items()} for name, one in phenotypes.items()}),
        value_sets=value_sets,
        vocabulary=Vocabulary(value_sets),
        wording=msgspec.structs.replace(wording, phrase=spelt.phrases_with(wording.phrase, of_all)),
        gates=gates,
        reviews=reviews or {},
    )
    faults = [
        *reading.faults,
        *faults_of_form(files),
        *faults_of(content),
        *faults_of_alarms(alarms),
        *faults_of_budget(budget),
    ]
    faults += faults_of_orderables(orderables, content.suggestions, content.resources)
    if faults:
        raise ContentError(faults)
    # A signature is not for a site's own codes.
    said = {name: digest_of(content, rule) for name, rule in content.rules.items()}
    coded = with_orderables(content.resources, content.suggestions, orderables)
    whole = msgspec.structs.replace(content, said=said, resources=coded)
    return msgspec.structs.replace(whole, digest=_digest_of(whole))


def digest(*layers: Path) -> str:
    """The first eight characters of the SHA-256 of the files that make up one, line ends normalised."""
    return hashlib.sha256(b"".join(path.read_bytes().replace(b"\r\n", b"\n") for path in layers)).hexdigest()[:8]


def _digest_of(content: Content) -> str:
    """As that of a file, of all that the folder says but where it lies, what is made of the rest, and the ceilings."""
    said = {name: part for name, part in msgspec.structs.asdict(content).items() if name not in _IN_NO_ANSWER}
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()[:8]


def _services(reading: _Reading) -> Services | None:
    """The services; a site that says nothing of lean sets has the shipped ones."""
    name = "services.toml"
    own = reading.toml(name, Services)
    if own is None or own.prefetch_lean:
        return own
    shipped = msgspec.convert(CardFiles(shipped_cards()).table(name, Services), Services)
    return msgspec.structs.replace(own, prefetch_lean=shipped.prefetch_lean)


def _not_checked(reading: _Reading, rules: Container[str]) -> NotCheckedText | None:
    """The words of the site's own file, else the shipped ones of the rules that it has."""
    found = reading.toml(NOT_CHECKED, NotCheckedText)
    if found is None or (reading.files.folder / NOT_CHECKED).is_file():
        return found
    return msgspec.structs.replace(found, topic={name: told for name, told in found.topic.items() if name in rules})


def _with_gates(rule: RuleContent, gates: dict[str, Gate]) -> RuleContent:
    """The card file with its gates before its own criteria."""
    shared = (gates[name].criterion(name) for name in rule.gates if name in gates)
    return msgspec.structs.replace(rule, criteria=(*shared, *rule.criteria))


def _phenotypes(reading: _Reading) -> dict[str, Phenotype]:
    found: dict[str, Phenotype] = {}
    for name in reading.files.names("phenotypes/*.toml"):
        if phenotype := reading.toml(name, Phenotype):
            found[Path(name).stem] = phenotype
            if phenotype.id != Path(name).stem:
                reading.faults.append(f"{name}: id: {phenotype.id!r} is not the name of its file")
    return found


def _value_sets(reading: _Reading) -> Iterator[ValueSet]:
    files = reading.files
    try:
        found = read_value_sets(*(folder / "value-sets" for folder in files.folders))
    except (ValueError, KeyError, OSError) as error:
        reading.faults.append(f"value-sets: {error}")
        return
    for value_set in found:
        name = f"value-sets/{value_set.name}.toml"
        change = reading.own(name, SetChange) if files.under else None
        try:
            yield changed(value_set, change) if change else value_set
        except ContentError as error:
            reading.faults += (f"{name}: {fault}" for fault in error.faults)
