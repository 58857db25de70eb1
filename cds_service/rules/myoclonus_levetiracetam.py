"""Levetiracetam over its label's largest dose for the kidney function (MYO-03 b)."""

from __future__ import annotations

from cds_service.content.text import Value
from cds_service.facts.knowledge import Fact, Known, Unavailable
from cds_service.facts.patient import Condition, Order
from cds_service.fhir.wording import words
from cds_service.phenotypes import kidney
from cds_service.phenotypes.kidney import Clearance
from cds_service.rules.review import Finding, Review

_INJECTED = {"injection", "injectable", "infusion", "intravenous", "iv"}


def levetiracetam(review: Review, disorder: Condition, values: dict[str, Value]) -> Finding:
    """The part of the rule on levetiracetam; dialysis counts before any clearance."""
    order, facts, numbers = review.order, review.facts, review.numbers
    dose = review.known("daily-dose", _dose(order))
    dialysis = facts.conditions("dialysis")
    review.note_unknown("dialysis", dialysis)
    on_dialysis = isinstance(dialysis, Known) and not all(c.possible for c in dialysis.value)
    if on_dialysis:
        limit, card = numbers.value("kidney", "levetiracetam-dialysis"), "dialysis"
    else:
        found = review.known("kidney-function", _function(kidney.clearance(facts, numbers)))
        limit, card = kidney.levetiracetam_limit(found, numbers), "egfr" if found.estimated else "clearance"
        values |= {"rate": str(found), "day": found.when}
    review.only_if("over-the-label", dose > limit, order.source)
    values |= {"dose": dose, "limit": limit, "dose_mg": limit / 2, "times_a_day": 2}
    plain = not on_dialysis and order.drug is not None and not order.drug.extended_release and _by_mouth(order)
    offers = ("levetiracetam-label-dose", "remove-draft") if plain else ("remove-draft",)
    notes = ("supplement",) if on_dialysis else ("estimated",) if card == "egfr" else ("computed",)
    indicator = "possible-warning" if disorder.possible else "over-the-label"
    return Finding(card, indicator, values, (*notes, "mood"), offers)


def _dose(order: Order) -> Fact[float]:
    daily = order.dose.daily_mg
    return Unavailable(f"orders: {order.dose.why_not}") if daily is None else Known(daily, (order.source,))


def _function(found: Fact[Clearance]) -> Fact[Clearance]:
    """A limit cannot be told without it, so its absence decides nothing."""
    known = isinstance(found, Known | Unavailable)
    return found if known else Unavailable("observations: no kidney function in the window")


def _by_mouth(order: Order) -> bool:
    return _INJECTED.isdisjoint(words(order.words))
