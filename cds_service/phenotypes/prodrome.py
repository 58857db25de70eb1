"""Signs that can come before Parkinson's or Lewy body disease in someone with RBD (PROG-02)."""

from __future__ import annotations

from enum import Enum

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Condition, PatientFacts
from cds_service.fhir.dates import Interval, within_months
from cds_service.phenotypes import cognition
from cds_service.phenotypes.cognition import Kind

_MOTOR = {"parkinsonism": "parkinsonism", "gait-slowing": "slowed gait"}
_OTHERS = {
    "smell-loss": "loss of smell",
    "orthostatic-hypotension": "orthostatic hypotension",
    "constipation": "constipation",
}


class Nature(Enum):
    MOTOR = "motor"
    COGNITIVE = "cognitive"
    SMELL = "smell"
    AUTONOMIC = "autonomic"


class Sign(msgspec.Struct, frozen=True):
    nature: Nature
    label: str
    words: str
    when: Interval | None
    possible: bool
    source: str
    measured: bool = False
    """A score, which has a day, and no beginning."""

    @property
    def serious(self) -> bool:
        """A motor or cognitive sign, which suffices alone."""
        return self.nature in (Nature.MOTOR, Nature.COGNITIVE)


def signs(facts: PatientFacts, numbers: Numbers) -> Fact[tuple[Sign, ...]]:
    """A motor or cognitive sign, or two of the others; all that were found, the serious ones first."""
    looked = [
        *(_motor(facts, name, label) for name, label in _MOTOR.items()),
        _cognitive(facts, numbers),
        *(_other(facts, numbers, name, label) for name, label in _OTHERS.items()),
    ]
    found = tuple(fact.value for fact in looked if isinstance(fact, Known))
    if any(sign.serious for sign in found) or len(found) >= int(numbers.value("prodrome", "other-signs")):
        return Known(found, tuple(sign.source for sign in found))
    return next((fact for fact in looked if isinstance(fact, Unavailable)), ABSENT)


def _motor(facts: PatientFacts, name: str, label: str) -> Fact[Sign]:
    found = facts.conditions(name)
    return _sign(Nature.MOTOR, label, found.value) if isinstance(found, Known) else found


def _cognitive(facts: PatientFacts, numbers: Numbers) -> Fact[Sign]:
    """Mild cognitive impairment or a low score; with a dementia it is no early sign."""
    found = cognition.decline(facts, numbers)
    if not isinstance(found, Known):
        return found
    seen = found.value
    if seen.kind is Kind.DEMENTIA:
        return ABSENT
    label = seen.label.removeprefix("possible ")
    measured = seen.kind is Kind.LOW_SCORE
    sign = Sign(Nature.COGNITIVE, label, seen.words, seen.since, seen.possible, seen.source, measured)
    return Known(sign, (seen.source,))


def _other(facts: PatientFacts, numbers: Numbers, name: str, label: str) -> Fact[Sign]:
    """Active on the problem list, or recorded within the window."""
    found = facts.conditions(name)
    if not isinstance(found, Known):
        return found
    months = numbers.months("prodrome", "sign-months")
    counted = tuple(c for c in found.value if c.listed or _recent(c, months, facts))
    nature = Nature.SMELL if name == "smell-loss" else Nature.AUTONOMIC
    return _sign(nature, label, counted) if counted else ABSENT


def _recent(condition: Condition, months: int, facts: PatientFacts) -> bool:
    day = condition.last_recorded
    return day is not None and within_months(day, months, facts.today)


def _sign(nature: Nature, label: str, found: tuple[Condition, ...]) -> Known[Sign]:
    best = min(found, key=lambda condition: condition.possible)
    return Known(Sign(nature, label, best.words, best.since, best.possible, best.source), (best.source,))
