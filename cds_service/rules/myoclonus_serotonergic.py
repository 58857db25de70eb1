"""A new serotonin reuptake inhibitor in a patient with myoclonus (MYO-05)."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.words import Value, listed
from cds_service.phenotypes import bupropion, myoclonus, rbd
from cds_service.phenotypes.age import is_child
from cds_service.phenotypes.rbd import Level, Suspicion
from cds_service.phenotypes.therapy import current_of
from cds_service.rules.review import Finding, Review, rule

_SETS = ("ssri", "snri")


@rule("myoclonus-serotonergic", gives="Drug disorder drug found partners")
def myoclonus_serotonergic(review: Review) -> Finding:
    order, facts = review.order, review.facts
    name = review.drug("reuptake-inhibitor-proposed", *_SETS)
    disorder = review.known("myoclonus", myoclonus.diagnosis(facts))
    review.unless("already-taken", current_of(order, facts))
    review.unless("rbd-known-or-suspected", rbd.suspicion(facts).provided(_known_or_suspected))
    task = facts.plans("rbd-screen-task").where(lambda plan: plan.open)
    review.consider("screening-open", task)
    partners = listed(_partners(review))
    ask = _unasked(review)
    values: dict[str, Value] = {
        "drug": name,
        "Drug": name[:1].upper() + name[1:],
        "disorder": myoclonus.name(disorder),
        "found": myoclonus.told(disorder),
        "partners": partners,
    }
    said = (
        ("level-a", myoclonus.is_level_a(name)),
        ("lower-level", not myoclonus.is_level_a(name)),
        ("behavior", True),
        ("partners", bool(partners)),
        ("bupropion", bupropion.may_be_named(facts)),
    )
    offers = ("screening-task",) if ask and not task.known else ()
    notes = tuple(note for note, holds in said if holds)
    return Finding("ask" if ask else "asked", "new", values, notes, (*offers, "night-behavior-follow-up"))


def _known_or_suspected(seen: Suspicion) -> bool:
    return seen.level in (Level.CONFIRMED, Level.SUSPECTED)


def _unasked(review: Review) -> bool:
    """Whether dream enactment is neither recorded nor denied; the question is for adults."""
    adult = not is_child(review.facts)
    return adult and rbd.flags(review.facts)["dream-enactment"].yes is None


def _partners(review: Review) -> Iterator[str]:
    """Other drugs, taken or drafted, with which serotonin may rise too far."""
    taken = myoclonus.serotonergic(review.facts)
    yield from [m.ingredient for m in taken.value_or(())]
    for other in review.facts.orders:
        if other.source != review.order.source and not other.stops and other.drug:
            named = other.drug.ingredient(*myoclonus.SEROTONERGIC_SETS)
            yield from [named] if named else sorted(other.drug.ingredients & myoclonus.SEROTONERGIC_OPIOIDS)
