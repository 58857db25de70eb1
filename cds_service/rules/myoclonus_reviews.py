"""Which drugs a card on myoclonus asks to review, and why (SG-14)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from cds_service.facts.patient import PatientFacts
from cds_service.facts.words import Said, phrasing
from cds_service.phenotypes import myoclonus
from cds_service.phenotypes.myoclonus_causes import Cause

_phrasing = partial(phrasing, rule="myoclonus-reversible-cause")
_FOR_RATE = {
    True: _phrasing("review-for-egfr", "rate"),
    False: _phrasing("review-for-clearance", "rate"),
}
_IN_FAILURE = _phrasing("review-in-kidney-failure")()
_LITHIUM = _phrasing("review-lithium", "rate")
_LEVEL = _phrasing("review-lithium-level", "amount")
_BEGUN = _phrasing("review-begun")()
_WITH = _phrasing("review-with", "other")
_ROTATE = _phrasing("review-rotate")()


class DrugReview(msgspec.Struct, frozen=True):
    """A drug to be reviewed, why, and the entry that tells of it."""

    drug: str
    reason: Said
    source: str


def due(found: tuple[Cause, ...], facts: PatientFacts, *, comfort: bool) -> Iterator[DrugReview]:
    """Each drug once: those that are causes, then those that accumulate when the kidneys fail."""
    failing = next(
        (_IN_FAILURE if not c.amount else _FOR_RATE[True](rate=c.amount) for c in found if c.kind == "kidney"), None
    )
    taken = myoclonus.drugs(facts, *myoclonus.KIDNEY_CLEARED_SETS).value_or(()) if failing else ()
    cleared = {drug.ingredient for drug in taken}
    seen: set[str] = set()
    for cause in found:
        if cause.ingredients and cause.drug not in seen:
            seen.add(cause.drug)
            reason = failing if failing and cause.kind == "drug" and cause.drug in cleared else _reason(cause)
            yield DrugReview(cause.drug, _ROTATE if comfort and "opioid" in cause.sets else reason, cause.source)
    for drug in taken:
        if failing and drug.ingredient not in seen:
            yield DrugReview(drug.ingredient, _ROTATE if comfort and "opioid" in drug.sets else failing, drug.source)


def _reason(cause: Cause) -> Said:
    if cause.rate:
        return _FOR_RATE[cause.rate.estimated](rate=cause.shown_rate)
    if cause.kind == "lithium":
        return _LITHIUM(rate=cause.amount)
    if cause.kind == "lithium-level":
        return _LEVEL(amount=cause.amount)
    return _WITH(other=cause.ingredients[1]) if cause.kind == "serotonergic" else _BEGUN
