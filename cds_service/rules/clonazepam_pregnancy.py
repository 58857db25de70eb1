"""Clonazepam in pregnancy (CLZ-07)."""

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.patient import Condition, Order, PatientFacts
from cds_service.facts.words import Value
from cds_service.phenotypes.pregnancy import pregnancy
from cds_service.phenotypes.therapy import Indication, current_of, indication
from cds_service.rules.clonazepam_alternative import REVIEW_ONLY, given, is_palliative
from cds_service.rules.review import Finding, Review, rule

_EPILEPSY = ("epilepsy", "progressive-myoclonus-epilepsy")


@rule("clonazepam-pregnancy", gives="drug found when")
def clonazepam_pregnancy(review: Review) -> Finding:
    given(review)
    found = review.known("pregnancy", pregnancy(review.facts))
    epilepsy = _for_epilepsy(review.order, review.facts)
    review.consider("epilepsy", epilepsy)
    seizures = epilepsy.known
    values: dict[str, Value] = {"drug": "clonazepam", "found": found.words, "when": found.when}
    purpose = indication(review.order, review.facts)
    neurology = ["neurology"] if seizures or purpose is Indication.MYOCLONUS else []
    indicator = "epilepsy" if seizures else "possible" if found.possible else "pregnant"
    card = "possible" if found.possible else "pregnant"
    taken = current_of(review.order, review.facts)
    review.consider("taken", taken)
    offers = ("remove-draft",) if taken == ABSENT else REVIEW_ONLY
    palliative = ["palliative"] if is_palliative(review) else []
    return Finding(card, indicator, values, ("label", *neurology, *palliative), offers)


def _for_epilepsy(order: Order, facts: PatientFacts) -> Fact[tuple[Condition, ...] | str]:
    """The stated reason, or without one an active epilepsy."""
    if not order.reasons.isdisjoint(_EPILEPSY):
        return Known(order.reason_words, (order.source,))
    if order.reasons_unreadable:
        return Unavailable(f"orders: {order.reasons_unreadable}")
    return ABSENT if order.reason_words else facts.conditions(*_EPILEPSY)
