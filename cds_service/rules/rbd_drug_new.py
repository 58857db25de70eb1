"""A new or increased drug that can cause or worsen RBD (MED-01)."""

from collections.abc import Iterator

from cds_service.facts.knowledge import Fact
from cds_service.facts.patient import Change, Medication, Order
from cds_service.facts.words import Record, Value, since
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import antidepressants, bupropion, rbd
from cds_service.phenotypes.antidepressant_purpose import Purpose, purpose
from cds_service.phenotypes.rbd import Level, Suspicion
from cds_service.phenotypes.therapy import change, current_of, is_new
from cds_service.rules.rbd_signs import named
from cds_service.rules.review import Finding, Review, rule

_CARDS = {
    Level.CONFIRMED: "confirmed",
    Level.HISTORY: "history",
    Level.SUSPECTED: "suspected",
    Level.POSSIBLE: "possible-enactment",
}
_SIGNS = ("complex-movements", "injury", "dream-enactment")


@rule("rbd-drug-new", gives="Drug drug reason signs since told")
def rbd_drug_new(review: Review) -> Finding:
    order, facts = review.order, review.facts
    name = review.drug("associated-drug-proposed", *antidepressants.SETS)
    review.unless("hypnotic-doxepin", antidepressants.is_hypnotic_draft(name, order.dose, facts))
    seen = review.known("rbd", rbd.suspicion(facts).provided(lambda told: told.level in _CARDS))
    review.unless("already-taken", _already_taken(review))
    strong = antidepressants.is_strong(order.drug.sets) if order.drug else False
    possible = seen.level is Level.CONFIRMED and seen.rests_on_possible
    serious = strong and seen.level in (Level.CONFIRMED, Level.SUSPECTED) and not possible
    told = _told_on(seen)
    values: dict[str, Value] = {
        "drug": name,
        "Drug": name[:1].upper() + name[1:],
        "since": since(seen.diagnosis.since if seen.diagnosis else None),
        "reason": Record(order.reason_words) if order.reason_words else None,
        "signs": named(_answered(seen)),
        "told": told,
    }
    card = "answers" if told else _card(seen, possible)
    offers = ("night-behavior-follow-up", *(("remove-draft",) if is_new(order, facts) else ()))
    return Finding(card, "likely" if serious else "less-certain", values, tuple(_notes(review, name, seen)), offers)


def _notes(review: Review, name: str, seen: Suspicion) -> Iterator[str]:
    """By what the drug is for, then by its class (the table of MED-01)."""
    order, facts = review.order, review.facts
    use = purpose(order, facts)
    if use is Purpose.PARKINSON or use is Purpose.CATAPLEXY or use is Purpose.MIND:
        yield use.value
    elif order.reason_words:
        yield "other-use"
    yield "ask"
    if order.drug and "tca" in order.drug.sets:
        yield "tricyclic"
    elif name == "mirtazapine":
        yield name
    myoclonus = facts.conditions("myoclonus").known
    if myoclonus and seen.level in (Level.CONFIRMED, Level.SUSPECTED) and _is_reuptake_inhibitor(order):
        yield "myoclonus"
    if use is Purpose.MIND and bupropion.may_be_named(facts):
        yield "bupropion-myoclonus" if myoclonus else "bupropion"
    if use is Purpose.MIND and _is_reuptake_inhibitor(order):
        yield "figures"


def _answered(seen: Suspicion) -> tuple[str, ...]:
    """The telling signs that were answered yes, and not only found among the diagnoses."""
    return tuple([name for name in _SIGNS if seen.says(name) and not seen.flags[name].words])


def _told_on(seen: Suspicion) -> Interval | None:
    """The day of the newest of these answers, where there is no diagnosis."""
    if seen.level not in (Level.SUSPECTED, Level.POSSIBLE):
        return None
    days = [day for name in _answered(seen) if (day := seen.flags[name].when)]
    return max(days, key=lambda day: day.last, default=None)


def _is_reuptake_inhibitor(order: Order) -> bool:
    """One of the drugs on which, at other levels, the card on myoclonus speaks for itself."""
    return order.drug is not None and not order.drug.sets.isdisjoint(("ssri", "snri"))


def _card(seen: Suspicion, possible: bool) -> str:
    if seen.score is not None and not any(seen.says(name) for name in _SIGNS):
        return "questionnaire"
    return "possible" if possible else _CARDS[seen.level]


def _already_taken(review: Review) -> Fact[Medication]:
    """Known for a draft that continues what the patient takes at the same or a lower dose."""
    order, facts = review.order, review.facts
    return current_of(order, facts).provided(lambda _: change(order, facts) is not Change.INCREASE)
