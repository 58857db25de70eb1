"""Confirmed isolated RBD without neurological follow-up (PROG-01)."""

from __future__ import annotations

from cds_service.content.text import since
from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable, either
from cds_service.facts.patient import Condition, PatientFacts, PlannedCare
from cds_service.facts.words import Value
from cds_service.fhir.dates import Age, within_months
from cds_service.phenotypes import antidepressants, rbd, sleep_study
from cds_service.phenotypes.cognition import DEMENTIA_SETS
from cds_service.rules.review import Finding, Record, Review, rule

_NOT_ISOLATED = (*rbd.SYNUCLEIN_SETS, *DEMENTIA_SETS, "narcolepsy")


@rule("rbd-prognosis", gives="found referral_reason when")
def rbd_prognosis(review: Review) -> Finding:
    facts = review.facts
    review.unless("not-isolated", facts.conditions(*_NOT_ISOLATED))
    disorder = review.known("rbd-active", rbd.diagnosis(facts))
    review.only_if("confirmed", _confirmed(disorder, facts))
    review.only_if("old-enough", _from(facts.age, int(review.number("from-age"))))
    review.unless("followed-up", _referred(facts, int(review.number("follow-up-months"))))
    review.consider("associated-drug", facts.current_drugs(*antidepressants.SETS))
    values: dict[str, Value] = {
        "found": Record(disorder.words),
        "when": since(disorder.since),
        "referral_reason": "RBD: baseline and yearly neurological check",
    }
    return Finding("isolated", "follow-up", values, ("ask-first", "figures", "check"))


def _confirmed(disorder: Condition, facts: PatientFacts) -> Fact[object]:
    """A confirmed diagnosis, or an attended sleep study on record."""
    if disorder.confirmed:
        return Known(True, (disorder.source,))
    done: Fact[object] = facts.procedures(sleep_study.ATTENDED)
    return either(done, facts.reports(sleep_study.ATTENDED))


def _from(age: Fact[Age], years: int) -> Fact[Age]:
    if isinstance(age, Unavailable):
        return age
    return age if isinstance(age, Known) and age.value.at_least(years) else ABSENT


def _referred(facts: PatientFacts, months: int) -> Fact[tuple[PlannedCare, ...]]:
    found = facts.requests("referral-neurology", "referral-sleep-medicine")
    if not isinstance(found, Known):
        return found
    recent = tuple(r for r in found.value if r.day is None or within_months(r.day, months, facts.today))
    return Known(recent, tuple(r.source for r in recent)) if recent else ABSENT
