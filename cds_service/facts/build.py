"""Resources in, :class:`~cds_service.facts.patient.PatientFacts` out, in one walk over the chart.

Knows nothing of CDS Hooks: the caller says for each prefetch key what was read and why it may not be all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from operator import attrgetter
from typing import TypeAlias, TypeVar

import msgspec

from cds_service.facts import conditions, drugs, results
from cds_service.facts.drugs import Entry, Indication, Pharmacy
from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.numbers import Numbers
from cds_service.facts.orders import Drafted, order
from cds_service.facts.patient import (
    Allergy,
    Classified,
    Collection,
    Condition,
    DiagnosticReport,
    Drug,
    Medication,
    Observation,
    Order,
    PatientFacts,
    PlannedCare,
    Procedure,
    ScreeningAnswer,
)
from cds_service.facts.queries import READS, TEMPLATES, UNREADABLE_DRUG
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Age, Interval, age_on, interval
from cds_service.fhir.sources import Source
from cds_service.terminology.vocabulary import Vocabulary

R = TypeVar("R", bound=fhir.Resource)
Taken = TypeVar("Taken", fhir.MedicationRequest, fhir.MedicationStatement, fhir.MedicationDispense)


NOT_READ = Source(gap="not asked for")
_NO_SETS: frozenset[str] = frozenset()
_NOTHING = Collection(sets=_NO_SETS)
_NO_INDICATION = Indication()
_UNSENT = Drug(frozenset(), frozenset(), "")
_OLDEST_DEATH = date(1900, 1, 2)


class Chart:
    """The resources of one patient, sorted by type, those of other patients left out.

    Long charts are long lists of results that no value set knows. These are left out first, and what can be asked of
    a whole list is not asked of each resource.
    """

    def __init__(
        self, sources: Mapping[str, Source], drafts: Sequence[Drafted], vocabulary: Vocabulary, patient_id: str
    ) -> None:
        self._vocabulary = vocabulary
        self.by_type: dict[type[fhir.Resource], list[fhir.Resource]] = {}
        self.dropped = 0
        self._id = patient_id
        self._usual_reference = f"Patient/{patient_id}"
        self._seen: dict[type[fhir.Resource], set[str | None]] = {}
        for source in sources.values():
            for kind, found in _by_type(source.resources).items() if source.resources else ():
                self._take(kind, found)
        self.drafts = [d for d in drafts if self._is_for_patient(d.resource)]
        self.dropped += len(drafts) - len(self.drafts)
        self.medications = self._medications(drafts)

    def _take(self, kind: type[fhir.Resource], found: Sequence[fhir.Resource]) -> None:
        if kind is fhir.Observation:
            found = results.perhaps_known(found, self._vocabulary)  # type: ignore[arg-type]  # of that type
        mine = self._about_patient(kind, found)
        self.dropped += len(found) - len(mine)
        self.by_type.setdefault(kind, []).extend(self._once(kind, mine))

    def _about_patient(self, kind: type[fhir.Resource], found: Sequence[fhir.Resource]) -> Sequence[fhir.Resource]:
        """Those that name the patient or nobody."""
        subject_of = _SUBJECT_OF.get(kind)
        if subject_of is None:
            return [resource for resource in found if self._is_for_patient(resource)] if kind is fhir.Patient else found
        subjects = [subject_of(resource) for resource in found]
        named = {subject.reference for subject in subjects if subject is not None}
        others = {reference for reference in named if reference and not self._is_mine(reference)}
        if not others:
            return found
        return [r for r, s in zip(found, subjects, strict=True) if s is None or s.reference not in others]

    def _once(self, kind: type[fhir.Resource], found: Sequence[fhir.Resource]) -> Sequence[fhir.Resource]:
        """Those whose id did not come before; without an id each counts as another."""
        ids = {resource.id for resource in found}
        if len(ids) == len(found) and kind not in self._seen:
            self._seen[kind] = ids
            return found
        kept = []
        seen = self._seen.setdefault(kind, set())
        for resource in found:
            if resource.id is None or resource.id not in seen:
                seen.add(resource.id)
                kept.append(resource)
        return kept

    def _is_for_patient(self, resource: fhir.Resource) -> bool:
        """Whether a draft names the patient; only a Medication need not name anybody."""
        if isinstance(resource, fhir.Patient):
            return resource.id is None or resource.id == self._id
        subject_of = _SUBJECT_OF.get(type(resource))
        subject = subject_of(resource) if subject_of else None
        if subject is None or not subject.reference:
            return isinstance(resource, fhir.Medication)
        return self._is_mine(subject.reference)

    def _is_mine(self, reference: str) -> bool:
        """Whether an absolute or versioned address, a urn:uuid or a bare id names the patient, and not a Group."""
        if reference == self._usual_reference:
            return True
        *way, name = reference.split("/_history/")[0].replace(":", "/").split("/")
        return name == self._id and (not way or way[-1] in ("Patient", "uuid"))

    def _medications(self, drafts: Iterable[Drafted]) -> dict[str, fhir.Medication]:
        found = [r for r in self.by_type.get(fhir.Medication, ()) if isinstance(r, fhir.Medication)]
        found += [d.resource for d in drafts if isinstance(d.resource, fhir.Medication)]
        return {m.id: m for m in found if m.id}

    def of(self, kind: type[R]) -> list[R]:
        return self.by_type.get(kind, [])  # type: ignore[return-value]  # filled by type


def _by_type(resources: Sequence[fhir.Resource]) -> Mapping[type[fhir.Resource], Sequence[fhir.Resource]]:
    kinds = set(map(type, resources))
    if len(kinds) == 1:
        return {kinds.pop(): resources}
    found: dict[type[fhir.Resource], list[fhir.Resource]] = {}
    for resource in resources:
        found.setdefault(type(resource), []).append(resource)
    return found


_SUBJECT_MEMBERS = {fhir.AllergyIntolerance: "patient", fhir.Task: "for_"}
_SUBJECT_OF: dict[type[fhir.Resource], Callable[[fhir.Resource], fhir.Reference | None]] = {
    kind: attrgetter(member)
    for kind in fhir.READ
    if (member := _SUBJECT_MEMBERS.get(kind, "subject")) in kind.__struct_fields__
}


class Reader:
    """Reads one chart on one day."""

    def __init__(self, chart: Chart, vocabulary: Vocabulary, numbers: Numbers, today: date, *, signing: bool) -> None:
        self.chart, self.vocabulary, self.today, self.signing = chart, vocabulary, today, signing
        self.use = drugs.current_use(numbers, today)
        self.pharmacy = Pharmacy(vocabulary, chart.medications)
        self.unsent: set[str] = set()
        """The keys of current drugs whose Medication was not sent."""
        self.encounter_days = {
            e.id: day for e in chart.of(fhir.Encounter) if e.id and (day := conditions.encounter_day(e))
        }
        self.conditions = self._conditions()
        self.observations = self._observations()

    def _conditions(self) -> tuple[Condition, ...]:
        read, vocabulary, days = conditions.condition, self.vocabulary, self.encounter_days
        found = [c for r in self.chart.of(fhir.Condition) if (c := read(r, vocabulary, self.today, days))]
        return conditions.merged(sorted(found, key=_source))

    def events(self) -> tuple[Condition, ...]:
        found = [c for c in self.conditions if conditions.is_event(c)]
        found += filter(None, (conditions.encounter_event(e, self.vocabulary) for e in self.chart.of(fhir.Encounter)))
        found += filter(None, (conditions.adverse_event(a, self.vocabulary) for a in self.chart.of(fhir.AdverseEvent)))
        return tuple([c for c in sorted(found, key=_source) if conditions.on_or_before(c, self.today)])

    def reason(self, concepts: fhir.Many[fhir.CodeableConcept], references: fhir.Many[fhir.Reference]) -> Indication:
        """What an order is for: its codes and words, and the Conditions it refers to."""
        named = list(fhir.many(concepts))
        for reference in fhir.many(references):
            code = self._diagnosed.get(fhir.reference_id(reference, "Condition") or "")
            named.append(code or fhir.CodeableConcept(text=reference.display))
        if not named:
            return _NO_INDICATION
        said = [next(fhir.texts(c), "") for c in named]
        matches = [self.vocabulary.diagnosis(c) for c in named]
        each = tuple([m.sets if m else _NO_SETS for m, words in zip(matches, said, strict=True) if m or words])
        return Indication(_NO_SETS.union(*each), "; ".join(filter(None, said)), each)

    @cached_property
    def _diagnosed(self) -> dict[str, fhir.CodeableConcept]:
        return {c.id: c.code for c in self.chart.of(fhir.Condition) if c.id and c.code}

    def entries(self) -> Iterator[Entry]:
        for request in self.chart.of(fhir.MedicationRequest):
            yield from self._entry(request, "medicationRequests", self._request_entry)
        for statement in self.chart.of(fhir.MedicationStatement):
            yield from self._entry(statement, "medicationStatements", self._statement_entry)
        for dispense in self.chart.of(fhir.MedicationDispense):
            yield from self._entry(dispense, "medicationDispenses", self._dispense_entry)

    def _entry(self, resource: Taken, key: str, read: Callable[[Taken, Drug], Entry | None]) -> Iterator[Entry]:
        """The entry of a drug we know; a current one whose Medication was not sent could be any drug."""
        concept, reference = resource.medication_codeable_concept, resource.medication_reference
        named = self.pharmacy.name(concept, reference, fhir.many(resource.contained))
        drug = named.drug or (_UNSENT if named.unreadable else None)
        entry = read(resource, drug) if drug else None
        if entry and named.drug:
            yield entry
        elif entry and entry.current:
            self.unsent.add(key)

    def _request_entry(self, resource: fhir.MedicationRequest, drug: Drug) -> Entry | None:
        return drugs.request_entry(
            resource, drug, self.reason(resource.reason_code, resource.reason_reference), self.use
        )

    def _statement_entry(self, resource: fhir.MedicationStatement, drug: Drug) -> Entry | None:
        why = self.reason(resource.reason_code, resource.reason_reference)
        return drugs.statement_entry(resource, drug, why, self.use)

    def _dispense_entry(self, resource: fhir.MedicationDispense, drug: Drug) -> Entry | None:
        return drugs.dispense_entry(resource, drug, self.use)

    def medications(self) -> tuple[Medication, ...]:
        return drugs.medications(self.entries(), self.vocabulary, self.use)

    def _observations(self) -> tuple[Observation, ...]:
        read, vocabulary = results.read_observation, self.vocabulary
        found = [o for r in self.chart.of(fhir.Observation) if (o := read(r, vocabulary))]
        found = [o for o in found if o.day is None or o.day.first <= self.today]
        return tuple(sorted(found, key=_newness, reverse=True))

    def answers(self) -> tuple[ScreeningAnswer, ...]:
        found = [a for o in self.observations if (a := results.question(o))]
        for form in self.chart.of(fhir.QuestionnaireResponse):
            found += results.form_answers(form)
        return results.newest_first(found, self.today)

    def procedures(self) -> tuple[Procedure, ...]:
        found = [p for r in self.chart.of(fhir.Procedure) if (p := results.procedure(r, self.vocabulary))]
        found = [p for p in found if p.day is None or p.day.first <= self.today]
        return tuple(sorted(found, key=_newness, reverse=True))

    def requests(self) -> tuple[PlannedCare, ...]:
        found = (results.service_request(r, self.vocabulary) for r in self.chart.of(fhir.ServiceRequest))
        return tuple(sorted((r for r in found if r), key=_source))

    def plans(self) -> tuple[PlannedCare, ...]:
        found: list[PlannedCare | None] = [
            *(results.care_plan(r, self.vocabulary) for r in self.chart.of(fhir.CarePlan)),
            *(results.task(r, self.vocabulary) for r in self.chart.of(fhir.Task)),
        ]
        return tuple(sorted((r for r in found if r), key=_source))

    def allergies(self) -> tuple[Allergy, ...]:
        found = (results.allergy(r, self.vocabulary) for r in self.chart.of(fhir.AllergyIntolerance))
        return tuple(sorted((a for a in found if a), key=_source))

    def reports(self) -> tuple[DiagnosticReport, ...]:
        by_id = {o.source.removeprefix("Observation/"): o for o in self.observations}
        found = [r for d in self.chart.of(fhir.DiagnosticReport) if (r := results.report(d, self.vocabulary, by_id))]
        return tuple(sorted(found, key=_newness, reverse=True))

    def orders(self) -> tuple[Order, ...]:
        """Each draft once; a draft that was sent twice is one order, and a bare Bundle has none."""
        found: dict[str | bytes, Order] = {}
        for place, draft in enumerate(self.chart.drafts, 1):
            made = order(draft, self.vocabulary, self.pharmacy, self.reason, signing=self.signing)
            if made:
                by_place = msgspec.structs.replace(made, source=f"draft {place}", named=False)
                found.setdefault(made.source or made.raw, made if made.source else by_place)
        return tuple(found.values())


_Kinds: TypeAlias = tuple[type[fhir.Resource], ...]
_COLLECTIONS: dict[str, tuple[_Kinds, Callable[[Reader], tuple[Classified, ...]]]] = {
    "conditions": ((fhir.Condition,), attrgetter("conditions")),
    "events": ((fhir.Condition, fhir.Encounter, fhir.AdverseEvent), Reader.events),
    "medications": ((fhir.MedicationRequest, fhir.MedicationStatement, fhir.MedicationDispense), Reader.medications),
    "observations": ((fhir.Observation,), attrgetter("observations")),
    "answers": ((fhir.Observation, fhir.QuestionnaireResponse), Reader.answers),
    "procedures": ((fhir.Procedure,), Reader.procedures),
    "requests": ((fhir.ServiceRequest,), Reader.requests),
    "plans": ((fhir.CarePlan, fhir.Task), Reader.plans),
    "allergies": ((fhir.AllergyIntolerance,), Reader.allergies),
    "reports": ((fhir.DiagnosticReport,), Reader.reports),
}
"""Each collection with the resources it is read from, without any of which it is empty."""


# The order of entries in a Bundle means nothing, so it must not tell which of two facts comes first.


def _source(item: Condition | PlannedCare | Allergy) -> str:
    return item.source


def _newness(item: Observation | Procedure | DiagnosticReport) -> tuple[date, str, str]:
    written = item.written if isinstance(item, Observation) else ""
    return item.day.last if item.day else date.min, written, item.source


def build(
    sources: Mapping[str, Source],
    vocabulary: Vocabulary,
    numbers: Numbers,
    today: date,
    *,
    patient_id: str,
    drafts: tuple[Drafted, ...] = (),
    signing: bool = False,
) -> PatientFacts:
    """The facts of one patient; resources of another patient are left out and counted."""
    chart = Chart(sources, drafts, vocabulary, patient_id)
    reader = Reader(chart, vocabulary, numbers, today, signing=signing)
    gaps = {key: source.gap for key, source in sources.items() if source.gap}
    unread = dict.fromkeys(TEMPLATES.keys() - sources.keys(), "not asked for") | gaps
    present = frozenset(chart.by_type)
    held = {
        name: _collection(() if present.isdisjoint(kinds) else read(reader), _gap(name, unread))
        for name, (kinds, read) in _COLLECTIONS.items()
    }
    if reader.unsent:
        gaps = dict.fromkeys(reader.unsent, "a Medication was not sent") | gaps
        taken, gap = held["medications"].items, held["medications"].gap
        held["medications"] = _collection(taken, gap or "medications: a Medication was not sent")
    orders = reader.orders()
    patient = next(iter(chart.of(fhir.Patient)), None)
    return PatientFacts(
        today=today,
        numbers=numbers,
        age=_age(patient, sources, today),
        sex=_sex(patient, sources),
        dead=patient is not None and _dead(patient),
        orders=orders,
        held=held,
        concepts=_concepts(held.values(), orders),
        gaps=gaps,
        dropped=chart.dropped,
    )


def _gap(name: str, unread: Mapping[str, str]) -> str | None:
    if not unread:
        return None
    return "; ".join([f"{key}: {unread[key]}" for key in READS[name] if key in unread]) or None


def _collection(found: tuple[Classified, ...], gap: str | None) -> Collection:
    if not found and gap is None:
        return _NOTHING
    return Collection(found, gap, _NO_SETS.union(*[item.sets for item in found]))


def _concepts(held: Iterable[Collection], orders: tuple[Order, ...]) -> frozenset[str]:
    found = set().union(*[collection.sets for collection in held if collection.sets])
    for made in orders:
        found |= made.sets
        if made.drug:
            found |= made.drug.sets
        if made.drug_unreadable:
            found.add(UNREADABLE_DRUG)
    return frozenset(found)


def _age(patient: fhir.Patient | None, sources: Mapping[str, Source], today: date) -> Fact[Age]:
    if patient is None:
        return Unavailable(f"patient: {sources.get('patient', NOT_READ).gap or 'not sent'}")
    born: Interval | None = interval(patient.birth_date)
    age = age_on(born, today) if born else None
    return Known(age, (f"Patient/{patient.id}",)) if age else ABSENT


def _sex(patient: fhir.Patient | None, sources: Mapping[str, Source]) -> Fact[str]:
    if patient is None:
        return Unavailable(f"patient: {sources.get('patient', NOT_READ).gap or 'not sent'}")
    return Known(patient.gender, (f"Patient/{patient.id}",)) if patient.gender in ("male", "female") else ABSENT


def _dead(patient: fhir.Patient) -> bool:
    """Whether the patient has died; dates before 1900-01-02 or before birth are not plausible and ignored."""
    if patient.deceased_boolean:
        return True
    died, born = interval(patient.deceased_date_time), interval(patient.birth_date)
    if died is None or died.last < _OLDEST_DEATH:
        return False
    return born is None or died.last >= born.first
