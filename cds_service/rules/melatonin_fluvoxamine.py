"""Melatonin together with fluvoxamine (MEL-02)."""

from cds_service.facts.knowledge import Fact
from cds_service.facts.words import Record, Value
from cds_service.phenotypes import pairs
from cds_service.phenotypes.pairs import Side
from cds_service.phenotypes.therapy import is_new
from cds_service.rules.review import Finding, Review, rule

_SETS = {"melatonin": "ssri", "fluvoxamine": "melatonin"}
"""For each of the two, the value set of the other."""


@rule("melatonin-fluvoxamine", gives="drug found other other_state")
def melatonin_fluvoxamine(review: Review) -> Finding:
    name = review.drug("melatonin-or-ssri", "melatonin", "ssri")
    order, age = review.order, review.facts.age
    review.only_if("melatonin-or-fluvoxamine", name in _SETS, order.source)
    other = review.known("other-one", _partner(review, name))
    values: dict[str, Value] = {
        "drug": name,
        "found": Record(order.words),
        "other": Record(other.drug.words),
        "other_state": other.state,
    }
    notes = ("label", *(["age-unknown"] if not age.known else []))
    offers = ("remove-draft",) if is_new(order, review.facts) else ()
    return Finding("together", "together", values, notes, offers, stale=other.stale)


def _partner(review: Review, name: str) -> Fact[Side]:
    found = pairs.partners(review.order, review.facts, (_SETS[name],), review.reviews)
    wanted = found.where(lambda side: side.ingredient in _SETS).best(lambda side: side.stale is not None)
    return review.facts.unread("medications") if found.known and not wanted.known else wanted
