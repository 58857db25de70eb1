"""Myoclonus with falls or trouble walking, and no physiotherapy (MYO-04)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT, Known, either, unread
from cds_service.facts.words import Value, dated, listed, on, phrasing
from cds_service.phenotypes import fall_risk, myoclonus, planned_care
from cds_service.rules.review import Finding, Review, rule

_GAIT_DISORDER = phrasing("gait-disorder", rule="myoclonus-physiotherapy")()
_WITH = phrasing("with-trouble-walking", "disorder", "trouble", rule="myoclonus-physiotherapy")


@rule("myoclonus-physiotherapy", gives="Myoclonus found label referral_reason told")
def myoclonus_physiotherapy(review: Review) -> Finding:
    facts = review.facts
    disorder = review.known("myoclonus", myoclonus.diagnosis(facts))
    falls = fall_risk.fall_risk(facts)
    gait = myoclonus.diagnosis(facts, "gait-disorder")
    review.consider("fall-risk", falls)
    review.consider("fall-denied", falls.value.denial if falls.known else ABSENT)
    review.consider("gait-disorder", gait)
    labels: list[Value] = []
    told: list[Value] = []
    if falls.known:
        labels.append(falls.value.label)
        told.append(dated(falls.value.words, on(falls.value.when)))
    if gait.known:
        labels.append(gait.value.called(_GAIT_DISORDER))
        told.append(myoclonus.told(gait.value))
    review.known("trouble-walking", Known(labels[0]) if labels else either(unread(falls), unread(gait)))
    months = int(review.number("physiotherapy-months"))
    review.unless("physiotherapy", planned_care.recent(facts, months, "physiotherapy"))
    name = myoclonus.name(disorder, first=True)
    values: dict[str, Value] = {
        "Myoclonus": name,
        "found": myoclonus.told(disorder),
        "label": labels[0],
        "told": listed(told),
        "referral_reason": _WITH(disorder=name, trouble=labels[0]),
    }
    return Finding("not-found", "walking", values, ("content",))
