"""Advice on a safe bedroom that is on record, as a plan, a task or a procedure (SG-5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeAlias

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.patient import PatientFacts, PlannedCare, Procedure
from cds_service.fhir.dates import Interval, within_months

Advice: TypeAlias = PlannedCare | Procedure


def advised(facts: PatientFacts, months: int) -> Fact[Advice]:
    """Advice of the window; advice without a date counts."""
    return _given(facts, lambda day: day is None or within_months(day, months, facts.today))


def advised_by(facts: PatientFacts, latest: date) -> Fact[Advice]:
    """Advice given on or before a day; advice without a date counts."""
    return _given(facts, lambda day: day is None or day.first <= latest)


def _given(facts: PatientFacts, in_time: Callable[[Interval | None], bool]) -> Fact[Advice]:
    plans: Fact[Advice] = _first(facts.plans("bedroom-safety"), in_time)
    return either(plans, _first(facts.procedures("bedroom-safety"), in_time))


def _first(
    found: Fact[tuple[PlannedCare, ...]] | Fact[tuple[Procedure, ...]], in_time: Callable[[Interval | None], bool]
) -> Fact[Advice]:
    if not isinstance(found, Known):
        return found
    return next((Known(one, (one.source,)) for one in found.value if in_time(one.day)), ABSENT)
