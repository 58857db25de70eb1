"""Clonazepam stopped at once after regular use (CLZ-08)."""

from datetime import date

from cds_service.facts.knowledge import Fact, Known, unread
from cds_service.facts.patient import Medication, Order, PatientFacts
from cds_service.facts.words import Record, Said, Value, phrasing, since
from cds_service.fhir.dates import Interval
from cds_service.phenotypes.stopping import crossing_over, goes_on, stays
from cds_service.phenotypes.therapy import is_falling_series
from cds_service.rules.clonazepam_alternative import is_palliative
from cds_service.rules.review import Finding, Review, rule

_RULE = "clonazepam-abrupt-stop"
_AFTER = phrasing("after", "length", rule=_RULE)
_TAKEN_SINCE = phrasing("taken-since", "start", rule=_RULE)
_START_NOT_RECORDED = phrasing("start-not-recorded", rule=_RULE)()
_START_UNKNOWN: tuple[Interval, ...] = ()


@rule(_RULE, gives="drug found how_long since")
def clonazepam_abrupt_stop(review: Review) -> Finding:
    review.drug("clonazepam-stopped", "clonazepam")
    order, facts = review.order, review.facts
    review.only_if("being-stopped", order.stops, order.source)
    review.unless("goes-on", goes_on(order, facts))
    current = facts.current_drugs("clonazepam")
    review.unless("stays", current.first().provided(lambda drug: stays(drug, facts)))
    review.unless("last-step", current.first().provided(lambda drug: _is_last_step(review, drug)))
    review.unless("cross-taper", crossing_over(facts, int(review.number("cross-days"))))
    taken = _taken_for(order, facts, int(review.number("regular-days")))
    review.only_if("taken-regularly", taken)
    start = next(iter(taken.value_or(())), None)
    rbd = facts.conditions("rbd")
    review.consider("rbd", rbd)
    values: dict[str, Value] = {
        "drug": "clonazepam",
        "found": Record(order.words),
        "how_long": _how_long(start, facts.today),
        "since": since(start),
    }
    beside = {"rbd": rbd.known, "palliative": is_palliative(review)}
    notes = ("label", "pace", "bupropion", *(name for name, holds in beside.items() if holds))
    stale = next((drug for drug in current.value_or(()) if drug.old), None)
    return Finding("stop", "stop", values, notes, stale=stale)


def _is_last_step(review: Review, drug: Medication) -> bool:
    """The end of a series of falling doses, from so little that no smaller step is made."""
    dose = drug.dose.today_mg
    return dose is not None and dose <= review.number("last-step") and is_falling_series(drug, review.facts)


def _taken_for(order: Order, facts: PatientFacts, days: int) -> Fact[tuple[Interval, ...]]:
    """The start of the whole series, if it may lie so many days back; known without a day where none is recorded.

    What the chart no longer lists as current was begun when the draft itself was first written.
    """
    taken = facts.current_drugs("clonazepam")
    start = taken.value[0].start if taken.known else order.written
    if start is None:
        return taken.read_as(lambda _: _START_UNKNOWN)
    if (facts.today - start.first).days >= days:
        return Known((start,), taken.sources if taken.known else (order.source,))
    return unread(taken)


def _how_long(start: Interval | None, today: date) -> Said:
    """The length of time; the bare date where only a month or a year is known."""
    if start is None:
        return _START_NOT_RECORDED
    if start.first != start.last:
        return _TAKEN_SINCE(start=start)
    return _AFTER(length=today - start.first)
