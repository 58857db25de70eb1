"""A home sleep apnea test ordered where RBD is suspected (PSG-02)."""

from cds_service.phenotypes import sleep_study
from cds_service.phenotypes.rbd import Suspicion
from cds_service.rules.review import Finding, Review, rule


@rule("psg-home-test", gives="")
def psg_home_test(review: Review) -> Finding:
    order, facts = review.order, review.facts
    review.only_if("home-test-proposed", sleep_study.proposed(order, sleep_study.HOME), order.source)
    review.unless("for-apnea-only", sleep_study.only_for_apnea(order))
    wanted = sleep_study.for_rbd(order, facts)
    review.only_if("for-rbd", wanted)
    unsure = wanted.known and isinstance(wanted.value, Suspicion) and wanted.value.rests_on_possible
    apnea = facts.conditions("sleep-apnea", "snoring").known
    apnea = apnea or not order.reasons.isdisjoint(sleep_study.APNEA_REASONS)
    notes = (*(["possible"] if unsure else []), *(["apnea-too"] if apnea else []))
    return Finding("home-test", "possible" if unsure else "home-test", {}, notes)
