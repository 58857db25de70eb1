"""A new or increased drug that can cause or worsen RBD (MED-01)."""

from cds_service.facts.knowledge import Fact
from cds_service.facts.patient import Change, Medication, Order
from cds_service.facts.words import since
from cds_service.phenotypes import antidepressants, bupropion, rbd
from cds_service.phenotypes.rbd import Level, Suspicion
from cds_service.phenotypes.therapy import change, current_of
from cds_service.rules.review import Finding, Review, rule

_CARDS = {
    Level.CONFIRMED: "confirmed",
    Level.HISTORY: "history",
    Level.SUSPECTED: "suspected",
    Level.POSSIBLE: "possible-enactment",
}
_SIGNS = ("complex-movements", "injury", "dream-enactment")


@rule("rbd-drug-new", gives="Drug drug since")
def rbd_drug_new(review: Review) -> Finding:
    order, facts = review.order, review.facts
    name = review.drug("associated-drug-proposed", *antidepressants.SETS)
    review.unless("hypnotic-doxepin", antidepressants.is_hypnotic_draft(name, order.dose, facts))
    seen = review.known("rbd", rbd.suspicion(facts).provided(lambda told: told.level in _CARDS))
    review.unless("already-taken", _already_taken(review))
    strong = antidepressants.is_strong(order.drug.sets) if order.drug else False
    notes = ["mood", *(["mirtazapine"] if name == "mirtazapine" else [])]
    myoclonus = facts.conditions("myoclonus").known
    if myoclonus and seen.level in (Level.CONFIRMED, Level.SUSPECTED) and _is_reuptake_inhibitor(order):
        notes.append("myoclonus")
    if bupropion.may_be_named(facts):
        notes.append("bupropion-myoclonus" if myoclonus else "bupropion")
    notes.append("figures")
    possible = seen.level is Level.CONFIRMED and seen.diagnosis is not None and seen.diagnosis.possible
    serious = strong and seen.level in (Level.CONFIRMED, Level.SUSPECTED) and not possible
    begun = since(seen.diagnosis.since if seen.diagnosis else None)
    values = {"drug": name, "Drug": name[:1].upper() + name[1:], "since": begun}
    return Finding(_card(seen, possible), "likely" if serious else "less-certain", values, tuple(notes))


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
