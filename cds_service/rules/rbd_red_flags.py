"""Red flags for REM sleep behaviour disorder that no sleep study has looked at (RBD-01)."""

from cds_service.facts.patient import PatientFacts
from cds_service.facts.words import Listed, Record, Value, listed, phrasing
from cds_service.phenotypes import antidepressants, planned_care, rbd, sleep_apnea, sleep_study
from cds_service.phenotypes.bedroom_safety import advised
from cds_service.phenotypes.rbd import Level, Suspicion
from cds_service.rules.rbd_signs import drugs, kinds, told
from cds_service.rules.review import Finding, Review, rule

_REFERRAL_REASON = phrasing("referral-reason", rule="rbd-red-flags")()
_MEASURED = phrasing("apnea-measured", "index", rule="rbd-red-flags")
_APNEA = phrasing("sleep-apnea")()
_EPILEPSY = phrasing("epilepsy")()


@rule("rbd-red-flags", gives="absent apnea drugs flags not_asked others present referral_reason")
def rbd_red_flags(review: Review) -> Finding:
    facts = review.facts
    review.unless("rbd-known", rbd.settled(facts))
    seen = review.known("suspected", rbd.firm_suspicion(facts).provided(lambda told: told.level is Level.SUSPECTED))
    review.unless("studied", sleep_study.done(facts))
    review.unless("study-ordered", sleep_study.on_order(facts))
    review.consider("associated-drug-current", facts.current_drugs(*antidepressants.SETS))
    return Finding(
        "suspected",
        "injury" if seen.says("injury") else "no-injury",
        {
            **told(seen),
            "drugs": drugs(facts),
            "apnea": _apnea(facts),
            "others": _others(facts),
            "referral_reason": _REFERRAL_REASON,
        },
        tuple(_notes(review, seen)),
        _offers(facts),
        classes=kinds(seen),
    )


def _notes(review: Review, seen: Suspicion) -> list[str]:
    own = [*(["apnea"] if _apnea(review.facts) else []), *(["others"] if _others(review.facts) else [])]
    notes = ["screen", *own, "mimics", *(["drugs"] if drugs(review.facts) else []), "video"]
    if not (seen.says("complex-movements") or seen.says("injury")):
        notes.append("safety")
    return notes if review.facts.age.known else [*notes, "age-unknown"]


def _apnea(facts: PatientFacts) -> Value:
    """The patient's own sleep apnea, with its index where one was measured."""
    found = sleep_apnea.apnea(facts)
    if not found.known:
        return ""
    index = found.value.index
    return _APNEA if index is None else _MEASURED(index=index)


def _others(facts: PatientFacts) -> Listed:
    """What else is on the list that can look like RBD: sleepwalking, sleep terrors, epilepsy."""
    parasomnias = [Record(one.words) for one in facts.conditions("parasomnia-other").value_or(())]
    return listed([*parasomnias, *([_EPILEPSY] if facts.conditions("epilepsy").known else [])])


def _offers(facts: PatientFacts) -> tuple[str, ...]:
    """What is neither open nor on record."""
    return (
        "order-video-polysomnography",
        *([] if advised(facts).known else ["bedroom-safety"]),
        *([] if planned_care.is_open(facts, "referral-sleep-medicine") else ["refer-sleep-medicine"]),
    )
