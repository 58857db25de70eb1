"""A home sleep apnea test ordered where RBD is suspected (PSG-02)."""

from cds_service.facts.words import Value, since
from cds_service.phenotypes import sleep_study
from cds_service.phenotypes.rbd import Suspicion
from cds_service.rules.review import Finding, Review, rule


@rule("psg-home-test", gives="ordered")
def psg_home_test(review: Review) -> Finding:
    order, facts = review.order, review.facts
    review.only_if("home-test-proposed", sleep_study.proposed(order, sleep_study.HOME), order.source)
    review.unless("for-apnea-only", sleep_study.only_for_apnea(order))
    wanted = sleep_study.for_rbd(order, facts)
    review.only_if("for-rbd", wanted)
    unsure = wanted.known and isinstance(wanted.value, Suspicion) and wanted.value.rests_on_possible
    apnea = facts.conditions("sleep-apnea", "snoring").known
    apnea = apnea or not order.reasons.isdisjoint(sleep_study.APNEA_REASONS)
    ordered = sleep_study.on_order(facts)
    notes = (
        *(["possible"] if unsure else []),
        *(["study-ordered"] if ordered.known else []),
        *(["apnea-too"] if apnea else []),
    )
    values: dict[str, Value] = {"ordered": since(ordered.value[0].day) if ordered.known else None}
    offers = ("remove-study",) if ordered.known else ("replace-with-video-polysomnography", "remove-study")
    return Finding("home-test", "possible" if unsure else "home-test", values, notes, offers)
