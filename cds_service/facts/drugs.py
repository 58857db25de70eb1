"""Which drugs are current, and since when.

Reading rules of the clinical specification, section 2.1: current drug, drug start, drug ended on.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Container, Iterable, Mapping
from datetime import date, timedelta

import msgspec

from cds_service.facts.doses import dose
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Dose, Drug, Medication, TakenDose
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Interval, interval, months_before
from cds_service.fhir.quantities import amount
from cds_service.fhir.references import clinician
from cds_service.terminology.vocabulary import Vocabulary

_ORDER_INTENTS = {None, "order", "original-order", "instance-order", "reflex-order", "filler-order"}
_NEVER_TAKEN = {"entered-in-error", "draft", "cancelled", "not-taken", "intended", "declined"}
_STARTS = frozenset({"effectiveDateTime", "effectivePeriod"})
_DAYS = {"": 1.0, "d": 1.0, "wk": 7.0, "mo": 30.0, "a": 365.0}


NUMBERS = ("grace-days", "break-days", "supply-days", "supply-most-days", "old-months")
"""What is read of ``cards/phenotypes/current-drug.toml``."""


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


class Indication(msgspec.Struct, frozen=True):
    """What an order or list entry is for: the value sets it names, and the record's words."""

    sets: frozenset[str] = frozenset()
    words: str = ""
    each: tuple[frozenset[str], ...] = ()
    """The value sets of every single reason; empty for one that no value set knows."""
    unreadable: str = ""
    """Why not every reason could be read."""


class Entry(msgspec.Struct, frozen=True):
    """One order, statement or dispense of a known drug."""

    drug: Drug
    source: str
    current: bool
    start: Interval | None
    end: Interval | None
    open_ended: bool
    dose: Dose
    used: Interval | None = None
    """The newest evidence of use, other than ``start``."""
    stated_end: Interval | None = None
    """The end that the entry itself gives; ``end`` may be worked out from a supply."""
    reason: Indication = Indication()
    lapsed: bool = False
    """Still active, and no longer current for the end of its validity alone."""
    start_lost: bool = False
    """Its start is there and cannot be read."""
    requester: str = ""


def request_entry(
    resource: fhir.MedicationRequest, drug: Drug, reason: Indication, use: CurrentUse, lost: Collection[str]
) -> Entry | None:
    """A MedicationRequest of the list; None for one that never led to taking the drug."""
    ordered = resource.intent in _ORDER_INTENTS or (resource.intent in ("plan", "proposal") and _is_reported(resource))
    if resource.status in _NEVER_TAKEN or not ordered or resource.do_not_perform:
        return None
    dispense = resource.dispense_request
    validity, planned = stated_ends(resource)
    end = min((e for e in (validity, planned) if e), key=lambda e: e.last, default=None)
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
        dose=dose(
            resource.dosage_instruction, drug.strength_mg, use.today, drug.untold_mg, lost="dosageInstruction" in lost
        ),
        used=_bounds_start(resource.dosage_instruction),
        stated_end=end,
        reason=reason,
        lapsed=status_current and _is_past(validity, use) and not _is_past(planned, use),
        start_lost="authoredOn" in lost,
        requester=clinician(resource.requester),
    )


def stated_ends(order: fhir.MedicationRequest) -> tuple[Interval | None, Interval | None]:
    """The ends that an order states: of its validity, and of its last dosage instruction."""
    dispense = order.dispense_request
    return _end(dispense.validity_period if dispense else None), _last_step(fhir.many(order.dosage_instruction))


def _is_past(end: Interval | None, use: CurrentUse) -> bool:
    return end is not None and end.last < use.ended_since


def _is_reported(resource: fhir.MedicationRequest) -> bool:
    """Whether the patient tells of it: so servers send what is taken and nobody ordered."""
    teller, subject = resource.reported_reference, resource.subject
    if resource.status not in (None, "active", "unknown"):
        return False
    return bool(resource.reported_boolean) or bool(
        teller and teller.reference and subject and teller.reference == subject.reference
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
        dose=dose(resource.dosage, drug.strength_mg, use.today, drug.untold_mg, lost="dosage" in lost),
        used=_latest(_bounds_start(resource.dosage), interval(resource.date_asserted)),
        stated_end=end,
        reason=reason,
        start_lost=started is None and not _STARTS.isdisjoint(lost),
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
        dose=dose(
            resource.dosage_instruction, drug.strength_mg, use.today, drug.untold_mg, lost="dosageInstruction" in lost
        ),
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
        reasons_unreadable=newest.reason.unreadable,
        start_unreadable=any(e.start_lost for e in certain),
        old=bool(current) and _is_old(current, use),
        entries=tuple(
            [
                TakenDose(e.dose, e.start, e.current, e.source)
                for e in sorted(certain, key=lambda e: (_first(e), e.source))
            ]
        ),
        increased=_increase(certain) if current else None,
        told_by=tuple(sorted(e.source for e in entries)),
        lapsed=None if current else _lapsed(certain, use),
        requester=newest.requester,
    )


def _lapsed(entries: list[Entry], use: CurrentUse) -> Interval | None:
    """The last end of validity of orders that are still active, if they are of late."""
    ends = [e.stated_end for e in entries if e.lapsed and e.stated_end and e.stated_end.last >= use.old_before]
    return max(ends, key=lambda end: end.last, default=None)


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


def _is_old(current: list[Entry], use: CurrentUse) -> bool:
    """Whether all evidence of use lies too far back; an entry without a date is not old."""
    return all(_evidence(entry) < use.old_before for entry in current)


def _evidence(entry: Entry) -> date:
    return max((when.last for when in (entry.start, entry.used) if when), default=date.max)


def _latest(*days: Interval | None) -> Interval | None:
    return max((day for day in days if day), key=lambda day: day.last, default=None)


def _bounds_start(dosages: fhir.Many[fhir.Dosage]) -> Interval | None:
    repeats = [one.timing.repeat for one in fhir.many(dosages) if one.timing and one.timing.repeat]
    return _latest(*(interval(one.bounds_period.start) for one in repeats if one.bounds_period))


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
