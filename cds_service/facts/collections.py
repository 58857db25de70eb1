"""What the value sets know of a chart, collection by collection: each is built when it is first asked for."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from operator import attrgetter
from typing import TypeAlias, TypeVar

import msgspec

from cds_service.facts import attempts, conditions, drugs, results
from cds_service.facts.attempts import Attempt
from cds_service.facts.chart import Chart
from cds_service.facts.collection import Classified, Collection, Untold
from cds_service.facts.drafted import DraftedSets
from cds_service.facts.drugs import Entry, Indication
from cds_service.facts.losses import CONCEPTS, is_named
from cds_service.facts.numbers import Numbers
from cds_service.facts.orders import REQUESTS, STOPPED, Ordered, drafted_sets, order, ordered
from cds_service.facts.patient import (
    Allergy,
    Condition,
    DiagnosticReport,
    Drug,
    Medication,
    Observation,
    Order,
    PlannedCare,
    Procedure,
    ScreeningAnswer,
)
from cds_service.facts.pharmacy import Pharmacy
from cds_service.facts.queries import DRAFTS, MEDICATIONS, READS
from cds_service.facts.values import SCALES, most_by_set
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Interval
from cds_service.terminology.systems import among_known
from cds_service.terminology.vocabulary import Vocabulary

Taken = TypeVar("Taken", fhir.MedicationRequest, fhir.MedicationStatement, fhir.MedicationDispense)

_NO_SETS: frozenset[str] = frozenset()
_NOTHING = Collection(sets=_NO_SETS)
_NO_INDICATION = Indication()
_REASONS = frozenset({"reasonCode", "reasonReference"})
_REASON_LOST, _REASON_NOT_SENT = "the reason of an order cannot be read", "the reason of an order was not sent"
_UNKNOWN = Drug(_NO_SETS, _NO_SETS, "")
_DIAGNOSES = (fhir.Condition, fhir.Encounter, fhir.AdverseEvent)
_IDLE = "a draft is no order by its status, its intent or doNotPerform"
_NOT_THE_PATIENT_S = "a draft does not name the patient"
_LAPSED = "drugs of active orders whose validity has ended are not counted as current"
_CONDITIONS, _ENCOUNTERS = "conditions", "encounters"


class Collections(dict[str, Collection]):
    """The collections of one chart on one day, by name; each is made when it is first asked for.

    None of what is made of it leads back to it, so that a chart ends with its request.
    """

    def __init__(self, chart: Chart, vocabulary: Vocabulary, numbers: Numbers, today: date, *, signing: bool) -> None:
        super().__init__()
        self.chart, self.today, self.numbers = chart, today, numbers
        self._vocabulary, self._signing = vocabulary.of_a_request(), signing
        self._pharmacy = Pharmacy(self._vocabulary, chart.references, chart.losses, numbers)
        self._ordered: tuple[tuple[int, Ordered], ...] | None = None
        self._completed_by: dict[str, set[str]] = {}
        """By key that was not read yet, the collections that were made without what they refer to there."""
        self._unknown: dict[str, str] = {}
        """By key why a current drug of it could be any: its Medication was not sent, or cannot be read."""
        self._foreign_drugs: list[tuple[fhir.CodeableConcept, ...]] = []
        self._nameless_drugs = 0
        self.notes: dict[str, str] = {}
        """By collection, what was left aside of it."""
        self.unread_codes: dict[str, Mapping[str, int]] = {}
        """By collection, and of the drafts, how many codes in each system are not read."""

    def need(self, keys: Iterable[str]) -> None:
        """Reads these keys as what rules asked for."""
        self.chart.need(keys)
        self._look_again()

    def look(self, keys: Iterable[str]) -> None:
        """Reads what there is under these keys, for what drafts refer to."""
        self.chart.look(keys)
        self._look_again()

    def _look_again(self) -> None:
        """Forgets what was made without what it refers to and has been read since."""
        if self._ordered is not None and self.drafted.unreadable:
            self._ordered = None
            self.__dict__.pop("drafted", None)
        for key in [key for key in self._completed_by if self.chart.has_read(key)]:
            for name in self._completed_by.pop(key):
                self._forget(name)
        for name, kinds in _READ_FROM.items():
            if not self.chart.grown.isdisjoint(kinds):
                self._forget(name)
        self.chart.grown.clear()

    def _forget(self, name: str) -> None:
        self.pop(name, None)
        self.__dict__.pop(name, None)

    def __missing__(self, name: str) -> Collection:
        made = self[name] = self._make(name)
        return made

    def _make(self, name: str) -> Collection:
        kinds, build = _BUILDERS[name]
        found = () if self.chart.by_type.keys().isdisjoint(_READ_FROM[name]) else build(self)
        whys = [(key, self.chart.why_not(key)) for key in READS[name]]
        gap = "; ".join([f"{key}: {why}" for key, why in whys if why]) or None
        if name == MEDICATIONS and self._unknown:
            for key, why in self._unknown.items():
                self.chart.gaps.setdefault(key, why)
            gap = gap or f"{MEDICATIONS}: {next(iter(self._unknown.values()))}"
        untold = tuple(self._untold(kinds))
        if not found and gap is None and not untold:
            return _NOTHING
        return Collection(found, gap, _NO_SETS.union(*[item.sets for item in found]), untold)

    def _untold(self, kinds: _Kinds) -> Iterator[Untold]:
        """The resources of which it cannot be told whether or how they count, unless no value set knows them."""
        for unsure in itertools.chain.from_iterable(self.chart.losses.unsure.get(kind, ()) for kind in kinds):
            sets = self._sets(unsure.resource)
            if sets is None or sets:
                yield Untold(sets, unsure.why)

    def _sets(self, resource: fhir.Resource) -> frozenset[str] | None:
        """The value sets of what a resource is about; None where it could be any."""
        if isinstance(resource, fhir.MedicationRequest | fhir.MedicationStatement | fhir.MedicationDispense):
            named = self._pharmacy.drug_of(resource)
            return named.drug.sets if named.drug else None if named.unreadable else _NO_SETS
        if type(resource) not in CONCEPTS or not is_named(resource):
            return None
        match = self._vocabulary.diagnosis if isinstance(resource, _DIAGNOSES) else self._vocabulary.codes
        if isinstance(resource, fhir.AllergyIntolerance):
            match = self._vocabulary.drug
        held = [getattr(resource, name) for name in CONCEPTS[type(resource)].values()]
        values = [value for one in held for value in (one if isinstance(one, list) else [one])]
        concepts = [fhir.CodeableConcept(text=one) if isinstance(one, str) else one for one in values]
        return _NO_SETS.union(*[found.sets for found in map(match, concepts) if found])

    @cached_property
    def _use(self) -> drugs.CurrentUse:
        return drugs.current_use(self.numbers, self.today)

    @cached_property
    def _most(self) -> Mapping[str, float]:
        return most_by_set(self.numbers.parameters[SCALES])

    @cached_property
    def drafted(self) -> DraftedSets:
        """The value sets of the drafts."""
        return drafted_sets([one for _, one in self._drafts()], signing=self._signing)

    @property
    def refers_to_conditions(self) -> bool:
        """Whether a draft says what it is for by a reference."""
        return any(one.request.reason_reference for _, one in self._drafts())

    def _drafts(self) -> tuple[tuple[int, Ordered], ...]:
        """What each draft orders, with its place."""
        if self._ordered is None:
            read = [
                (place, ordered(draft, self._vocabulary, self._pharmacy, self.chart.losses, signing=self._signing))
                for place, draft in enumerate(self.chart.drafts, 1)
            ]
            self._ordered = tuple([(place, one) for place, one in read if one is not None])
            self._tally(DRAFTS, [one.named.foreign for _, one in self._ordered])
        return self._ordered

    def draft_notes(self) -> dict[str, str]:
        """What became of drafts under review that are not reviewed: they must not vanish without a word."""
        ordering = {id(one.draft) for _, one in self._drafts()}
        reviewed = [d for d in self.chart.drafts if d.selected and isinstance(d.resource, REQUESTS)]
        idle = [d for d in reviewed if id(d) not in ordering]
        told = {_IDLE: len(idle), _NOT_THE_PATIENT_S: self.chart.foreign_orders}
        return {f"drafts: {note}": f"{note} ({count})" for note, count in told.items() if count}

    def orders(self) -> tuple[Order, ...]:
        """Each draft once; one without an id, or with the id of another, is called by its place."""
        found: dict[str | bytes, Order] = {}
        twice = {name for name, count in Counter(one.draft.reference for _, one in self._drafts()).items() if count > 1}
        for place, one in self._drafts():
            made = order(one, self._reason, self.today)
            if not made.source or made.source in twice:
                made = msgspec.structs.replace(made, source=f"draft {place}", named=False)
                found.setdefault(made.raw, made)
            else:
                found[made.source] = made
        return tuple(found.values())

    def _encounter_day(self, diagnosis: fhir.Condition) -> Interval | None:
        if diagnosis.encounter is None:
            return None
        self.chart.look((_ENCOUNTERS,))
        encounter = self.chart.references.find(diagnosis.encounter, fhir.Encounter, diagnosis)
        day = conditions.encounter_day(encounter) if encounter else None
        if day is None and not self.chart.has_read(_ENCOUNTERS):
            self._completed_by.setdefault(_ENCOUNTERS, set()).update((_CONDITIONS, "events"))
        return day

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        read, known = conditions.condition, (self._vocabulary, self.today, self._encounter_day, self.chart.born)
        found: list[Condition] = []
        foreign, nameless = [], 0
        for resource in self.chart.of(fhir.Condition):
            listed = read(resource, *known)
            if listed:
                found += listed
            elif conditions.is_nameless(resource):
                nameless += 1
            elif resource.code and conditions.is_foreign(resource, self._vocabulary):
                foreign.append((resource.code,))
        self._note(_CONDITIONS, foreign, nameless, "diagnosis", "diagnoses")
        found += conditions.palliative_encounters(self.chart.of(fhir.Encounter), self._vocabulary, self.today)
        return conditions.merged(sorted(found, key=_source))

    def _note(
        self, name: str, foreign: Sequence[tuple[fhir.CodeableConcept, ...]], nameless: int, thing: str, things: str
    ) -> None:
        """Tells how many are coded in systems that are not read, and how many nothing names."""
        self._tally(name, foreign)
        for what, count in (("in unread code systems", len(foreign)), ("without code or words", nameless)):
            self.notes.pop(f"{name} {what}", None)
            if count:
                self.notes[f"{name} {what}"] = f"{count} {thing if count == 1 else things} {what}"

    def _tally(self, name: str, foreign: Iterable[tuple[fhir.CodeableConcept, ...]]) -> None:
        coded = [coding for concepts in foreign for concept in concepts for coding in fhir.codings(concept)]
        self.unread_codes[name] = Counter([among_known(one.system) for one in coded if one.code and one.system])

    def events(self) -> tuple[Condition, ...]:
        found = [c for c in self.conditions if conditions.is_event(c)]
        found += filter(None, (conditions.encounter_event(e, self._vocabulary) for e in self.chart.of(fhir.Encounter)))
        found += filter(None, (conditions.adverse_event(a, self._vocabulary) for a in self.chart.of(fhir.AdverseEvent)))
        return tuple([c for c in sorted(found, key=_source) if conditions.on_or_before(c, self.today)])

    def _reason(self, order: fhir.MedicationRequest | fhir.MedicationStatement | fhir.ServiceRequest) -> Indication:
        """What an order is for: its codes and words, and the Conditions it refers to."""
        named = list(fhir.many(order.reason_code))
        referred = fhir.many(order.reason_reference)
        if referred and not self.chart.has_read(_CONDITIONS):
            self._completed_by.setdefault(_CONDITIONS, set()).add(MEDICATIONS)
        unreadable = "" if self.chart.losses.of(order).isdisjoint(_REASONS) else _REASON_LOST
        for reference in referred:
            diagnosis = self.chart.references.find(reference, fhir.Condition, order)
            code = diagnosis.code if diagnosis else None
            named.append(code or fhir.CodeableConcept(text=reference.display))
            if code is None and not reference.display:
                unreadable = unreadable or _REASON_NOT_SENT
        if not named:
            return Indication(unreadable=unreadable) if unreadable else _NO_INDICATION
        matches = [self._vocabulary.diagnosis(c) for c in named]
        sets = [m.sets | m.possible if m else _NO_SETS for m in matches]
        said = [self._vocabulary.name(c, held) for c, held in zip(named, sets, strict=True)]
        each = tuple([held for held, words in zip(sets, said, strict=True) if words])
        return Indication(_NO_SETS.union(*each), "; ".join(filter(None, said)), each, unreadable)

    def _entries(self) -> Iterator[Entry]:
        for request in self.chart.of(fhir.MedicationRequest):
            yield from self._entry(request, "medicationRequests", self._request_entry)
        for statement in self.chart.of(fhir.MedicationStatement):
            yield from self._entry(statement, "medicationStatements", self._statement_entry)
        for dispense in self.chart.of(fhir.MedicationDispense):
            yield from self._entry(dispense, "medicationDispenses", self._dispense_entry)

    def _entry(self, resource: Taken, key: str, read: Callable[[Taken, Drug], Entry | None]) -> Iterator[Entry]:
        """The entry of a drug we know; a current one whose Medication was not sent could be any drug."""
        named = self._pharmacy.drug_of(resource)
        drug = named.drug or (_UNKNOWN if named.unreadable or named.untold else None)
        entry = read(resource, drug) if drug else None
        if entry and named.drug:
            yield entry
        elif entry and entry.current and named.unreadable:
            self._unknown[key] = named.unreadable
        elif entry and entry.current and named.foreign:
            self._foreign_drugs.append(named.foreign)
        elif entry and entry.current:
            self._nameless_drugs += 1

    def _request_entry(self, resource: fhir.MedicationRequest, drug: Drug) -> Entry | None:
        return drugs.request_entry(resource, drug, self._reason(resource), self._use, self.chart.losses.of(resource))

    def _statement_entry(self, resource: fhir.MedicationStatement, drug: Drug) -> Entry | None:
        return drugs.statement_entry(resource, drug, self._reason(resource), self._use, self.chart.losses.of(resource))

    def _dispense_entry(self, resource: fhir.MedicationDispense, drug: Drug) -> Entry | None:
        return drugs.dispense_entry(resource, drug, self._use, self.chart.losses.of(resource))

    def medications(self) -> tuple[Medication | Attempt, ...]:
        self._foreign_drugs.clear()
        self._nameless_drugs = 0
        entries = list(self._entries())
        self._note(MEDICATIONS, self._foreign_drugs, self._nameless_drugs, "drug", "drugs")
        taken = drugs.medications(entries, self._vocabulary, self._use, self._drafted_drugs())
        self.notes.pop(_LAPSED, None)
        if lapsed := sum(one.lapsed is not None for one in taken):
            self.notes[_LAPSED] = f"{MEDICATIONS}: {_LAPSED} ({lapsed})"
        return *taken, *self._attempts()

    def _attempts(self) -> Iterator[Attempt]:
        for request in filter(attempts.is_one, self.chart.of(fhir.MedicationRequest)):
            yield from self._attempt(request)
        for statement in filter(attempts.is_one, self.chart.of(fhir.MedicationStatement)):
            yield from self._attempt(statement)

    def _attempt(self, resource: fhir.MedicationRequest | fhir.MedicationStatement) -> Iterator[Attempt]:
        drug = self._pharmacy.drug_of(resource).drug
        return attempts.attempts(resource, drug.sets, self._vocabulary) if drug else iter(())

    def _drafted_drugs(self) -> Mapping[str, Container[str]]:
        """The drafts that go on, by ingredient."""
        found: dict[str, set[str]] = {}
        for _, one in self._drafts():
            if one.named.drug and one.request.status not in STOPPED:
                for ingredient in one.named.drug.ingredients:
                    found.setdefault(ingredient, set()).add(one.draft.reference)
        return found

    @cached_property
    def observations(self) -> tuple[Observation, ...]:
        read, vocabulary, most = results.read_observations, self._vocabulary, self._most
        found = [o for r in self.chart.of(fhir.Observation) for o in read(r, vocabulary, most)]
        found = [o for o in found if o.day is None or o.day.first <= self.today]
        return tuple(sorted(found, key=_newness, reverse=True))

    def answers(self) -> tuple[ScreeningAnswer, ...]:
        found = [a for o in self.observations if (a := results.question(o))]
        for form in self.chart.of(fhir.QuestionnaireResponse):
            found += results.form_answers(form, self._vocabulary)
        return results.newest_first(found, self.today)

    def procedures(self) -> tuple[Procedure, ...]:
        found = [p for r in self.chart.of(fhir.Procedure) if (p := results.procedure(r, self._vocabulary))]
        found = [p for p in found if p.day is None or p.day.first <= self.today]
        return tuple(sorted(found, key=_newness, reverse=True))

    def requests(self) -> tuple[PlannedCare, ...]:
        found = (results.service_request(r, self._vocabulary) for r in self.chart.of(fhir.ServiceRequest))
        return tuple(sorted((r for r in found if r), key=_source))

    def plans(self) -> tuple[PlannedCare, ...]:
        planned = (results.care_plan(r, self._vocabulary) for r in self.chart.of(fhir.CarePlan))
        tasks = (results.task(r, self._vocabulary) for r in self.chart.of(fhir.Task))
        return tuple(sorted((r for r in (*planned, *tasks) if r), key=_source))

    def allergies(self) -> tuple[Allergy, ...]:
        found = (results.allergy(r, self._vocabulary) for r in self.chart.of(fhir.AllergyIntolerance))
        return tuple(sorted((a for a in found if a), key=_source))

    def reports(self) -> tuple[DiagnosticReport, ...]:
        read, known = results.report, (self._vocabulary, self._results)
        found = [r for d in self.chart.of(fhir.DiagnosticReport) if (r := read(d, *known))]
        return tuple(sorted(found, key=_newness, reverse=True))

    def _results(self, report: fhir.DiagnosticReport) -> tuple[Observation, ...]:
        """The results of a report that were sent or are contained in it."""
        referred = [self.chart.references.find(one, fhir.Observation, report) for one in fhir.many(report.result)]
        read, known = results.read_observations, (self._vocabulary, self._most)
        found = [o for resource in referred if resource for o in read(resource, *known)]
        return tuple([o for o in found if o.day is None or o.day.first <= self.today])


_Kinds: TypeAlias = tuple[type[fhir.Resource], ...]
_BUILDERS: dict[str, tuple[_Kinds, Callable[[Collections], tuple[Classified, ...]]]] = {
    _CONDITIONS: ((fhir.Condition,), attrgetter("conditions")),
    "events": ((fhir.Condition, fhir.Encounter, fhir.AdverseEvent), Collections.events),
    MEDICATIONS: ((fhir.MedicationRequest, fhir.MedicationStatement, fhir.MedicationDispense), Collections.medications),
    "observations": ((fhir.Observation,), attrgetter("observations")),
    "answers": ((fhir.Observation, fhir.QuestionnaireResponse), Collections.answers),
    "procedures": ((fhir.Procedure,), Collections.procedures),
    "requests": ((fhir.ServiceRequest,), Collections.requests),
    "plans": ((fhir.CarePlan, fhir.Task), Collections.plans),
    "allergies": ((fhir.AllergyIntolerance,), Collections.allergies),
    "reports": ((fhir.DiagnosticReport,), Collections.reports),
}
"""Each collection with the resources it is read from."""
_READ_FROM = {name: kinds for name, (kinds, _) in _BUILDERS.items()} | {_CONDITIONS: (fhir.Condition, fhir.Encounter)}
"""The same with what tells of a collection only where it was read for another; without any of them it is empty."""
COLLECTIONS = tuple(_BUILDERS)


# The order of entries in a Bundle means nothing, so it must not tell which of two facts comes first.


def _source(item: Condition | PlannedCare | Allergy) -> str:
    return item.source


def _newness(item: Observation | Procedure | DiagnosticReport) -> tuple[date, str, str]:
    written = item.written if isinstance(item, Observation) else ""
    return item.day.last if item.day else date.min, written, item.source
