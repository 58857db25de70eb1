"""Resources as a client sends them, short to write, and what the service makes of them on 15 June 2026.

Everything is about ``Patient/example`` unless a test says otherwise. A member given as None is left out.
"""

from __future__ import annotations

import itertools
import json
import tomllib
from datetime import UTC, date, tzinfo
from functools import cache
from typing import Any

import msgspec

from cds_service.content.model import Phenotype
from cds_service.content.places import cards
from cds_service.facts.build import build
from cds_service.facts.knowledge import Known
from cds_service.facts.numbers import Numbers
from cds_service.facts.orders import Drafted
from cds_service.facts.patient import PatientFacts
from cds_service.facts.queries import TEMPLATES
from cds_service.fhir import elements as fhir
from cds_service.fhir.decoding import LenientReader
from cds_service.fhir.sources import Reading, Source
from cds_service.settings import Settings
from cds_service.terminology.vocabulary import Vocabulary, read_value_sets

TODAY = date(2026, 6, 15)
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
OURS = "urn:org.rbd-cds:codes"
SCREEN = "https://cds.example.org/Questionnaire/rbd-screen"
KEYS = {template.partition("?")[0].partition("/")[0]: key for key, template in TEMPLATES.items()}

Json = dict[str, Any]
_number = itertools.count(1)


@cache
def vocabulary() -> Vocabulary:
    return Vocabulary(read_value_sets(cards(Settings()) / "value-sets"))


@cache
def numbers() -> Numbers:
    found = [msgspec.convert(tomllib.loads(p.read_text()), Phenotype) for p in cards(Settings()).glob("phenotypes/*")]
    return Numbers({f.id: {name: p.value for name, p in f.parameter.items()} for f in found})


# Concepts


def _without_none(members: Json) -> Json:
    return {name: value for name, value in members.items() if value is not None}


def coded(system: str, code: str, display: str | None = None, *, text: str | None = None) -> Json:
    return _without_none(
        {"coding": [_without_none({"system": system, "code": code, "display": display})], "text": text}
    )


def named(text: str) -> Json:
    return {"text": text}


def status(code: str) -> Json:
    return {"coding": [{"code": code}]}


ALZHEIMER = coded(SNOMED, "26929004", "Alzheimer's disease")
RBD = coded(SNOMED, "415238003", "REM sleep behavior disorder")
FALL = coded(SNOMED, "1912002", "Fall")
CLONAZEPAM = coded(RXNORM, "197527", "clonazepam 0.5 MG Oral Tablet")
SERTRALINE = coded(RXNORM, "312941", "sertraline 50 MG Oral Tablet")


# Resources


def resource(kind: str, **members: Any) -> Json:
    """Any resource about the patient, with an id of its own."""
    about = {"AllergyIntolerance": "patient", "Task": "for"}.get(kind, "subject")
    given = {"resourceType": kind, "id": f"{kind.lower()}-{next(_number)}"}
    if kind not in ("Patient", "Medication"):
        given[about] = {"reference": "Patient/example"}  # type: ignore[assignment]
    return _without_none(given | members)


def patient(born: str | None = "1951-03-02", **members: Any) -> Json:
    return resource("Patient", **({"id": "example", "birthDate": born, "gender": "female"} | members))


def condition(code: Json = ALZHEIMER, *, clinical: Any = "active", verification: Any = None, **members: Any) -> Json:
    """A diagnosis on the problem list; clinical and verification status by their code, or as sent."""
    return resource(
        "Condition",
        **{
            "code": code,
            "clinicalStatus": status(clinical) if isinstance(clinical, str) else clinical,
            "verificationStatus": status(verification) if isinstance(verification, str) else verification,
            **members,
        },
    )


def request(drug: Json | None = CLONAZEPAM, **members: Any) -> Json:
    """An active order of the medication list."""
    return resource(
        "MedicationRequest",
        **({"status": "active", "intent": "order", "medicationCodeableConcept": drug} | members),
    )


def draft(drug: Json | None = CLONAZEPAM, **members: Any) -> Json:
    return request(drug, **({"status": "draft"} | members))


def statement(drug: Json | None = CLONAZEPAM, **members: Any) -> Json:
    return resource("MedicationStatement", **({"status": "active", "medicationCodeableConcept": drug} | members))


def dispense(drug: Json | None = CLONAZEPAM, *, handed_over: str | None, **members: Any) -> Json:
    given = {"status": "completed", "medicationCodeableConcept": drug, "whenHandedOver": handed_over}
    return resource("MedicationDispense", **(given | members))


def observation(
    code: Json, day: str | None = "2026-06-01", value: Any = None, unit: str | None = None, **m: Any
) -> Json:
    """A final result: a number with its unit, a boolean, a concept, or none."""
    held: Json = {}
    if isinstance(value, bool):
        held = {"valueBoolean": value}
    elif isinstance(value, (int, float)):
        held = {"valueQuantity": _without_none({"value": value, "unit": unit})}
    elif value is not None:
        held = {"valueCodeableConcept": value}
    return resource("Observation", **({"status": "final", "code": code, "effectiveDateTime": day} | held | m))


def answers(
    day: str | None = "2026-06-01", *, status: str = "completed", members: Json | None = None, **given: Any
) -> Json:
    """The screening form with yes (True) and no (False) answers; ``_`` in a name stands for ``-``."""
    items = [{"linkId": name.replace("_", "-"), "answer": [_answer(value)]} for name, value in given.items()]
    held = {"questionnaire": SCREEN, "status": status, "authored": day, "item": items}
    return resource("QuestionnaireResponse", **(held | (members or {})))


def _answer(value: Any) -> Json:
    return {"valueBoolean": value} if isinstance(value, bool) else {"valueCoding": {"system": OURS, "code": value}}


def all_no(day: str | None = "2026-06-01", **others: Any) -> Json:
    """Brief jerks, and none of the red flags."""
    denied = {"complex_movements": False, "vocalizations": False, "dream_enactment": False, "injury": False}
    return answers(day, **({"brief_jerks": True} | denied | others))


# Doses


def repeat(**members: Any) -> Json:
    return {"repeat": members}


DAILY = repeat(frequency=1, period=1, periodUnit="d")


def dosage(amount: float | None = None, unit: str | None = "mg", timing: Json | None = DAILY, **members: Any) -> Json:
    """One dosage instruction."""
    quantity = (
        {} if amount is None else {"doseAndRate": [{"doseQuantity": _without_none({"value": amount, "unit": unit})}]}
    )
    return _without_none({"timing": timing, **quantity, **members})


# Facts


def facts(
    *chart: Json,
    drafts: tuple[Json, ...] = (),
    signing: bool = False,
    selected: tuple[str, ...] | None = None,
    gaps: dict[str, str] | None = None,
    today: date = TODAY,
    zone: tzinfo = UTC,
) -> PatientFacts:
    """The facts of a chart that was read in full, but for the gaps that are named by prefetch key."""
    held: dict[str, list[Reading]] = {key: [] for key in TEMPLATES}
    for one in chart:
        held[KEYS.get(one["resourceType"], "medicationRequests")].append(reading(one))
    found = {key: _source(kept, (gaps or {}).get(key)) for key, kept in held.items()}
    drafted = tuple(
        Drafted(
            reading(d).resource,
            f"{d['resourceType']}/{d['id']}" if "id" in d else "",
            selected is None or d["id"] in selected,
            written(d),
            reading(d).unreadable,
        )
        for d in drafts
    )
    given = {"drafts": drafted, "signing": signing, "zone": zone}
    return build(found, vocabulary(), numbers(), today, patient_id="example", **given)


def concepts(found: PatientFacts) -> frozenset[str]:
    """Every value set that anything in the chart or the drafts belongs to."""
    return found.drafted.every.union(*(held.sets or () for held in found.held.values()))


def _source(found: list[Reading], gap: str | None) -> Source:
    resources = tuple(one.resource for one in found if one.resource)
    return Source(resources, tuple(one for one in found if one.unreadable), gap)


def reading(one: Json) -> Reading:
    return LenientReader().reading(written(one))


def typed(one: Json) -> fhir.Resource:
    read = reading(one).resource
    assert read is not None, "a resource that can be read"
    return read


def written(one: Json) -> bytes:
    return json.dumps(one).encode()


def only(fact: object) -> Any:
    """The single item of a known collection."""
    assert isinstance(fact, Known), fact
    (item,) = fact.value
    return item
