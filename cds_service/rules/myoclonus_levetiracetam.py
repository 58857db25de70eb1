"""Levetiracetam over its label's largest dose for the kidney function (MYO-03 b)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.patient import Condition, Order
from cds_service.facts.words import Value, phrasing
from cds_service.phenotypes import kidney
from cds_service.phenotypes.forms import is_injected
from cds_service.phenotypes.therapy import upper
from cds_service.rules.myoclonus_offers import offered
from cds_service.rules.review import Finding, Review


def levetiracetam(review: Review, disorder: Condition, values: dict[str, Value]) -> Finding:
    """The part of the rule on levetiracetam; dialysis counts before any clearance."""
    order, dialysis = review.order, review.facts.conditions("dialysis")
    review.consider("dialysis", dialysis)
    on_dialysis = dialysis.known and not all(c.possible for c in dialysis.value)
    over = review.known("over-the-label", _dialysed(review) if on_dialysis else _excess(review))
    immediate = order.drug is not None and not order.drug.extended_release and not is_injected(order)
    change = ("levetiracetam-label-dose",) if immediate and not on_dialysis else ()
    if on_dialysis:
        card, note = "dialysis", "supplement"
    else:
        card, note = ("egfr", "estimated") if over["estimated"] else ("clearance", "computed")
    indicator = "possible-warning" if disorder.possible else "over-the-label"
    classes = (f"{indicator}/{card}", f"limit {over['limit']}")
    found = Finding(card, indicator, {**values, **over}, (note, "mood"), (*change, "remove-draft"), classes)
    return offered(review, found, _REVIEWS[card](rate=over["rate"]) if over.get("rate") else _ON_DIALYSIS)


_REVIEWS = {card: phrasing(f"review-{card}", "rate", rule="myoclonus-drug") for card in ("clearance", "egfr")}
_ON_DIALYSIS = phrasing("review-dialysis", rule="myoclonus-drug")()
Excess = Fact[dict[str, Value]]


def _dialysed(review: Review) -> Excess:
    return _compared(review.order, review.facts.numbers.value("kidney", "levetiracetam-dialysis"))


def _excess(review: Review) -> Excess:
    """The dose against the limit of the clearance, else of the eGFR; without either nothing is decided."""
    found = kidney.clearance(review.facts)
    if not found.known:
        return Unavailable("observations: no kidney function in the window") if found == ABSENT else found
    rate = found.value
    band = kidney.levetiracetam(review.facts)
    over = _compared(review.order, band(rate.highest))
    if not over.known:
        return over
    told: dict[str, Value] = {"rate": rate.shown(band), "day": rate.when, "estimated": rate.estimated}
    return Known({**over.value, **told}, (*over.sources, *found.sources))


def _compared(order: Order, limit: float) -> Excess:
    """What the card says of a dose over the limit."""
    dose = order.dose.daily_mg
    if dose is None:
        return Unavailable(f"orders: {order.dose.why_not}")
    values: dict[str, Value] = {"dose": upper(order.dose), "limit": limit, "dose_mg": limit / 2, "times_a_day": 2}
    return Known(values, (order.source,)) if dose > limit else ABSENT
