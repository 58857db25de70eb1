"""Isolated brief head or neck jerks in sleep: nothing to treat and nothing to study (BEN-01)."""

from cds_service.facts.knowledge import either
from cds_service.facts.words import Record, Value, since
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import rbd
from cds_service.phenotypes.rbd import RED_FLAGS, SYNUCLEIN_SETS, Level, Suspicion
from cds_service.rules.review import Finding, Review, rule

_EPILEPSY = ("epilepsy", "absence-epilepsy", "progressive-myoclonus-epilepsy")


@rule("head-jerks", gives="found screened when")
def head_jerks(review: Review) -> Finding:
    facts = review.facts
    review.unless("rbd-known", either(facts.conditions("rbd"), facts.past_conditions("rbd")))
    review.unless("sleepiness", facts.conditions("hypersomnia", "narcolepsy"))
    review.unless("sleep-apnea", facts.conditions("sleep-apnea"))
    review.unless("epilepsy", facts.conditions(*_EPILEPSY))
    review.unless("synuclein-disease", facts.conditions(*SYNUCLEIN_SETS))
    complaint = review.known("recent-complaint", rbd.complaint(facts))
    seen = review.known("benign", rbd.suspicion(facts).provided(lambda told: told.level is Level.BENIGN))
    values: dict[str, Value] = {
        "found": Record(complaint.words),
        "when": since(complaint.since),
        "screened": _screened(seen),
    }
    onset_only = seen.says("only-at-sleep-onset")
    return Finding("sleep-starts" if onset_only else "head-jerks", "reassure", values, ("common", "exception"))


def _screened(seen: Suspicion) -> Interval | None:
    """The day since when every red flag has been answered no."""
    days = [seen.flags[name].when for name in RED_FLAGS]
    return min((day for day in days if day), key=lambda day: day.last, default=None)
