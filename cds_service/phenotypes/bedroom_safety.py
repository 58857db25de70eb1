"""Advice on a safe bedroom that is on record, as a plan, a task or a procedure (SG-5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeAlias

from cds_service.facts.knowledge import Fact, either
from cds_service.facts.patient import PatientFacts, PlannedCare, Procedure
from cds_service.fhir.dates import Interval

Advice: TypeAlias = PlannedCare | Procedure


def advised(facts: PatientFacts) -> Fact[Advice]:
    """Advice of the window; advice without a date counts."""
    months = facts.numbers.whole("safety-advice", "advice-months")
    return _given(facts, lambda day: day is None or facts.within_months(day, months))


def advised_by(facts: PatientFacts, latest: date) -> Fact[Advice]:
    """Advice given on or before a day; advice without a date counts."""
    return _given(facts, lambda day: day is None or day.first <= latest)


def _given(facts: PatientFacts, in_time: Callable[[Interval | None], bool]) -> Fact[Advice]:
    plans, procedures = facts.plans("bedroom-safety"), facts.procedures("bedroom-safety")
    given: Fact[Advice] = plans.where(lambda plan: in_time(plan.day)).first()
    return either(given, procedures.where(lambda done: in_time(done.day)).first())
