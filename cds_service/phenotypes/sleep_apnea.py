"""Sleep apnea: a diagnosis, an index over its limit, and whether positive airway pressure is on record (CLZ-03)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import Fact, either
from cds_service.facts.patient import CERTAIN_FIRST, Condition, PatientFacts
from cds_service.facts.words import Record, Said, Value, phrasing
from cds_service.fhir.dates import Interval
from cds_service.fhir.quantities import Amount
from cds_service.phenotypes import labs
from cds_service.phenotypes.labs import Result

_APNEA = phrasing("sleep-apnea")()
_INDEX = phrasing("ahi", "index")
_INDEX_IN_FULL = phrasing("ahi-in-full", "index")


class Apnea(msgspec.Struct, frozen=True):
    label: Value
    words: Record | Said
    when: Interval | None
    diagnosed: bool
    possible: bool
    index: float | None
    source: str


def apnea(facts: PatientFacts) -> Fact[Apnea]:
    """An active diagnosis of sleep apnea, else the newest index of the window from its lower limit on."""
    measured = index(facts)
    value = measured.read_as(lambda result: _surely(result.amount)).value_or(None)
    listed = facts.conditions("sleep-apnea").best(CERTAIN_FIRST).read_as(lambda c: _diagnosed(c, value))
    return listed if listed.known else either(listed, _raised(measured, facts))


def _diagnosed(listed: Condition, value: float | None) -> Apnea:
    label = listed.called(_APNEA)
    return Apnea(label, Record(listed.words), listed.since, True, listed.possible, value, listed.source)


def _raised(measured: Fact[Result], facts: PatientFacts) -> Fact[Apnea]:
    limit = facts.numbers.value("sleep-apnea", "index-mild")
    return measured.provided(lambda result: result.amount.definitely_at_least(limit)).read_as(_measured)


def _measured(result: Result) -> Apnea:
    value = result.amount.value
    return Apnea(_INDEX(index=value), _INDEX_IN_FULL(index=value), result.when, False, False, value, result.source)


def _surely(amount: Amount) -> float | None:
    """The value, unless the index is only known to be below it."""
    return None if amount.comparator.startswith("<") else amount.value


def index(facts: PatientFacts) -> Fact[Result]:
    """The newest apnea-hypopnea or respiratory event index of the window."""
    window = facts.numbers.whole("sleep-apnea", "index-months")
    return labs.newest(facts, "ahi", "/h", lambda day: facts.within_months(day, window), same=("", "1"))


def airway_pressure(facts: PatientFacts) -> Fact[str]:
    """Positive airway pressure therapy on record within the window, as a procedure or on the problem list."""
    window = facts.numbers.whole("sleep-apnea", "therapy-months")
    therapy = facts.procedures("pap-therapy").where(
        lambda done: done.under_way or done.day is None or facts.within_months(done.day, window)
    )
    listed = facts.conditions("pap-therapy")
    return either(therapy.first().read_as(lambda p: p.words), listed.read_as(lambda found: found[0].words))
