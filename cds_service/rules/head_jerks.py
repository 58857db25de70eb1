"""Isolated brief head or neck jerks in sleep: nothing to treat and nothing to study (BEN-01)."""

from __future__ import annotations

from cds_service.facts.knowledge import Fact
from cds_service.facts.patient import Condition, Order, PatientFacts
from cds_service.facts.words import Record, Value, since
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import rbd, sleep_study
from cds_service.phenotypes.rbd import RED_FLAGS, SYNUCLEIN_SETS, Level, Suspicion
from cds_service.phenotypes.therapy import current_of
from cds_service.rules.review import Finding, Review, rule

_EPILEPSY = ("epilepsy", "absence-epilepsy", "progressive-myoclonus-epilepsy")
_OTHER_USES = ("myoclonus", "panic", "anxiety")


@rule("head-jerks", gives="drug found reason screened when")
def head_jerks(review: Review) -> Finding:
    return _at_order(review) if isinstance(review.subject, Order) else _at_view(review)


def _at_view(review: Review) -> Finding:
    seen = _benign(review)
    complaint = review.known("recent-complaint", rbd.complaint(review.facts))
    values: dict[str, Value] = {
        "found": Record(complaint.words),
        "when": since(complaint.since),
        "screened": _screened(seen),
    }
    onset_only = seen.says("only-at-sleep-onset")
    return Finding("sleep-starts" if onset_only else "head-jerks", "reassure", values, ("common", "exception"))


def _at_order(review: Review) -> Finding:
    order, facts = review.order, review.facts
    drug = review.drug("clonazepam-proposed", "clonazepam")
    review.unless("another-use", facts.conditions(*_OTHER_USES))
    seen = _benign(review)
    review.unless("taken-already", current_of(order, facts))
    review.only_if("for-jerks", _for_jerks(order, facts))
    reason = order.reason_words or rbd.complaint(facts).read_as(lambda told: told.words).value_or("")
    values: dict[str, Value] = {"drug": drug, "reason": Record(reason), "screened": _screened(seen)}
    return Finding("order", "reassure", values, ("new-look",))


def _for_jerks(order: Order, facts: PatientFacts) -> Fact[Order] | Fact[Condition]:
    """The only stated reason is jerks; without a stated reason, they are a recent complaint."""
    if order.each_reason or order.reasons_unreadable:
        return sleep_study.only_for_twitching(order)
    return rbd.complaint(facts)


def _benign(review: Review) -> Suspicion:
    """Jerks and nothing else, with nothing on record that speaks for more."""
    facts = review.facts
    review.unless("sleepiness", facts.conditions("hypersomnia", "narcolepsy"))
    review.unless("sleep-apnea", facts.conditions("sleep-apnea"))
    review.unless("epilepsy", facts.conditions(*_EPILEPSY))
    review.unless("synuclein-disease", facts.conditions(*SYNUCLEIN_SETS))
    return review.known("benign", rbd.suspicion(facts).provided(lambda told: told.level is Level.BENIGN))


def _screened(seen: Suspicion) -> Interval | None:
    """The day since when every red flag has been answered no."""
    days = [seen.flags[name].when for name in RED_FLAGS]
    return min((day for day in days if day), key=lambda day: day.last, default=None)
