"""The dose of clonazepam for RBD (CLZ-06)."""

from collections.abc import Iterator

from cds_service.facts.knowledge import ABSENT, Fact, Known
from cds_service.facts.words import Record, Value, phrasing
from cds_service.phenotypes.age import is_older
from cds_service.phenotypes.therapy import current_of, is_for_rbd, upper
from cds_service.rules.clonazepam_alternative import REVIEW_ONLY, is_palliative, proposed
from cds_service.rules.review import Finding, Review, rule

_RULE = "clonazepam-dose"
_PER_NIGHT = phrasing("mg-per-night", rule=_RULE)()
_PER_DAY = phrasing("mg-per-day", rule=_RULE)()
_OFFERS = ("clonazepam-upper-start", "clonazepam-lower-start")


@rule(_RULE, gives="dose found lower_start_mg per upper_start_mg")
def clonazepam_dose(review: Review) -> Finding:
    proposed(review)
    order = review.order
    review.only_if("for-rbd", is_for_rbd(order, review.facts))
    daily = review.known("dose-known", order.dose.daily(order.source))
    high = daily > review.number("usual")
    starts_high = _starts_high(review, daily)
    review.only_if("over-limit", Known(daily, (order.source,)) if high else starts_high)
    if high:
        review.consider("start-from-65", starts_high)
    older = starts_high.known
    values: dict[str, Value] = {
        "dose": upper(order.dose),
        "per": _PER_NIGHT if daily == order.dose.single_mg else _PER_DAY,
        "found": Record(order.words),
        "upper_start_mg": review.number("upper-start"),
        "lower_start_mg": review.number("lower-start"),
    }
    card = "older" if older else "usual"
    return Finding(card, _indicator(review, daily, older), values, tuple(_notes(review, older)), _offers(review))


def _notes(review: Review, older: bool) -> Iterator[str]:
    yield "usual-range"
    if older:
        yield "start-low"
    if not review.facts.age.known:
        yield "age-unknown"
    if is_palliative(review):
        yield "palliative"


def _starts_high(review: Review, daily: float) -> Fact[float]:
    """A new drug, from 65, above the dose to start with at that age."""
    age, order = review.facts.age, review.order
    if daily <= review.number("start-from-65"):
        return ABSENT
    if not age.known:
        return age
    taken = current_of(order, review.facts)
    if taken.known or not is_older(review.facts):
        return ABSENT
    return Known(daily, (order.source, *age.sources)) if taken == ABSENT else taken


def _indicator(review: Review, daily: float, older: bool) -> str:
    if is_palliative(review):
        return "palliative"
    if daily > review.number("tolerated"):
        return "over-tolerated"
    return "start-from-65" if older else "over-usual"


def _offers(review: Review) -> tuple[str, ...]:
    """A dose to start with is for a new start only: what is taken is never cut in one click."""
    taken = current_of(review.order, review.facts)
    if taken.known:
        return REVIEW_ONLY
    return _OFFERS if taken == ABSENT else ()
