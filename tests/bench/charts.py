"""Hook requests of any size, made from the shipped examples; the same seed gives the same bytes.

Real charts grow by results that no rule reads, so nearly all of what is added are Observations with everyday codes.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any

import msgspec

from cds_service.content.places import fhir_examples
from cds_service.facts.queries import TEMPLATES
from cds_service.replay.demo import EVERYDAY_RESULTS

EXAMPLES = fhir_examples()
TODAY = date(2026, 6, 15)
SIZES = {"10 KB": 10_000, "140 KB": 140_000, "2 MB": 2_000_000, "5 MB": 5_240_000}
RISKS_FOUND = ("clonazepam-dementia", "clonazepam-falls", "clonazepam-sleep-apnea")
"""What the chart called ``three rules`` shows."""


class Chart(msgspec.Struct, frozen=True):
    """A patient in whose chart a hook fires: the shipped parts that it is made of, the patient first."""

    hook: str
    parts: tuple[str, ...]
    draft: str | None = None

    @property
    def path(self) -> str:
        return f"/cds-services/rbd-{self.hook}"


_NOTHING_TO_SAY = ("patient-78f", "condition-insomnia", "condition-depression", "condition-constipation")
_RISKS = ("condition-alzheimer", "condition-fall-event", "condition-osa")
CHARTS = {
    "unrelated order": Chart("order-sign", _NOTHING_TO_SAY, "draft-aspirin"),
    "silent order": Chart("order-sign", ("patient-58f", "condition-rbd"), "draft-clonazepam-rbd"),
    "one rule": Chart("order-sign", ("patient-78f", "condition-rbd", "condition-alzheimer"), "draft-clonazepam-rbd"),
    "three rules": Chart("order-sign", ("patient-78f", *_RISKS), "draft-clonazepam-rbd"),
    "silent view": Chart("patient-view", _NOTHING_TO_SAY),
    "view with a card": Chart("patient-view", ("patient-66m", "condition-rbd", "current-sertraline")),
}

_Json = dict[str, Any]
_OBSERVATIONS = 0.95
_READ_BY_RULES = 0.05
_LOINC, _SNOMED = "http://loinc.org", "http://snomed.info/sct"
_ICD, _RXNORM = "http://hl7.org/fhir/sid/icd-10-cm", "http://www.nlm.nih.gov/research/umls/rxnorm"
_KEYS = {
    "Condition": "conditions",
    "Encounter": "encounters",
    "MedicationRequest": "medicationRequests",
    "Observation": "observations",
    "Procedure": "procedures",
}
_DIAGNOSES = (
    ("I10", "Essential hypertension"),
    ("E78.5", "Hyperlipidemia"),
    ("J20.9", "Acute bronchitis"),
    ("K21.9", "Gastro-esophageal reflux"),
    ("M54.50", "Low back pain"),
    ("N39.0", "Urinary tract infection"),
)
_DRUGS = (
    ("197361", "amlodipine 5 MG Oral Tablet"),
    ("314077", "lisinopril 20 MG Oral Tablet"),
    ("617312", "atorvastatin 20 MG Oral Tablet"),
    ("310965", "ibuprofen 200 MG Oral Tablet"),
)
_DONE = (("73761001", "Colonoscopy"), ("71651007", "Mammography"), ("430193006", "Medication reconciliation"))


def request(chart: str, size: int, seed: int = 1, *, prefetch_first: bool = False) -> bytes:
    """A request of exactly ``size`` bytes about one of :data:`CHARTS`, its prefetch last or before the context."""
    made = document(chart, seed)
    if prefetch_first:
        made = {name: made[name] for name in ("hook", "hookInstance", "prefetch", "context")}
    return grown(made, size, seed)


def document(chart: str, seed: int = 1) -> _Json:
    """A request with no more in its prefetch than the chart's own parts."""
    asked = CHARTS[chart]
    patient, *others = (_part(name) for name in asked.parts)
    context = {"userId": "Practitioner/example", "patientId": patient["id"]}
    if asked.draft:
        drafts = [{"resource": _part(asked.draft)}]
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": drafts}
    found: dict[str, list[_Json]] = {}
    for resource in others:
        found.setdefault(_KEYS[resource["resourceType"]], []).append({"resource": resource})
    return {
        "hook": asked.hook,
        "hookInstance": str(_uuid(random.Random(seed))),
        "context": context,
        "prefetch": {"patient": patient, **{key: _bundle({"entry": entries}) for key, entries in found.items()}},
    }


def grown(document: _Json, size: int, seed: int = 1) -> bytes:
    """A request with as much added to its prefetch as makes it exactly ``size`` bytes long."""
    prefetch = {key: document["prefetch"].get(key) for key in TEMPLATES}
    bundles = {key: _bundle(prefetch[key]) for key in prefetch if key != "patient"}
    whole = {**document, "prefetch": {**prefetch, **bundles}}
    missing = size - len(_written(whole))
    for kind, resource in _everyday(document["context"]["patientId"], random.Random(seed)):
        entry = {"fullUrl": f"https://ehr.example/fhir/{kind}/{resource['id']}", "resource": resource}
        missing -= len(_written(entry | {"search": {"mode": "match"}})) + 1
        if missing < _ROOM_FOR_A_NOTE:
            break
        bundles[_KEYS[kind]]["entry"].append(entry | {"search": {"mode": "match"}})
    return _noted(whole, bundles, size)


def filled(chart: str, key: str, resources: Iterable[_Json | None], size: int) -> bytes:
    """A request with as many of these resources under one key as ``size`` allows; None is an entry without any."""
    made = document(chart)
    held = {name: _bundle(made["prefetch"].get(name)) for name in TEMPLATES if name not in (key, "patient")}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [_PLACE]}
    before, _, after = _written(made | {"prefetch": {**made["prefetch"], **held, key: bundle}}).partition(
        _written(_PLACE)
    )
    entries, left = [], size - len(before) - len(after)
    for resource in resources:
        entry = _written({} if resource is None else {"resource": resource})
        left -= len(entry) + 1
        if left < 0:
            break
        entries.append(entry)
    return before + b",".join(entries) + after


_PLACE = "the entries"


def about(patient: str, body: bytes) -> bytes:
    """The same request about another patient, whose id must be as long as ``example``."""
    names = (b'"patientId":"%s"', b'"resourceType":"Patient","id":"%s"', b'"reference":"Patient/%s"')
    for name in names:
        body = body.replace(name % b"example", name % patient.encode())
    return body


_ROOM_FOR_A_NOTE = 400
"""And for the totals of the Bundles."""


def _noted(whole: _Json, bundles: dict[str, _Json], size: int) -> bytes:
    """The request with its last result annotated at the length that is still missing."""
    for bundle in bundles.values():
        bundle["total"] = len(bundle["entry"])
    last = bundles["observations"]["entry"][-1]["resource"]
    last["note"] = [{"text": ""}]
    last["note"][0]["text"] = ("seen and discussed " * size)[: size - len(_written(whole))]
    return _written(whole)


def _bundle(value: _Json | None) -> _Json:
    sent = value or {}
    return {"resourceType": "Bundle", "type": "searchset", **sent, "entry": list(sent.get("entry", ()))}


def _written(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _everyday(patient: str, chance: random.Random) -> Iterator[tuple[str, _Json]]:
    """Without end: what fills a chart and concerns no rule, with a few results that some rules do read."""
    while True:
        kind = "Observation" if chance.random() < _OBSERVATIONS else chance.choice(_OTHERS)
        resource = chance.choice(_models()[kind])
        own = {"id": str(_uuid(chance)), "subject": {"reference": f"Patient/{patient}"}}
        yield kind, {**resource, **own, **_VARIED[kind](chance)}


def _observation(chance: random.Random) -> _Json:
    when = _moment(chance)
    told = {"encounter": _encounter(chance), "effectiveDateTime": when, "issued": when}
    if chance.random() < _READ_BY_RULES:
        return told
    code, name, unit, low, high = chance.choice(EVERYDAY_RESULTS)
    value = round(chance.uniform(low, high), 1)
    measured = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {**told, "code": _concept(_LOINC, code, name), "valueQuantity": measured}


def _condition(chance: random.Random) -> _Json:
    when = _moment(chance)
    return {"code": _concept(_ICD, *chance.choice(_DIAGNOSES)), "onsetDateTime": when, "recordedDate": when}


def _medication_request(chance: random.Random) -> _Json:
    drug = _concept(_RXNORM, *chance.choice(_DRUGS))
    return {"status": "stopped", "medicationCodeableConcept": drug, "authoredOn": _moment(chance)}


def _procedure(chance: random.Random) -> _Json:
    return {"code": _concept(_SNOMED, *chance.choice(_DONE)), "performedDateTime": _moment(chance)}


def _visit(chance: random.Random) -> _Json:
    when = _moment(chance)
    return {"period": {"start": when, "end": when}}


_VARIED = {
    "Condition": _condition,
    "Encounter": _visit,
    "MedicationRequest": _medication_request,
    "Observation": _observation,
    "Procedure": _procedure,
}
_OTHERS = ("Condition", "Encounter", "Encounter", "MedicationRequest", "MedicationRequest", "Procedure")


def _concept(system: str, code: str, name: str) -> _Json:
    return {"coding": [{"system": system, "code": code, "display": name}], "text": name}


def _encounter(chance: random.Random) -> _Json:
    return {"reference": f"Encounter/{_uuid(chance)}"}


def _moment(chance: random.Random) -> str:
    day = TODAY - timedelta(days=chance.randint(1, 3650))
    return f"{day}T{chance.randint(7, 18):02}:{chance.randint(0, 59):02}:00-05:00"


def _uuid(chance: random.Random) -> uuid.UUID:
    return uuid.UUID(int=chance.getrandbits(128), version=4)


@cache
def _part(name: str) -> _Json:
    part: _Json = json.loads((EXAMPLES / "parts" / f"{name}.json").read_bytes())
    return part


@cache
def _models() -> dict[str, list[_Json]]:
    """The resources of a patient with nothing to say, by type; results that are numbers only, so that they can vary."""
    bundle = json.loads((EXAMPLES / "patients" / "hypertension.json").read_bytes())
    found: dict[str, list[_Json]] = {kind: [] for kind in _KEYS}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        measured = "valueQuantity" in resource or resource["resourceType"] != "Observation"
        if resource["resourceType"] in found and measured:
            found[resource["resourceType"]].append(resource)
    return found
