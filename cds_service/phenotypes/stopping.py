"""What the drafts of one event take away: a drug stopped outright, or lowered in steps (CLZ-08, MED-04)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable, of
from cds_service.facts.patient import Order, PatientFacts
from cds_service.phenotypes.therapy import taper

BENZODIAZEPINES = ("clonazepam", "benzodiazepine-other")


def goes_on(stop: Order, facts: PatientFacts) -> Fact[Order]:
    """Another draft of the same ingredient: the drug is lowered or renewed, not stopped."""
    for order in facts.orders:
        if not order.stops and order.drug and stop.drug and order.drug.ingredients & stop.drug.ingredients:
            return Unavailable(f"orders: {order.drug.uncertain}") if order.drug.uncertain else Known(order)
    return ABSENT


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
