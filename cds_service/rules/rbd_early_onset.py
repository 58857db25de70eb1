"""Dream enactment at an early age: other causes come before isolated RBD (RBD-03)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT, Fact
from cds_service.facts.patient import PatientFacts
from cds_service.facts.words import Listed, listed, phrasing
from cds_service.fhir.dates import Age
from cds_service.phenotypes import antidepressants, planned_care, rbd, sleep_study
from cds_service.phenotypes.age import years
from cds_service.phenotypes.rbd import Level, Suspicion
from cds_service.rules.rbd_signs import drugs, kinds, told
from cds_service.rules.review import Finding, Review, rule

_OTHERS = {
    "narcolepsy": phrasing("narcolepsy")(),
    "ptsd": phrasing("ptsd", rule="rbd-early-onset")(),
    "sleep-apnea": phrasing("sleep-apnea")(),
    "parasomnia-other": phrasing("parasomnia-other", rule="rbd-early-onset")(),
    "nightmare-disorder": phrasing("nightmare-disorder", rule="rbd-early-onset")(),
}
_REFERRAL_REASON = phrasing("referral-reason", rule="rbd-early-onset")()


@rule("rbd-early-onset", gives="absent age drugs flags not_asked others present referral_reason")
def rbd_early_onset(review: Review) -> Finding:
    facts = review.facts
    review.unless("rbd-known", rbd.settled(facts))
    age = review.known("age-recorded", facts.age)
    seen = review.known("early-dream-enactment", _early(review, age))
    suspected = seen.level is Level.SUSPECTED
    study = sleep_study.done_or_ordered(facts)
    review.unless("study-done-or-ordered", study if suspected else ABSENT)
    review.consider("associated-drug-current", facts.current_drugs(*antidepressants.SETS))
    named, others = drugs(facts), _others(facts)
    notes = [
        "screen",
        *(["drugs"] if named else []),
        *(["others"] if others else []),
        "figures",
        "narcolepsy",
        "causes",
    ]
    values = {**told(seen), "age": years(age), "drugs": named, "others": others, "referral_reason": _REFERRAL_REASON}
    offers = (
        *([] if planned_care.is_open(facts, "referral-sleep-medicine") else ["refer-sleep-medicine"]),
        *([] if study.known else ["order-video-polysomnography"]),
    )
    indicator = "injury" if seen.says("injury") else "no-injury"
    card = "suspected" if suspected else "possible"
    return Finding(card, indicator, values, tuple(notes), offers, kinds(seen))


def _early(review: Review, age: Age) -> Fact[Suspicion]:
    """Red flags under the limit, or dream enactment that is not surely over it."""
    young = age.under(review.facts.numbers.whole("rbd", "age-over"))
    return rbd.firm_suspicion(review.facts).provided(
        lambda seen: (
            (seen.level is Level.SUSPECTED and young) or (seen.level is Level.POSSIBLE and seen.says("dream-enactment"))
        )
    )


def _others(facts: PatientFacts) -> Listed:
    """What is on record that can look like RBD or lie behind it."""
    return listed(label for name, label in _OTHERS.items() if facts.conditions(name).known)
