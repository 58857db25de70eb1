"""Confirmed isolated RBD without neurological follow-up (PROG-01)."""

from __future__ import annotations

from cds_service.facts.knowledge import Fact, either, of
from cds_service.facts.patient import Condition, PatientFacts
from cds_service.facts.words import Record, Value, phrasing, since
from cds_service.phenotypes import antidepressants, planned_care, rbd, sleep_study
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
    review.only_if("confirmed", _confirmed(disorder, facts))
    from_age, months = int(review.number("from-age")), int(review.number("follow-up-months"))
    review.only_if("old-enough", facts.age.provided(lambda age: age.at_least(from_age)))
    review.unless("followed-up", planned_care.recent(facts, months, *_REFERRALS))
    review.consider("associated-drug", facts.current_drugs(*antidepressants.SETS))
    values: dict[str, Value] = {
        "found": Record(disorder.words),
        "when": since(disorder.since),
        "referral_reason": _REFERRAL_REASON,
    }
    return Finding("isolated", "follow-up", values, ("ask-first", "figures", "check"))


def _confirmed(disorder: Condition, facts: PatientFacts) -> Fact[object]:
    """A confirmed diagnosis, or an attended sleep study on record."""
    if disorder.confirmed:
        return of(disorder)
    done: Fact[object] = facts.procedures(sleep_study.ATTENDED)
    return either(done, facts.reports(sleep_study.ATTENDED))
