"""The dose of clonazepam: for RBD against its range, for anything else a first dose against the labels (CLZ-06)."""

from collections.abc import Iterator

from cds_service.facts.knowledge import ABSENT, Fact, Known
from cds_service.facts.words import Record, Value, phrasing
from cds_service.fhir.dates import Interval
from cds_service.phenotypes.age import is_adult, is_older, years
from cds_service.phenotypes.therapy import Indication, current_of, indication, is_for_rbd, lapsed_of, upper
from cds_service.rules.clonazepam_alternative import REVIEW_ONLY, is_palliative, proposed
from cds_service.rules.review import Finding, Review, rule

_RULE = "clonazepam-dose"
_PER_NIGHT = phrasing("mg-per-night", rule=_RULE)()
_PER_DAY = phrasing("mg-per-day", rule=_RULE)()
_PURPOSES = {
    Indication.MYOCLONUS: phrasing("myoclonus")(),
    Indication.EPILEPSY: phrasing("epilepsy")(),
    Indication.PANIC: phrasing("panic-disorder")(),
    Indication.ANXIETY: phrasing("anxiety")(),
    Indication.SEVERAL: phrasing("several-uses", rule=_RULE)(),
    Indication.NOT_STATED: phrasing("use-not-stated", rule=_RULE)(),
}
_OFFERS = ("clonazepam-upper-start", "clonazepam-lower-start")


@rule(_RULE, gives="age dose found limit lower_start_mg panic_start per purpose until upper_start_mg")
def clonazepam_dose(review: Review) -> Finding:
    proposed(review)
    order = review.order
    review.unless("once-only", order.dose.once, order.source)
    daily = review.known("dose-known", order.dose.daily(order.source))
    for_rbd = is_for_rbd(order, review.facts)
    review.consider("for-rbd", for_rbd)
    return _for_rbd(review, daily) if for_rbd.known else _first(review, daily)


def _first(review: Review, daily: float) -> Finding:
    """A new start above what the labels start with, for whatever else it is given."""
    above = is_adult(review.facts) and daily > _label_start(review)
    review.only_if("high-first-dose", _starts_high(review, daily, at_this_age=above))
    facts, order = review.facts, review.order
    purpose, older = indication(order, facts), is_older(facts)
    values: dict[str, Value] = {
        "dose": upper(order.dose),
        "limit": _label_start(review),
        "purpose": _PURPOSES.get(purpose) or Record(order.reason_words),
        "panic_start": review.number("panic-start"),
        "age": facts.age.read_as(years).value_or(None),
        "until": _lapsed_on(review),
    }
    label = "panic" if purpose is Indication.PANIC else "seizures"
    notes = (*(["lapsed"] if values["until"] else []), label, *(["older"] if older else []), "gradually")
    return Finding("first", "first", values, notes, ())


def _lapsed_on(review: Review) -> Interval | None:
    """When the validity of an order of the drug ended that was never closed."""
    lapsed = lapsed_of(review.order, review.facts)
    return lapsed.lapsed if lapsed else None


def _label_start(review: Review) -> float:
    return review.number("start-from-65" if is_older(review.facts) else "label-start")


def _for_rbd(review: Review, daily: float) -> Finding:
    order = review.order
    high = daily > review.number("usual")
    starts_high = _starts_high(review, daily, at_this_age=is_older(review.facts))
    review.only_if("over-limit", Known(daily, (order.source,)) if high else starts_high)
    if high:
        review.consider("start-from-65", starts_high)
    older = starts_high.known
    values: dict[str, Value] = {
        "until": _lapsed_on(review),
        "dose": upper(order.dose),
        "per": _PER_NIGHT if daily == order.dose.single_mg else _PER_DAY,
        "found": Record(order.words),
        "upper_start_mg": review.number("upper-start"),
        "lower_start_mg": review.number("lower-start"),
    }
    card = "older" if older else "usual"
    return Finding(card, _indicator(review, daily, older), values, tuple(_notes(review, older)), _offers(review))


def _notes(review: Review, older: bool) -> Iterator[str]:
    if is_palliative(review):
        yield "palliative"
    if _lapsed_on(review):
        yield "lapsed"
    yield "usual-range"
    if older:
        yield "start-low"
    if not review.facts.age.known:
        yield "age-unknown"


def _starts_high(review: Review, daily: float, *, at_this_age: bool) -> Fact[float]:
    """A drug that is surely not taken, above the dose to start with, in someone whose age is known to be meant."""
    age, order = review.facts.age, review.order
    if daily <= review.number("start-from-65"):
        return ABSENT
    if not age.known:
        return age
    taken = current_of(order, review.facts)
    if taken.known or not at_this_age:
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
    if taken.known or lapsed_of(review.order, review.facts):
        return REVIEW_ONLY
    return _OFFERS if taken == ABSENT else ()
