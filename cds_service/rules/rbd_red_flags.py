"""Red flags for REM sleep behaviour disorder that no sleep study has looked at (RBD-01)."""

from cds_service.facts.knowledge import either
from cds_service.facts.words import phrasing
from cds_service.phenotypes import antidepressants, rbd, sleep_study
from cds_service.phenotypes.rbd import Level, Suspicion
from cds_service.rules.rbd_signs import drugs, kinds, told
from cds_service.rules.review import Finding, Review, rule

_REFERRAL_REASON = phrasing("referral-reason", rule="rbd-red-flags")()


@rule("rbd-red-flags", gives="absent drugs flags not_asked present referral_reason")
def rbd_red_flags(review: Review) -> Finding:
    facts = review.facts
    review.unless("rbd-known", either(facts.conditions("rbd"), facts.past_conditions("rbd")))
    seen = review.known("suspected", rbd.suspicion(facts).provided(lambda told: told.level is Level.SUSPECTED))
    review.unless("studied", sleep_study.done(facts))
    review.unless("study-ordered", sleep_study.on_order(facts))
    review.consider("associated-drug-current", facts.current_drugs(*antidepressants.SETS))
    return Finding(
        "suspected",
        "injury" if seen.says("injury") else "no-injury",
        {**told(seen), "drugs": drugs(facts), "referral_reason": _REFERRAL_REASON},
        tuple(_notes(review, seen)),
        classes=kinds(seen),
    )


def _notes(review: Review, seen: Suspicion) -> list[str]:
    notes = ["screen", "mimics", *(["drugs"] if drugs(review.facts) else []), "video"]
    if not (seen.says("complex-movements") or seen.says("injury")):
        notes.append("safety")
    return notes if review.facts.age.known else [*notes, "age-unknown"]
