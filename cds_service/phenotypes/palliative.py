"""Hospice or end-of-life care, where several rules are silent and others speak more softly (gate G-08)."""

from __future__ import annotations

from cds_service.facts.knowledge import Fact, either
from cds_service.facts.patient import Condition, PatientFacts, PlannedCare


def palliative_care(facts: PatientFacts) -> Fact[tuple[Condition, ...] | tuple[PlannedCare, ...]]:
    """A diagnosis that says so for certain, or an open order for hospice care."""
    given = facts.conditions("palliative").where(lambda condition: not condition.possible)
    return either(given, facts.requests("hospice-order").where(lambda order: order.open))
