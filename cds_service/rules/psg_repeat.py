"""An attended sleep study repeated soon (PSG-03)."""

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.patient import DiagnosticReport, PatientFacts, Procedure
from cds_service.fhir.dates import within_months
from cds_service.phenotypes import sleep_study
from cds_service.rules.review import Finding, Review, rule


@rule("psg-repeat", gives="day")
def psg_repeat(review: Review) -> Finding:
    order, facts = review.order, review.facts
    review.only_if("attended-study-proposed", sleep_study.ATTENDED in order.sets, order.source)
    review.unless("titration", sleep_study.TITRATION in order.sets, order.source)
    review.only_if("for-rbd", sleep_study.is_for_rbd(order), order.source)
    done = review.known("studied-recently", _recent(facts, int(review.number("months"))))
    return Finding("repeat", "repeat", {"day": done.day})


def _recent(facts: PatientFacts, months: int) -> Fact[Procedure | DiagnosticReport]:
    """An attended study of the window: done as a procedure, else known from its report."""
    done = facts.procedures(sleep_study.ATTENDED)
    finished = [p for p in done.value if not p.under_way] if isinstance(done, Known) else []
    told = facts.reports(sleep_study.ATTENDED)
    studies: list[Procedure | DiagnosticReport] = [*finished, *(told.value if isinstance(told, Known) else ())]
    for study in studies:
        if study.day and within_months(study.day, months, facts.today):
            return Known(study, (study.source,))
    return next((found for found in (done, told) if isinstance(found, Unavailable)), ABSENT)
