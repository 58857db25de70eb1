"""What the card on drugs for myoclonus offers: a new draft may go, a drug that is taken is reviewed (MYO-03)."""

from __future__ import annotations

import msgspec

from cds_service.facts.words import Value
from cds_service.phenotypes.therapy import current_of, is_new
from cds_service.rules.review import Finding, Review


def offered(review: Review, found: Finding, reason: Value) -> Finding:
    """The finding as it stands for a new drug; for another with a review of the drug as all that it offers."""
    if is_new(review.order, review.facts):
        return found
    taken = current_of(review.order, review.facts)
    source = taken.value.source if taken.known else review.order.source
    values = {**found.values, "review_drug": found.values["drug"], "review_reason": reason, "review_focus": source}
    return msgspec.structs.replace(found, values=values, offers=("review-drug",))
