"""Hospice or end-of-life care, where several rules are silent and others speak more softly (gate G-08)."""

from __future__ import annotations

from cds_service.facts.knowledge import Fact, either
from cds_service.facts.patient import Condition, PatientFacts, Procedure


def palliative_care(facts: PatientFacts) -> Fact[object]:
    """A diagnosis that says so for certain, care that is given or was of late, or an open order for hospice care."""
    given: Fact[object] = facts.conditions("palliative").where(lambda listed: _counts(listed, facts))
    done = facts.procedures("palliative", "hospice-order").where(lambda care: _is_of_late(care, facts))
    return either(given, done, facts.requests("hospice-order").where(lambda order: order.open))


def _counts(listed: Condition, facts: PatientFacts) -> bool:
    """On the problem list for good; as the diagnosis of an encounter for so many months, if it has a day."""
    old = not listed.listed and listed.last_recorded is not None
    return not listed.possible and not (old and not facts.within_months(listed.last_recorded, _months(facts)))


def _is_of_late(care: Procedure, facts: PatientFacts) -> bool:
    """Under way, or done within the months; what has no day must not soften a warning."""
    return care.under_way or facts.within_months(care.day, _months(facts))


def _months(facts: PatientFacts) -> int:
    return facts.numbers.whole("palliative-care", "months")
