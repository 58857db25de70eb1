"""Sleep apnea: a diagnosis, an index over its limit, positive airway pressure, and respiratory failure (CLZ-03)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import Fact, either, together
from cds_service.facts.patient import CERTAIN_FIRST, Condition, PatientFacts
from cds_service.facts.words import Record, Said, Value, phrasing
from cds_service.fhir.dates import Interval
from cds_service.fhir.quantities import Amount
from cds_service.phenotypes import labs
from cds_service.phenotypes.labs import Result

_APNEA = phrasing("sleep-apnea")()
_ACUTE = "hypercapnic-respiratory-failure-acute"
_PRESSURE = "pap-therapy"
_HYPERCAPNIA = phrasing("hypercapnic-respiratory-failure")()
_FAILURE = phrasing("respiratory-failure")()
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


class AirwayPressure(msgspec.Struct, frozen=True):
    """Positive airway pressure that was set up once, which counts for good."""

    since: Interval | None
    """The first day on record."""
    confirmed: bool
    """Something of the last months shows that it is used: an order, a therapy, or a low index."""
    source: str


def airway_pressure(facts: PatientFacts) -> Fact[AirwayPressure]:
    """Positive airway pressure on record, whenever: as a procedure, an order, or on the problem list."""
    done, ordered, listed = (
        facts.procedures(_PRESSURE),
        facts.requests(_PRESSURE),
        facts.conditions(_PRESSURE),
    )
    found = either(
        done.first().read_as(lambda one: one.source),
        ordered.first().read_as(lambda one: one.source),
        listed.first().read_as(lambda one: one.source),
    )
    shown = [*(one.day for one in done.value_or(())), *(one.day for one in ordered.value_or(()))]
    days = [day for day in (*shown, *(one.since for one in listed.value_or(()))) if day]
    first = min(days, key=lambda day: day.first, default=None)
    months = facts.numbers.whole("sleep-apnea", "therapy-months")
    lately = any(facts.within_months(day, months) for day in shown) or _is_low(index(facts), facts, months)
    return found.read_as(lambda source: AirwayPressure(first, lately, source))


def _is_low(measured: Fact[Result], facts: PatientFacts, months: int) -> bool:
    """An index below its lower limit in the last months."""
    limit = facts.numbers.value("sleep-apnea", "index-mild")
    low = measured.provided(lambda result: result.amount.definitely_below(limit))
    return low.known and facts.within_months(low.value.when, months)


def is_low_since(apnea: Apnea, facts: PatientFacts) -> Fact[Result]:
    """The newest index, if it is below its lower limit and newer than the diagnosis."""
    limit = facts.numbers.value("sleep-apnea", "index-mild")
    newer = index(facts).provided(lambda found: apnea.when is None or found.when.last > apnea.when.last)
    return newer.provided(lambda found: found.amount.definitely_below(limit))


def failure(facts: PatientFacts) -> Fact[Failure]:
    """Respiratory failure: with raised carbon dioxide, an acute one for some months from its date; else any other."""
    months = facts.numbers.whole("sleep-apnea", "acute-months")
    acute = facts.conditions(_ACUTE).where(lambda one: facts.within_months(one.since, months))
    lasting = facts.conditions("hypercapnic-respiratory-failure").where(lambda one: _ACUTE not in one.sets)
    hypercapnic = together(acute, lasting).best(CERTAIN_FIRST).read_as(lambda one: Failure(one, hypercapnic=True))
    if hypercapnic.known:
        return hypercapnic
    other = facts.conditions("respiratory-failure").where(lambda one: _ACUTE not in one.sets).best(CERTAIN_FIRST)
    return either(other.read_as(lambda one: Failure(one, hypercapnic=False)), hypercapnic)


class Failure(msgspec.Struct, frozen=True):
    """A respiratory failure, or what goes with one."""

    disease: Condition
    hypercapnic: bool

    @property
    def label(self) -> Value:
        return self.disease.called(_HYPERCAPNIA if self.hypercapnic else _FAILURE)
