"""Proven isolated RBD without neurological follow-up (PROG-01)."""

from __future__ import annotations

from cds_service.facts.words import Record, Value, phrasing, since
from cds_service.phenotypes import antidepressants, planned_care, prognosis, rbd, sleep_study
from cds_service.phenotypes.cognition import DEMENTIA_SETS
from cds_service.rules.review import Finding, Review, rule

_REFERRALS = ("referral-neurology", "referral-sleep-medicine")
_NOT_ISOLATED = (*rbd.SYNUCLEIN_SETS, *DEMENTIA_SETS, "narcolepsy")
_REFERRAL_REASON = phrasing("referral-reason", rule="rbd-prognosis")()


@rule("rbd-prognosis", gives="found referral_reason when")
def rbd_prognosis(review: Review) -> Finding:
    facts = review.facts
    review.unless("not-isolated", facts.conditions(*_NOT_ISOLATED))
    disorder = review.known("rbd-active", rbd.firm_diagnosis(facts))
    review.only_if("proven", sleep_study.proves(disorder, facts))
    review.only_if("of-cohort-age", prognosis.of_cohort_age(facts))
    months = int(review.number("follow-up-months"))
    review.unless("followed-up", planned_care.recent(facts, months, *_REFERRALS))
    review.consider("associated-drug", facts.current_drugs(*antidepressants.SETS))
    values: dict[str, Value] = {
        "found": Record(disorder.words),
        "when": since(disorder.since),
        "referral_reason": _REFERRAL_REASON,
    }
    return Finding("isolated", "follow-up", values, ("ask-first", "figures", "check"))
