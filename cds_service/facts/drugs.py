"""Which drug an entry names, which drugs are current, and since when.

Reading rules of the clinical specification, section 2.1: current drug, drug start, drug ended on, which drug.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Container, Iterable, Mapping
from datetime import date, timedelta

import msgspec

from cds_service.facts.doses import dose
from cds_service.facts.identity import References
from cds_service.facts.losses import Losses, decisive, lost_drug
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Dose, Drug, Medication
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Interval, interval, months_before
from cds_service.fhir.quantities import amount, convert
from cds_service.terminology.products import is_extended_release, known_product
from cds_service.terminology.vocabulary import Match, Vocabulary

_ORDER_INTENTS = {None, "order", "original-order", "instance-order", "reflex-order", "filler-order"}
_NEVER_TAKEN = {"entered-in-error", "draft", "cancelled", "not-taken", "intended", "declined"}
_DAYS = {"": 1.0, "d": 1.0, "wk": 7.0, "mo": 30.0, "a": 365.0}


NUMBERS = ("grace-days", "break-days", "supply-days", "supply-most-days", "old-months")
"""What is read of ``cards/phenotypes/current-drug.toml``."""


_WITHOUT_SUBSTANCE = "a Substance that was not sent"


class CurrentUse(msgspec.Struct, frozen=True):
    """The day, and how long before it an entry still counts."""

    today: date
    ended_since: date
    """First day of the grace: an order or a supply that ended on it still counts."""
    pause: timedelta
    """The shortest gap between two courses."""
    supply: float
    """Days of a supply that is not stated."""
    most: float
    """A stated supply of so many days is not believed."""
    old_before: date
    """Older evidence of use is doubtful."""


def current_use(numbers: Numbers, today: date) -> CurrentUse:
    grace, pause, supply, most, old = (numbers.whole("current-drug", name) for name in NUMBERS)
    return CurrentUse(today, today - timedelta(grace), timedelta(pause), supply, most, months_before(today, old))


class Named(msgspec.Struct, frozen=True):
    """The drug of an entry, or why it could not be read."""

    drug: Drug | None = None
    match: Match | None = None
    unreadable: str = ""
    foreign: bool = False
    """Its codes are all of systems that are not read, and its words are not known."""


class Indication(msgspec.Struct, frozen=True):
    """What an order or list entry is for: the value sets it names, and the record's words."""

    sets: frozenset[str] = frozenset()
    words: str = ""
    each: tuple[frozenset[str], ...] = ()
    """The value sets of every single reason; empty for one that no value set knows."""


class Entry(msgspec.Struct, frozen=True):
    """One order, statement or dispense of a known drug."""

    drug: Drug
    source: str
    current: bool
    start: Interval | None
    end: Interval | None
    open_ended: bool
    dose: Dose
    stated_end: Interval | None = None
    """The end that the entry itself gives; ``end`` may be worked out from a supply."""
    reason: Indication = Indication()


class Pharmacy:
    """Reads the drug of medication entries and of the Medications that they refer to."""

    def __init__(self, vocabulary: Vocabulary, references: References, losses: Losses) -> None:
        self._vocabulary = vocabulary
        self._references = references
        self._losses = losses
        # Charts repeat a few drugs many times; the cache lives and dies with the request.
        self._seen: dict[tuple[object, ...], Match | None] = {}

    def drug_of(self, entry: fhir.MedicationRequest | fhir.MedicationStatement | fhir.MedicationDispense) -> Named:
        """The drug of an order, statement or dispense."""
        named = self.name(entry.medication_codeable_concept, entry.medication_reference, entry)
        if named.drug or named.unreadable:
            return named
        return Named(unreadable=lost_drug(entry, self._losses.of(entry)), foreign=named.foreign)

    def name(
        self,
        concept: fhir.CodeableConcept | None,
        reference: fhir.Reference | None,
        holder: fhir.Resource,
    ) -> Named:
        """First of: inline concept, contained Medication, Medication that came along, the reference's display."""
        if concept is not None:
            return self._named(concept, None, "", holder)
        if reference is None:
            return Named()
        medication = self._references.find(reference, fhir.Medication, holder)
        display = reference.display or ""
        if medication is None and not display:
            return Named(unreadable="a Medication that was not sent") if reference.reference else Named()
        return self._named(medication.code if medication else None, medication, display, holder)

    def _named(
        self,
        concept: fhir.CodeableConcept | None,
        medication: fhir.Medication | None,
        display: str,
        holder: fhir.Resource,
    ) -> Named:
        match = self._match(concept, display)
        parts = fhir.many(medication.ingredient) if medication else []
        if match is None and medication is not None:
            # What a contained resource refers to as contained stands beside it in the same resource.
            within = medication if medication not in fhir.many(getattr(holder, "contained", None)) else holder
            named = [self._part(part, within) for part in parts]
            if None in named:
                return Named(unreadable=_WITHOUT_SUBSTANCE)
            match = self._from_parts(named)
        if match is None:
            lost = decisive(medication, self._losses.of(medication)) if medication else None
            foreign = self._vocabulary.is_foreign(concept, "drug")
            return Named(unreadable=f"Medication.{lost} cannot be read" if lost else "", foreign=foreign)
        words = next(fhir.texts(concept), "") or display or " / ".join(sorted(match.ingredients))
        made = known_product(match.display) if match.display else None
        strength = (made.strength_mg if made else None) or (_strength(parts[0]) if len(parts) == 1 else None)
        return Named(
            Drug(
                ingredients=match.ingredients,
                sets=match.sets,
                words=words,
                by_set=self._by_set(match),
                strength_mg=strength,
                extended_release=bool(made and made.extended_release) or is_extended_release(words),
                uncertain=match.uncertain,
            ),
            match,
        )

    def _by_set(self, match: Match) -> dict[str, tuple[str, ...]]:
        owners = {name: self._vocabulary.sets_of_ingredient(name) for name in sorted(match.ingredients)}
        return {held: tuple(name for name, sets in owners.items() if held in sets) for held in match.sets}

    def _match(self, concept: fhir.CodeableConcept | None, display: str) -> Match | None:
        codings = tuple((c.system, c.code, c.display) for c in fhir.codings(concept))
        key = (codings, concept.text if concept else None, display)
        if key not in self._seen:
            self._seen[key] = self._vocabulary.drug(concept, *([display] if display else []))
        return self._seen[key]

    def _part(self, part: fhir.Ingredient, holder: fhir.Resource) -> fhir.CodeableConcept | None:
        """What an ingredient is, inline or by reference; None where it refers to what was not sent."""
        reference = part.item_reference
        if part.item_codeable_concept or reference is None:
            return part.item_codeable_concept or fhir.CodeableConcept()
        find = self._references.find
        item = find(reference, fhir.Substance, holder) or find(reference, fhir.Medication, holder)
        if item is not None and item.code is not None:
            return item.code
        return fhir.CodeableConcept(text=reference.display) if reference.display else None

    def _from_parts(self, parts: Iterable[fhir.CodeableConcept | None]) -> Match | None:
        found = [m for m in (self._match(part, "") for part in parts) if m]
        if not found:
            return None
        return Match(
            sets=frozenset().union(*(m.sets for m in found)),
            ingredients=frozenset().union(*(m.ingredients for m in found)),
            by=found[0].by,
            display=None,
            uncertain=next((m.uncertain for m in found if m.uncertain), None),
        )


def _strength(part: fhir.Ingredient) -> float | None:
    if part.strength is None:
        return None
    numerator, denominator = amount(part.strength.numerator), amount(part.strength.denominator)
    mass = convert(numerator, "mg") if numerator else None
    return mass.value / (denominator.value if denominator and denominator.value else 1) if mass else None


def request_entry(
    resource: fhir.MedicationRequest, drug: Drug, reason: Indication, use: CurrentUse, lost: Collection[str]
) -> Entry | None:
    """A MedicationRequest of the list; None for one that never led to taking the drug."""
    if resource.status in _NEVER_TAKEN or resource.intent not in _ORDER_INTENTS or resource.do_not_perform:
        return None
    dispense = resource.dispense_request
    ends = (_end(dispense.validity_period if dispense else None), _last_step(fhir.many(resource.dosage_instruction)))
    end = min((e for e in ends if e), key=lambda e: e.last, default=None)
    status_current = resource.status in (None, "active", "unknown")
    start = interval(resource.authored_on)
    supply = dispense.expected_supply_duration if dispense else None
    return Entry(
        drug=drug,
        source=f"MedicationRequest/{resource.id}",
        current=status_current and (end is None or end.last >= use.ended_since) and not _future(start, use),
        start=start,
        end=end or (None if status_current else _supplied(start, _days(supply, use), use)),
        open_ended=status_current and end is None,
        dose=dose(resource.dosage_instruction, drug.strength_mg, lost="dosageInstruction" in lost),
        stated_end=end,
        reason=reason,
    )


def statement_entry(
    resource: fhir.MedicationStatement, drug: Drug, reason: Indication, use: CurrentUse, lost: Collection[str]
) -> Entry | None:
    """A MedicationStatement; None for one that says the drug was not taken."""
    if resource.status in _NEVER_TAKEN:
        return None
    end = _end(resource.effective_period)
    status_current = resource.status in (None, "active", "unknown")
    started = interval(resource.effective_date_time) or (
        interval(resource.effective_period.start) if resource.effective_period else None
    )
    return Entry(
        drug=drug,
        source=f"MedicationStatement/{resource.id}",
        current=status_current and (end is None or end.last >= use.today) and not _future(started, use),
        start=started,
        end=end or (None if status_current else _supplied(started, None, use)),
        open_ended=status_current and end is None,
        dose=dose(resource.dosage, drug.strength_mg, lost="dosage" in lost),
        stated_end=end,
        reason=reason,
    )


def dispense_entry(
    resource: fhir.MedicationDispense, drug: Drug, use: CurrentUse, lost: Collection[str]
) -> Entry | None:
    """A completed dispense, current for its supply and the grace."""
    start = interval(resource.when_handed_over)
    if resource.status not in (None, "completed") or start is None:
        return None
    end = _supplied(start, _days(resource.days_supply, use), use)
    return Entry(
        drug=drug,
        source=f"MedicationDispense/{resource.id}",
        current=end is not None and end.last >= use.ended_since and not _future(start, use),
        start=start,
        end=end,
        open_ended=False,
        dose=dose(resource.dosage_instruction, drug.strength_mg, lost="dosageInstruction" in lost),
    )


def medications(
    entries: Iterable[Entry], vocabulary: Vocabulary, use: CurrentUse, drafted: Mapping[str, Container[str]]
) -> tuple[Medication, ...]:
    """One medication per ingredient, current ones from their newest current entry.

    ``drafted`` are the sources of the drafts by ingredient: what an order repeats is no earlier use of the drug.
    """
    by_ingredient: dict[str, list[Entry]] = {}
    for entry in entries:
        for ingredient in entry.drug.ingredients:
            by_ingredient.setdefault(ingredient, []).append(entry)
    earlier = {
        name: _without_copies(found, drafted[name], use) if name in drafted else found
        for name, found in sorted(by_ingredient.items())
    }
    return tuple(_medication(name, found, vocabulary, use) for name, found in earlier.items() if found)


def _without_copies(entries: list[Entry], drafts: Container[str], use: CurrentUse) -> list[Entry]:
    """The entries without the drafts' own copies, and without a series that begins today: it is the draft's own."""
    today = Interval(use.today, use.today)
    left = [e for e in entries if not (e.source in drafts and e.start in (None, today))]
    begins_today = _series_start(left, use) == today and all(e.start for e in left if e.current)
    return [e for e in left if e.start != today] if begins_today else left


def _medication(ingredient: str, entries: list[Entry], vocabulary: Vocabulary, use: CurrentUse) -> Medication:
    certain = [e for e in entries if not e.drug.uncertain] or entries
    current = [e for e in certain if e.current]
    newest = max(current or certain, key=lambda e: (_first(e), e.source))
    start = _series_start(certain, use) if current else newest.start
    return Medication(
        ingredient=ingredient,
        sets=newest.drug.sets & vocabulary.sets_of_ingredient(ingredient),
        drug=newest.drug,
        source=newest.source,
        current=bool(current),
        start=start,
        written=newest.start,
        ended=None if current else _ended(certain, use.today),
        dose=newest.dose,
        reasons=newest.reason.sets,
        reason_words=newest.reason.words,
        old=bool(current) and _is_old(certain, use),
        increased=_increase(certain) if current else None,
        told_by=tuple(sorted(e.source for e in entries)),
    )


def _ended(entries: list[Entry], today: date) -> Interval | None:
    """The last end that an entry states and that has come; unknown if a later entry states none."""
    newest = max(entries, key=lambda e: (_first(e), e.source))
    ends = [e.stated_end for e in entries if e.stated_end and e.stated_end.first <= today]
    last = max(ends, key=lambda i: i.last, default=None)
    if newest.stated_end not in ends and (last is None or newest.start is None or newest.start.last > last.last):
        return None
    return last


def _first(entry: Entry) -> date:
    return entry.start.last if entry.start else date.min


def _series_start(entries: list[Entry], use: CurrentUse) -> Interval | None:
    """First day of the run of dated entries that reaches today without a pause."""
    dated = [(e.start, _reach(e, use.today)) for e in entries if e.start and e.start.first <= use.today]
    reached, start = use.today, None
    for begun, reach in sorted(dated, key=lambda pair: (pair[0].first, pair[0].last), reverse=True):
        if reached - reach < use.pause:
            start, reached = begun, min(reached, begun.first)
    return start


def _reach(entry: Entry, today: date) -> date:
    """The last day that the entry may cover."""
    return today if entry.open_ended or entry.end is None else entry.end.last


def _is_old(entries: list[Entry], use: CurrentUse) -> bool:
    dated = [e.start.last for e in entries if e.start]
    return bool(dated) and max(dated) < use.old_before


def _increase(entries: list[Entry]) -> Interval | None:
    """The day of the newest entry that raised the daily dose over the one before it."""
    dated = sorted((e for e in entries if e.start and e.dose.daily_mg), key=lambda e: (_first(e), e.source))
    raised = [
        later.start
        for earlier, later in itertools.pairwise(dated)
        if (later.dose.daily_mg or 0) > (earlier.dose.daily_mg or 0)
    ]
    return raised[-1] if raised else None


def _end(period: fhir.Period | None) -> Interval | None:
    return interval(period.end) if period else None


def _last_step(dosages: Iterable[fhir.Dosage]) -> Interval | None:
    """When the last of the dosage instructions ends; None while one of them is without end."""
    ends = [_bounds_end(dosage) for dosage in dosages]
    return None if None in ends else max((e for e in ends if e), key=lambda e: e.last, default=None)


def _bounds_end(dosage: fhir.Dosage) -> Interval | None:
    repeat = dosage.timing.repeat if dosage.timing else None
    return _end(repeat.bounds_period) if repeat else None


def _days(duration: fhir.Quantity | None, use: CurrentUse) -> float | None:
    found = amount(duration)
    days = found.value * _DAYS.get(found.unit, 0.0) if found else 0.0
    return days if 0 < days < use.most else None


def _supplied(start: Interval | None, days: float | None, use: CurrentUse) -> Interval | None:
    if start is None or start.last.year > 9000:
        return None
    return Interval(start.first, start.last + timedelta(days=days or use.supply))


def _future(start: Interval | None, use: CurrentUse) -> bool:
    return start is not None and start.first > use.today
