"""Orders and referrals that are on record, as far as they still count."""

from __future__ import annotations

from cds_service.facts.knowledge import Fact
from cds_service.facts.patient import PatientFacts, PlannedCare


def recent(facts: PatientFacts, months: int, *sets: str) -> Fact[tuple[PlannedCare, ...]]:
    """Orders and referrals of the last months; one without a date counts."""
    return facts.requests(*sets).where(lambda order: order.day is None or facts.within_months(order.day, months))


def open_or_recent(facts: PatientFacts, months: int, *sets: str) -> Fact[tuple[PlannedCare, ...]]:
    """Orders and referrals that are open, and those of the last months."""
    return facts.requests(*sets).where(
        lambda order: order.open or order.day is None or facts.within_months(order.day, months)
    )


def is_open(facts: PatientFacts, *sets: str) -> bool:
    """Whether such an order or referral is known to be open: it is not offered again."""
    return facts.requests(*sets).where(lambda order: order.open).known
