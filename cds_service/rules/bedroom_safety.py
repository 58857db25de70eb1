"""RBD, or red flags that can injure, without advice on a safe bedroom (SAF-01)."""

from __future__ import annotations

from cds_service.facts.knowledge import Fact
from cds_service.facts.words import Record, Value, since
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import rbd
from cds_service.phenotypes.bedroom_safety import advised
from cds_service.phenotypes.rbd import Level, Suspicion
from cds_service.rules.rbd_signs import present
from cds_service.rules.review import Finding, Review, rule


@rule("bedroom-safety", gives="found injury when")
def bedroom_safety(review: Review) -> Finding:
    facts = review.facts
    seen = review.known("may-be-injured", _may_be_injured(rbd.firm_suspicion(facts)))
    review.unless("advised", advised(facts))
    review.consider("injury-recorded", facts.answer("injury"))
    injury = _injury(review, seen)
    card = "suspected" if seen.diagnosis is None else "confirmed"
    values = {**_found(seen), "injury": injury}
    notes = ("around-the-bed",)
    return Finding(f"{card}-injury", "injury", values, notes) if injury else Finding(card, "no-injury", values, notes)


def _may_be_injured(found: Fact[Suspicion]) -> Fact[Suspicion]:
    """RBD on the problem list, or red flags with complex movements or injury among them."""
    return found.provided(
        lambda seen: (
            seen.level is Level.CONFIRMED
            or (seen.level is Level.SUSPECTED and (seen.says("complex-movements") or seen.says("injury")))
        )
    )


def _injury(review: Review, seen: Suspicion) -> Interval | None:
    """The day of an injury within the window, as far as it is known."""
    flag, months = seen.flags["injury"], int(review.number("injury-months"))
    return flag.when if flag.yes and review.facts.within_months(flag.when, months) else None


def _found(seen: Suspicion) -> dict[str, Value]:
    if seen.diagnosis is None:
        return {"found": present(seen)}
    return {"found": Record(seen.diagnosis.words), "when": since(seen.diagnosis.since)}
