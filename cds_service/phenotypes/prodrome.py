"""Signs that can come before Parkinson's or Lewy body disease in someone with RBD (PROG-02)."""

from __future__ import annotations

from enum import Enum

import msgspec

from cds_service.facts.knowledge import Fact, all_of, unread
from cds_service.facts.patient import CERTAIN_FIRST, Condition, PatientFacts
from cds_service.facts.words import Record, Value, phrasing
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import cognition
from cds_service.phenotypes.cognition import Decline, Kind

_MOTOR = {name: phrasing(name)() for name in ("parkinsonism", "gait-slowing")}
_OTHERS = {name: phrasing(name)() for name in ("smell-loss", "orthostatic-hypotension", "constipation")}


class Nature(Enum):
    MOTOR = "motor"
    COGNITIVE = "cognitive"
    SMELL = "smell"
    AUTONOMIC = "autonomic"


class Sign(msgspec.Struct, frozen=True):
    nature: Nature
    label: Value
    """Our name for it; that it may be only possible is not in it."""
    words: Value
    when: Interval | None
    possible: bool
    source: str
    measured: bool = False
    """A score, which has a day, and no beginning."""

    @property
    def serious(self) -> bool:
        """A motor or cognitive sign, which suffices alone."""
        return self.nature in (Nature.MOTOR, Nature.COGNITIVE)


def signs(facts: PatientFacts) -> Fact[tuple[Sign, ...]]:
    """A motor or cognitive sign, or two of the others; all that were found, the serious ones first."""
    looked = [
        *[_motor(facts, name, label) for name, label in _MOTOR.items()],
        _cognitive(facts),
        *[_other(facts, name, label) for name, label in _OTHERS.items()],
    ]
    found = [fact.value for fact in looked if fact.known]
    enough = len(found) >= facts.numbers.whole("prodrome", "other-signs") or any(sign.serious for sign in found)
    return all_of(found) if enough else unread(*looked)


def _motor(facts: PatientFacts, name: str, label: Value) -> Fact[Sign]:
    return facts.conditions(name).best(CERTAIN_FIRST).read_as(lambda listed: _sign(Nature.MOTOR, label, listed))


def _cognitive(facts: PatientFacts) -> Fact[Sign]:
    """Cognitive impairment or a low score that nothing else explains."""
    return cognition.early_decline(facts).read_as(_declining)


def _declining(seen: Decline) -> Sign:
    measured = seen.kind is Kind.LOW_SCORE
    return Sign(Nature.COGNITIVE, seen.name, seen.words, seen.since, seen.possible, seen.source, measured)


def _other(facts: PatientFacts, name: str, label: Value) -> Fact[Sign]:
    """Active on the problem list, or recorded within the window."""
    months = facts.numbers.whole("prodrome", "sign-months")
    counted = facts.conditions(name).where(lambda c: c.listed or facts.within_months(c.last_recorded, months))
    nature = Nature.SMELL if name == "smell-loss" else Nature.AUTONOMIC
    return counted.best(CERTAIN_FIRST).read_as(lambda listed: _sign(nature, label, listed))


def _sign(nature: Nature, label: Value, listed: Condition) -> Sign:
    return Sign(nature, label, Record(listed.words), listed.since, listed.possible, listed.source)
