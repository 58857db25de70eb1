"""An attended sleep study repeated soon (PSG-03)."""

from cds_service.facts.knowledge import Fact, of, unread
from cds_service.facts.patient import DiagnosticReport, PatientFacts, Procedure
from cds_service.phenotypes import sleep_study
from cds_service.rules.review import Finding, Review, rule


@rule("psg-repeat", gives="day")
def psg_repeat(review: Review) -> Finding:
    order, facts = review.order, review.facts
    review.only_if("attended-study-proposed", sleep_study.proposed(order, sleep_study.ATTENDED), order.source)
    review.unless("titration", sleep_study.TITRATION in order.sets, order.source)
    review.only_if("for-rbd", sleep_study.states_rbd(order))
    done = review.known("studied-recently", _recent(facts, int(review.number("months"))))
    return Finding("repeat", "repeat", {"day": done.day})


def _recent(facts: PatientFacts, months: int) -> Fact[Procedure | DiagnosticReport]:
    """An attended study of the window: done as a procedure, else known from its report."""
    done = facts.procedures(sleep_study.ATTENDED)
    finished = [procedure for procedure in done.value_or(()) if not procedure.under_way]
    told = facts.reports(sleep_study.ATTENDED)
    studies: list[Procedure | DiagnosticReport] = [*finished, *told.value_or(())]
    for study in studies:
        if facts.within_months(study.day, months):
            return of(study)
    return unread(done, told)
