"""What the drafts of one event take away: a drug stopped outright, or lowered in steps (CLZ-08, MED-04)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable, of
from cds_service.facts.patient import Medication, Order, PatientFacts
from cds_service.phenotypes.therapy import taper

_OTHERS = "benzodiazepine-other"
BENZODIAZEPINES = ("clonazepam", _OTHERS)


def goes_on(stop: Order, facts: PatientFacts) -> Fact[Order]:
    """Another draft of the same ingredient: the drug is lowered or renewed, not stopped."""
    for order in facts.orders:
        if not order.stops and order.drug and stop.drug and order.drug.ingredients & stop.drug.ingredients:
            return Unavailable(f"orders: {order.drug.uncertain}") if order.drug.uncertain else Known(order)
    return ABSENT


def stays(taken: Medication, facts: PatientFacts) -> bool:
    """Whether an order or list entry of the drug is left current, and of late, once each stop has taken one away.

    What was handed over on a stopped order is none that is left.
    """
    months = facts.numbers.whole("current-drug", "old-months")
    stops = [one for one in facts.orders if one.stops and one.drug and taken.ingredient in one.drug.ingredients]
    orders = [one for one in taken.entries if one.current and not one.source.startswith("MedicationDispense/")]
    return len([one for one in orders if one.start is None or facts.within_months(one.start, months)]) > len(stops)


def crossing_over(facts: PatientFacts, days: int) -> Fact[Order] | Fact[tuple[Medication, ...]]:
    """Another benzodiazepine that takes its place: drafted, or begun in the last days."""
    drafted = next((order for order in _of(facts, (_OTHERS,)) if not order.stops), None)
    if drafted is not None:
        return of(drafted)
    return facts.current_drugs(_OTHERS).where(lambda drug: facts.within_days(drug.start, days))


def abruptly(facts: PatientFacts, *sets: str) -> Fact[Order]:
    """A draft that stops a drug of these value sets, with none of the same drug beside it."""
    for order in _of(facts, sets):
        if order.stops and not goes_on(order, facts).known:
            return of(order)
    return ABSENT


def in_steps(facts: PatientFacts, *sets: str) -> Fact[Order]:
    """A draft at a lower daily dose than the current one, or a stop with another draft of the drug beside it."""
    for order in _of(facts, sets):
        if order.stops or taper(order, facts).known:
            return of(order)
    return ABSENT


def _of(facts: PatientFacts, sets: tuple[str, ...]) -> list[Order]:
    certain = [order for order in facts.orders if order.drug and not order.drug.uncertain]
    return [order for order in certain if order.drug and not order.drug.sets.isdisjoint(sets)]
