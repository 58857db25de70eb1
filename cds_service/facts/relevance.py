"""Which resources of a chart rules could read, told before it is looked at.

Most of a long chart says nothing to any rule: diagnoses, drugs, results and visits that no value set knows. Much of the
rest is read only once a rule has started on something else. To leave these out changes no answer; it is left undone
where it might, which is where one of them is odd, is referred to, or may be another version of one that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from cds_service.facts.chart import MOST_RESOURCES
from cds_service.facts.losses import is_plain
from cds_service.facts.results import known_sets, perhaps_known
from cds_service.fhir import elements as fhir
from cds_service.terminology.vocabulary import Vocabulary

_Concept: TypeAlias = fhir.CodeableConcept | None
_Sets: TypeAlias = frozenset[str] | None
"""Those that a resource may be in; None where that cannot be told here."""
_Kind: TypeAlias = type[fhir.Resource]
_NO_SETS: frozenset[str] = frozenset()
_MOST_REMEMBERED = 50_000


class Parts:
    """The resources of a chart by what rules need them for."""

    def __init__(self, now: Iterable[fhir.Resource] = ()) -> None:
        self.now: dict[_Kind, list[fhir.Resource]] = {}
        """What could start a rule, and what has to be looked at to tell."""
        self.later: dict[_Kind, list[fhir.Resource]] = {}
        """What is read only once a rule has started."""
        self.never: dict[_Kind, list[fhir.Resource]] = {}
        """What no rule could read anything of."""
        for one in now:
            self.now.setdefault(type(one), []).append(one)

    def looked_at(self, kind: _Kind) -> Iterator[fhir.Resource]:
        yield from self.now.get(kind, ())
        yield from self.later.get(kind, ())

    def move(self, kind: _Kind, source: dict[_Kind, list[fhir.Resource]], to: dict[_Kind, list[fhir.Resource]]) -> None:
        if kind in source:
            to.setdefault(kind, []).extend(source.pop(kind))


class Relevance:
    """Remembers what concepts are: made for many charts of an export, never for those of requests.

    ``watched`` are the value sets that could start a rule; what ``stays`` is needed for more than facts.
    """

    def __init__(self, vocabulary: Vocabulary, watched: frozenset[str], stays: Callable[[fhir.Resource], bool]) -> None:
        self._vocabulary, self._watched, self._stays = vocabulary, watched, stays
        self._remembered: dict[tuple[str, fhir.ConceptKey], frozenset[str]] = {}
        self._readers: Mapping[_Kind, Callable[[Any], _Sets]] = {
            fhir.Condition: lambda one: self._sets(self._diagnosis, one.code),
            fhir.Procedure: lambda one: self._sets(self._codes, one.code),
            fhir.ServiceRequest: lambda one: self._sets(self._codes, one.code),
            fhir.Observation: self._result,
            fhir.Encounter: self._visit,
            fhir.MedicationRequest: self._drug,
            fhir.MedicationStatement: self._drug,
            fhir.MedicationDispense: self._drug,
        }

    def parts(self, chart: Sequence[fhir.Resource], odd: Sequence[fhir.Resource]) -> Parts:
        """The resources of one chart, those first that can be read in full; ``odd`` ones are looked at in any case.

        Where there are more than facts read, it matters which of them come first.
        """
        parts = self._parted(chart, odd)
        if len(chart) + len(odd) <= MOST_RESOURCES:
            return parts
        strange = parts.never.get(fhir.Observation, [])
        left_out = set(map(id, strange))
        whole = Parts([one for one in (*odd, *chart) if id(one) not in left_out])
        whole.never[fhir.Observation] = strange
        return whole

    def _parted(self, chart: Iterable[fhir.Resource], odd: Sequence[fhir.Resource]) -> Parts:
        parts = Parts(odd)
        for one in chart:
            reader = self._readers.get(type(one))
            sets = reader(one) if reader and not self._stays(one) else None
            if sets is None or not sets.isdisjoint(self._watched):
                side = parts.now
            else:
                side = parts.later if sets else parts.never
            side.setdefault(type(one), []).append(one)
        _look_at_what_is_odd(parts)
        _look_at_other_versions(parts)
        _look_at_what_is_referred_to(parts)
        _look_at_what_tells_of_odd_encounters(parts, odd)
        return parts

    def _sets(self, read: Callable[[fhir.CodeableConcept], frozenset[str]], concept: _Concept) -> _Sets:
        if concept is None:
            return None
        key = read.__name__, fhir.concept_key(concept)
        found = self._remembered.get(key)
        if found is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[key] = read(concept)
        return found

    def _diagnosis(self, concept: fhir.CodeableConcept) -> frozenset[str]:
        match = self._vocabulary.diagnosis(concept)
        return match.sets | match.possible if match else _NO_SETS

    def _codes(self, concept: fhir.CodeableConcept) -> frozenset[str]:
        match = self._vocabulary.codes(concept)
        return match.sets if match else _NO_SETS

    def _drug(self, one: fhir.MedicationRequest | fhir.MedicationStatement | fhir.MedicationDispense) -> _Sets:
        """A drug of ours may be in more sets by its form or its route."""
        return None if one.medication_reference else self._sets(self._unknown_drug, one.medication_codeable_concept)

    def _unknown_drug(self, concept: fhir.CodeableConcept) -> frozenset[str]:
        return _NO_SETS if self._vocabulary.drug(concept) is None else self._watched

    def _visit(self, one: fhir.Encounter) -> _Sets:
        service = (one.service_type,) if one.service_type else ()
        said = (*fhir.many(one.type), *fhir.many(one.reason_code), *service)
        return _NO_SETS.union(*(self._sets(self._diagnosis, concept) or _NO_SETS for concept in said))

    def _result(self, one: fhir.Observation) -> _Sets:
        """Of a result that facts look at, at least that."""
        if one.code is None or one.component:
            return None
        return self._sets(self._looked_at, one.code)

    def _looked_at(self, concept: fhir.CodeableConcept) -> frozenset[str]:
        if not perhaps_known((fhir.Observation(code=concept),), self._vocabulary):
            return _NO_SETS
        return known_sets(concept, self._vocabulary) | _LOOKED_AT


def _look_at_what_is_odd(parts: Parts) -> None:
    """A code or a date that FHIR does not have is told, whatever it stands in; but not in a result that is left out."""
    for side in (parts.later, parts.never):
        told = [kind for kind in side if side is parts.later or kind is not fhir.Observation]
        for kind in [kind for kind in told if not is_plain(kind, side[kind])]:
            parts.move(kind, side, parts.now)


def _look_at_other_versions(parts: Parts) -> None:
    for kind, found in parts.never.items():
        names = {one.id for one in parts.looked_at(kind)} if kind is not fhir.Observation else ()
        if names and not names.isdisjoint([one.id for one in found]):
            parts.never[kind] = [one for one in found if one.id not in names]
            parts.later.setdefault(kind, []).extend([one for one in found if one.id in names])


def _look_at_what_is_referred_to(parts: Parts) -> None:
    """An order may say by reference what it is for, and a diagnosis in which encounter it was made."""
    for kind in _WITH_REASONS:
        if any(one.reason_reference for one in parts.looked_at(kind)):  # type: ignore[attr-defined]  # of that type
            parts.move(fhir.Condition, parts.never, parts.later)
    if next(parts.looked_at(fhir.Condition), None) is not None:
        parts.move(fhir.Encounter, parts.never, parts.later)


def _look_at_what_tells_of_odd_encounters(parts: Parts, odd: Sequence[fhir.Resource]) -> None:
    """Encounters are read for a diagnosis that has no day of its own, and what is odd in one is told then."""
    visits = parts.now.get(fhir.Encounter, ())
    if any(isinstance(one, fhir.Encounter) for one in odd) or not is_plain(fhir.Encounter, visits):
        parts.move(fhir.Condition, parts.later, parts.now)


_LOOKED_AT = frozenset({"looked at"})
_WITH_REASONS = tuple(kind for kind in fhir.READ if "reason_reference" in kind.__struct_fields__)
