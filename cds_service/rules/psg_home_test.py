"""A home sleep apnea test ordered where RBD is suspected (PSG-02)."""

from cds_service.phenotypes import sleep_study
from cds_service.rules.review import Finding, Review, rule


@rule("psg-home-test", gives="")
def psg_home_test(review: Review) -> Finding:
    order, facts = review.order, review.facts
    review.only_if("home-test-proposed", sleep_study.proposed(order, sleep_study.HOME), order.source)
    review.unless("for-apnea-only", sleep_study.only_for_apnea(order), order.source)
    review.only_if("for-rbd", sleep_study.for_rbd(order, facts))
    apnea = facts.conditions("sleep-apnea", "snoring").known
    apnea = apnea or not order.reasons.isdisjoint(sleep_study.APNEA_REASONS)
    return Finding("home-test", "home-test", {}, ("apnea-too",) if apnea else ())
