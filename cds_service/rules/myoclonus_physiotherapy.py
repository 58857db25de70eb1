"""Myoclonus with falls or trouble walking, and no physiotherapy (MYO-04)."""

from __future__ import annotations

from cds_service.content.text import escape, listed, since
from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.patient import Condition, PlannedCare
from cds_service.facts.words import Value
from cds_service.fhir.dates import Interval, spell, within_months
from cds_service.phenotypes import fall_risk, myoclonus
from cds_service.rules.review import Finding, Review, rule


@rule("myoclonus-physiotherapy", gives="Myoclonus found label months referral_reason told")
def myoclonus_physiotherapy(review: Review) -> Finding:
    facts = review.facts
    disorder = review.known("myoclonus", myoclonus.diagnosis(facts))
    falls = fall_risk.fall_risk(facts)
    gait = myoclonus.diagnosis(facts, "gait-disorder")
    review.consider("fall-risk", falls)
    review.consider("fall-denied", falls.value.denial if isinstance(falls, Known) else ABSENT)
    review.consider("gait-disorder", gait)
    labels: list[str] = []
    told: list[str] = []
    if isinstance(falls, Known):
        labels.append(falls.value.label)
        told.append(f"{escape(falls.value.words)} ({_day(falls.value.when)})")
    if isinstance(gait, Known):
        labels.append(_unsure(gait.value, "gait disorder"))
        told.append(_named(gait.value))
    review.known("trouble-walking", Known(labels[0]) if labels else either(_only_gap(falls), _only_gap(gait)))
    review.unless("physiotherapy", _physiotherapy(review))
    values: dict[str, Value] = {
        "Myoclonus": _unsure(disorder, "myoclonus").capitalize(),
        "found": _named(disorder),
        "label": labels[0],
        "told": listed(told),
        "months": review.number("physiotherapy-months"),
        "referral_reason": f"{_unsure(disorder, 'myoclonus').capitalize()} with {labels[0]}",
    }
    return Finding("not-found", "walking", values, ("content",))


def _unsure(found: Condition, name: str) -> str:
    return f"possible {name}" if found.possible else name


def _named(found: Condition) -> str:
    return f"{'possible: ' if found.possible else ''}{escape(found.words)} ({since(found.since)})"


def _day(when: Interval | None) -> str:
    return spell(when) if when else "date not recorded"


def _only_gap(found: Fact[object]) -> Fact[str]:
    return ABSENT if isinstance(found, Known) else found


def _physiotherapy(review: Review) -> Fact[tuple[PlannedCare, ...]]:
    """Orders or referrals of the last months; one without a date counts."""
    found = review.facts.requests("physiotherapy")
    if not isinstance(found, Known):
        return found
    months, today = int(review.number("physiotherapy-months")), review.facts.today
    recent = tuple(r for r in found.value if r.day is None or within_months(r.day, months, today))
    return Known(recent, tuple(r.source for r in recent)) if recent else ABSENT
