"""How much of what is coded the value sets know, and which codes they do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.fhir.references import local
from cds_service.replay.chart import Chart
from cds_service.replay.judgements import Codes, Coverage, UnknownCode
from cds_service.terminology.vocabulary import Vocabulary

_Key: TypeAlias = tuple[tuple[tuple[str, str, str], ...], str]
Pair: TypeAlias = tuple[str, str]
OBSERVATIONS = "observations"
_DRUGS = (fhir.MedicationRequest, fhir.MedicationStatement, fhir.MedicationDispense)
_CODED: Mapping[type[fhir.Resource], str] = {
    fhir.Condition: "conditions",
    fhir.MedicationRequest: "medications",
    fhir.MedicationStatement: "medications",
    fhir.MedicationDispense: "medications",
    fhir.Observation: OBSERVATIONS,
    fhir.Procedure: "procedures",
    fhir.ServiceRequest: "requests",
    fhir.AllergyIntolerance: "allergies",
}
_KINDS = {"medications": ("drug",), "allergies": ("drug",), "conditions": ("condition", "order")}
_ODD = "(odd)"
_LONGEST_CODE, _LONGEST_SYSTEM = 64, 200
_MOST_REMEMBERED = 50_000
_MOST_CODES, _MOST_TOLD = 50_000, 500


class Counted(msgspec.Struct):
    """Counts of one collection, to be added up."""

    entries: int = 0
    known: int = 0
    foreign: int = 0
    unknown: Counter[Pair] = msgspec.field(default_factory=Counter)

    def add(self, other: Counted) -> None:
        self.entries += other.entries
        self.known += other.known
        self.foreign += other.foreign
        for pair, count in other.unknown.items():
            if pair in self.unknown or len(self.unknown) < _MOST_CODES:
                self.unknown[pair] += count


class Counting:
    """Counts the codes of charts. Of a concept it is found out once what is known of it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.found: dict[str, Counted] = {}
        read = {"medications": vocabulary.drug, "allergies": vocabulary.drug, "conditions": vocabulary.diagnosis}
        self._look: Callable[[str, _Key], tuple[bool, bool]] = lru_cache(_MOST_REMEMBERED)(
            lambda name, key: _looked_up(name, _concept(key), vocabulary, read.get(name, vocabulary.codes))
        )

    def take(self, chart: Chart) -> None:
        for entry in chart.entries:
            resource = entry.reading.resource
            name = _CODED.get(type(resource)) if resource is not None else None
            if name and resource is not None:
                self._count(name, _coded(resource, chart))

    def _count(self, name: str, concept: fhir.CodeableConcept | None) -> None:
        counted = self.found.setdefault(name, Counted())
        counted.entries += 1
        known, foreign = self._look(name, _key(concept))
        counted.known += known
        counted.foreign += foreign
        if not known:
            counted.unknown.update(pairs(concept))


def _looked_up(
    name: str, concept: fhir.CodeableConcept, vocabulary: Vocabulary, read: Callable[[fhir.CodeableConcept], object]
) -> tuple[bool, bool]:
    known = read(concept) is not None
    kinds = _KINDS.get(name)
    return known, not known and bool(kinds) and vocabulary.is_foreign(concept, *kinds or ())  # type: ignore[arg-type]  # names of kinds


def _coded(resource: fhir.Resource, chart: Chart) -> fhir.CodeableConcept | None:
    """What names it; of a drug by reference, the code of that drug."""
    if not isinstance(resource, _DRUGS):
        return getattr(resource, "code", None)
    if resource.medication_codeable_concept is not None or resource.medication_reference is None:
        return resource.medication_codeable_concept
    written = resource.medication_reference.reference or ""
    inside = [one for one in fhir.many(resource.contained) if f"#{one.id}" == written]
    named = inside[0] if inside else chart.shared.get(local(written))
    return named.code if isinstance(named, fhir.Medication) else None


def _key(concept: fhir.CodeableConcept | None) -> _Key:
    listed = tuple([(one.system or "", one.code or "", one.display or "") for one in fhir.codings(concept)])
    return listed, (concept.text or "") if concept else ""


def _concept(key: _Key) -> fhir.CodeableConcept:
    listed, text = key
    codings = [
        fhir.Coding(system=system or None, code=code or None, display=name or None) for system, code, name in listed
    ]
    return fhir.CodeableConcept(coding=codings, text=text or None)


def pairs(concept: fhir.CodeableConcept | None) -> Iterator[Pair]:
    for one in fhir.codings(concept):
        if one.code:
            yield told(one.system or "", one.code)


def told(system: str, code: str) -> Pair:
    """A code that looks like one; what a client put in its place may be words about somebody."""
    is_code = len(code) <= _LONGEST_CODE and " " not in code and code.isprintable()
    is_system = len(system) <= _LONGEST_SYSTEM and " " not in system and system.isprintable()
    return system if is_system else _ODD, code if is_code else _ODD


def codes_of(found: Mapping[str, Counted]) -> Codes:
    return Codes({name: _coverage(counted) for name, counted in sorted(found.items())})


def _coverage(counted: Counted) -> Coverage:
    most = sorted(counted.unknown.items(), key=lambda one: (-one[1], one[0]))[:_MOST_TOLD]
    unknown = tuple([UnknownCode(system, code, count) for (system, code), count in most])
    return Coverage(counted.entries, counted.known, counted.foreign, unknown)


def left_out(codes: Iterable[tuple[str, str, int]]) -> Counted:
    """The results that were left out at the split, each with a code that is not known."""
    counted = Counted()
    for system, code, count in codes:
        counted.entries += count
        counted.unknown[told(system, code)] += count
    return counted
