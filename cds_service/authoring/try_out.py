"""What somebody set up on the test bench, as the real hook request that it stands for.

Whatever is not known of a shipped patient or a pasted Bundle is known to be empty: each key that the service asks for
is sent. A pasted hook request keeps the prefetch that it came with.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec

from cds_service.authoring import documents, fields, orders
from cds_service.authoring.cases import DAY, by_key, searchset
from cds_service.authoring.documents import Json
from cds_service.authoring.edits import Chart, Edit
from cds_service.errors import Unpasted
from cds_service.hooks.hooks import HOOKS, Hook

USER = "Practitioner/example"
_MOST_NAMED = 2


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A chart, the changes made to it, the orders, and the event; of the three places for a chart one is used."""

    patient: str = ""
    """The name of a shipped patient."""
    text: str = ""
    """What was pasted."""
    server: str = ""
    server_patient: str = ""
    hook: str = "order-select"
    profile: str = "default"
    day: date
    edits: tuple[Edit, ...] = ()
    drafts: tuple[Json, ...] = ()
    unselected: frozenset[str] = frozenset()
    """At order-select, the drafts that were not just chosen."""


class Bundles:
    """The shipped patients, read when one is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names = tuple(sorted(path.stem for path in folder.glob("*.json")))
        self._read: dict[str, Json] = {}

    def __getitem__(self, name: str) -> Json:
        """The Bundle of a patient; Unpasted where there is none of that name."""
        if name not in self.names:
            raise Unpasted(f"There is no shipped patient {name[:64]!r}.")
        if name not in self._read:
            self._read[name] = documents.read((self._folder / f"{name}.json").read_text(encoding="utf-8"))
        return self._read[name]


def described(bundle: Json, day: date = DAY) -> str:
    """A shipped patient in a line: name, age and the first diagnoses."""
    chart = list(documents.resources_in(bundle))
    patient = next(one for one in chart if one["resourceType"] == "Patient")
    name = patient["name"][0]
    age = next(one.value for one in fields.of(patient, day) if one.name == "age")
    listed = [fields.concept_text(one["code"]) for one in chart if one["resourceType"] == "Condition"][:_MOST_NAMED]
    return f"{name['given'][0]} {name['family']}, {patient['gender']}, {age}: {', '.join(listed) or 'no diagnosis'}"


def day_of(patient: str, chosen: date | None, today: date) -> date:
    """Shipped patients hold on one day; anyone else is judged as of today unless another day is chosen."""
    return DAY if patient else chosen or today


def taken_in(document: Json) -> tuple[str | None, tuple[Json, ...], frozenset[str]]:
    """The hook, the drafts and the drafts not selected that a pasted request brings with it."""
    if not documents.is_request(document):
        return None, (), frozenset()
    named, context = document.get("hook"), document["context"]
    hook = HOOKS.get(named) if isinstance(named, str) else None
    drafts = tuple(one for one in orders.entries(context.get("draftOrders")) if isinstance(one, dict))
    chosen = context.get("selections")
    if hook is None or not hook.brings_selections or not isinstance(chosen, list):
        return hook.name if hook else None, drafts, frozenset()
    return hook.name, drafts, frozenset(map(documents.name_of, drafts)) - set(map(str, chosen))


def request(trial: Trial, chart: Chart | None, keys: Iterable[str]) -> Json:
    """The hook request of a trial for a service that asks for these keys; without a chart the server is asked."""
    hook = HOOKS[trial.hook]
    document = chart.document if chart else {}
    if chart and documents.is_request(document):
        if taken_in(document) == (trial.hook, trial.drafts, trial.unselected):
            return document
        context = _without_orders(document["context"]) | _drafted(trial, hook)
        return document | {"hook": trial.hook, "context": context}
    patient = (documents.patient_of(document) if chart else trial.server_patient) or ""
    context = {"userId": USER, "patientId": patient, **_visit(document), **_drafted(trial, hook)}
    made: Json = {"hook": trial.hook, "hookInstance": str(uuid.uuid4())}
    if chart is None:
        return made | {"fhirServer": trial.server, "context": context}
    return made | {"context": context, "prefetch": _prefetch(document, keys)}


def _without_orders(context: Json) -> Json:
    return {name: value for name, value in context.items() if name not in ("selections", "draftOrders")}


def _drafted(trial: Trial, hook: Hook) -> Json:
    if not hook.brings_orders:
        return {}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in trial.drafts]}
    if not hook.brings_selections:
        return {"draftOrders": bundle}
    chosen = [name for name in map(documents.name_of, trial.drafts) if name not in trial.unselected]
    return {"selections": chosen, "draftOrders": bundle}


def _visit(bundle: Json) -> Mapping[str, str]:
    """The encounter that goes on, if there is one."""
    visits = (one for one in documents.resources_in(bundle) if one.get("resourceType") == "Encounter") if bundle else ()
    now = next((one.get("id") for one in visits if one.get("status") == "in-progress"), None)
    return {"encounterId": now} if isinstance(now, str) else {}


def _prefetch(bundle: Json, keys: Iterable[str]) -> Json:
    held = by_key(documents.resources_in(bundle), keys)
    return {key: _alone(found) if key == "patient" else searchset(found) for key, found in held.items()}


def _alone(found: Sequence[Json]) -> Json | None:
    return found[0] if found else None


def next_hook(hook: str, drafts: Sequence[Json]) -> str:
    """The event that follows an accepted suggestion: orders that were drafted are selected, then signed."""
    if not drafts:
        return "patient-view"
    return "order-select" if HOOKS[hook].is_chart_view else "order-sign"
