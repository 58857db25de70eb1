"""Hospice or end-of-life care, where several rules are silent and others speak more softly (gate G-08)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.patient import Condition, PatientFacts, PlannedCare


def palliative_care(facts: PatientFacts) -> Fact[tuple[Condition, ...] | tuple[PlannedCare, ...]]:
    """A diagnosis that says so, or an open order for hospice care."""
    return either(facts.conditions("palliative"), _ordered(facts))


def _ordered(facts: PatientFacts) -> Fact[tuple[PlannedCare, ...]]:
    found = facts.requests("hospice-order")
    if not isinstance(found, Known):
        return found
    waiting = tuple(request for request in found.value if request.open)
    return Known(waiting, tuple(request.source for request in waiting)) if waiting else ABSENT
