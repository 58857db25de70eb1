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
_NONE: Mapping[str, fhir.Resource] = {}
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


class Known:
    """Finds out once of each concept what is known of it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        read = {"medications": vocabulary.drug, "allergies": vocabulary.drug, "conditions": vocabulary.diagnosis}
        self.look: Callable[[str, fhir.ConceptKey], tuple[bool, bool]] = lru_cache(_MOST_REMEMBERED)(
            lambda name, key: _looked_up(name, _concept(key), vocabulary, read.get(name, vocabulary.codes))
        )
        """By collection and concept, whether it is known, and if not, whether it is of systems that are not read."""


class Counting:
    """Counts the codes of charts: first how often each concept comes, then what is known of it."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._found: dict[str, Counted] = {}
        self._waiting: Counter[tuple[str, fhir.ConceptKey]] = Counter()

    def take(self, chart: Chart) -> None:
        held = (entry.reading.resource for entry in chart.entries)
        drugs = [one.resource for one in chart.shared if one.resource is not None]
        self.count((*held, *chart.aside), {f"{fhir.type_of(one)}/{one.id}": one for one in drugs})

    def count(self, resources: Iterable[fhir.Resource | None], shared: Mapping[str, fhir.Resource] = _NONE) -> None:
        """Counts those that could be read; ``shared`` are the drugs that they refer to."""
        for resource in filter(None, resources):
            name = _CODED.get(type(resource))
            if name:
                self._waiting[name, fhir.concept_key(_coded(resource, shared))] += 1
        if len(self._waiting) > _MOST_REMEMBERED:
            self._settle()

    def add(self, other: Counting) -> None:
        for name, counted in other.found.items():
            self._found.setdefault(name, Counted()).add(counted)

    @property
    def found(self) -> Mapping[str, Counted]:
        """By collection."""
        self._settle()
        return self._found

    def _settle(self) -> None:
        for (name, key), count in self._waiting.items():
            counted = self._found.setdefault(name, Counted())
            known, foreign = self._known.look(name, key)
            counted.entries += count
            counted.known += known * count
            counted.foreign += foreign * count
            if not known:
                for pair in _pairs(key):
                    counted.unknown[pair] += count
        self._waiting.clear()


def _looked_up(
    name: str, concept: fhir.CodeableConcept, vocabulary: Vocabulary, read: Callable[[fhir.CodeableConcept], object]
) -> tuple[bool, bool]:
    known = read(concept) is not None
    kinds = _KINDS.get(name)
    return known, not known and bool(kinds) and vocabulary.is_foreign(concept, *kinds or ())  # type: ignore[arg-type]  # names of kinds


def _coded(resource: fhir.Resource, shared: Mapping[str, fhir.Resource]) -> fhir.CodeableConcept | None:
    """What names it; of a drug by reference, the code of that drug."""
    if not isinstance(resource, _DRUGS):
        return resource.code  # type: ignore[attr-defined,no-any-return]  # of a coded type
    if resource.medication_codeable_concept is not None or resource.medication_reference is None:
        return resource.medication_codeable_concept
    written = resource.medication_reference.reference or ""
    inside = [one for one in fhir.many(resource.contained) if f"#{one.id}" == written]
    named = inside[0] if inside else shared.get(local(written))
    return named.code if isinstance(named, fhir.Medication) else None


def _concept(key: fhir.ConceptKey) -> fhir.CodeableConcept:
    listed, text = key
    codings = [fhir.Coding(system=system, code=code, display=name) for system, code, name in listed]
    return fhir.CodeableConcept(coding=codings, text=text)


def _pairs(key: fhir.ConceptKey) -> Iterator[Pair]:
    """Each code once for each time that it stands in the concept."""
    for one in fhir.codings(_concept(key)):
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
