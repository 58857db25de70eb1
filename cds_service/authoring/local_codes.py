"""The codes in a folder of charts or hook requests of which no value set can know anything.

They are those of code systems that are not read, beside words that are not known either.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from cds_service.fhir.elements import CodeableConcept, codings
from cds_service.terminology.vocabulary import Vocabulary

_DRUG, _DIAGNOSIS = "drug", "diagnosis"
_CODED = {
    "Condition": ("code", _DIAGNOSIS),
    "Medication": ("code", _DRUG),
    "MedicationRequest": ("medicationCodeableConcept", _DRUG),
    "MedicationStatement": ("medicationCodeableConcept", _DRUG),
    "MedicationDispense": ("medicationCodeableConcept", _DRUG),
}


class LocalCode(msgspec.Struct, frozen=True, order=True):
    """A code that tells nothing here: of what, and of which system."""

    of: str
    system: str
    code: str


def local_codes(folder: Path, vocabulary: Vocabulary) -> Counter[LocalCode]:
    """How often each occurs in the JSON and NDJSON files of a folder; ValueError names a file that is neither."""
    found: Counter[LocalCode] = Counter()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".ndjson")):
        for resource in _resources(path):
            found.update(_unknown(resource, vocabulary))
    return found


def _resources(path: Path) -> Iterator[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    for one in text.splitlines() if path.suffix == ".ndjson" else [text]:
        if one.strip():
            try:
                yield from _within(json.loads(one))
            except ValueError as error:
                raise ValueError(f"{path.name} is no JSON") from error


def _within(value: Any) -> Iterator[dict[str, Any]]:
    """Every resource in a value: of a Bundle, of a hook request, contained ones too."""
    if isinstance(value, dict):
        if value.get("resourceType") in _CODED:
            yield value
        for inner in value.values():
            yield from _within(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _within(inner)


def _unknown(resource: dict[str, Any], vocabulary: Vocabulary) -> Iterator[LocalCode]:
    member, of = _CODED[resource["resourceType"]]
    try:
        concept = msgspec.convert(resource.get(member), CodeableConcept | None)
    except msgspec.ValidationError:
        return
    if of == _DRUG:
        unknown = vocabulary.is_foreign(concept, "drug") and vocabulary.drug(concept) is None
    else:
        unknown = vocabulary.is_foreign(concept, "condition", "order") and vocabulary.diagnosis(concept) is None
    for coding in codings(concept) if unknown else ():
        if coding.code:
            yield LocalCode(of, coding.system or "", coding.code)
