"""Myoclonus with falls or trouble walking, and no physiotherapy (MYO-04)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT, Known, either, unread
from cds_service.facts.patient import Condition
from cds_service.facts.words import Record, Value, dated, listed, on, phrasing, since
from cds_service.phenotypes import fall_risk, myoclonus, planned_care
from cds_service.rules.review import Finding, Review, rule

_RULE = "myoclonus-physiotherapy"
_REFERRAL = phrasing("referral-reason", "disorder", "label", rule=_RULE)


@rule(_RULE, gives="Myoclonus found label months referral_reason told")
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
        labels.append(_unsure(gait.value, "gait disorder"))
        told.append(_named(gait.value))
    review.known("trouble-walking", Known(labels[0]) if labels else either(unread(falls), unread(gait)))
    months = int(review.number("physiotherapy-months"))
    review.unless("physiotherapy", planned_care.recent(facts, months, "physiotherapy"))
    values: dict[str, Value] = {
        "Myoclonus": _unsure(disorder, "myoclonus").capitalize(),
        "found": _named(disorder),
        "label": labels[0],
        "told": listed(told),
        "months": review.number("physiotherapy-months"),
        "referral_reason": _REFERRAL(disorder=_unsure(disorder, "myoclonus").capitalize(), label=labels[0]),
    }
    return Finding("not-found", "walking", values, ("content",))


def _unsure(found: Condition, name: str) -> str:
    return f"possible {name}" if found.possible else name


def _named(found: Condition) -> Value:
    return dated(Record(found.words), since(found.since), unsure=found.possible)
