"""Sleep apnea: a diagnosis, an index over its limit, and whether positive airway pressure is on record (CLZ-03)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Condition, PatientFacts, Procedure
from cds_service.fhir.dates import Interval, within_months
from cds_service.fhir.quantities import Amount
from cds_service.phenotypes import labs
from cds_service.phenotypes.labs import Result


class Apnea(msgspec.Struct, frozen=True):
    label: str
    words: str
    when: Interval | None
    diagnosed: bool
    possible: bool
    index: float | None
    source: str


def apnea(facts: PatientFacts, numbers: Numbers) -> Fact[Apnea]:
    """An active diagnosis of sleep apnea, else the newest index of the window from its lower limit on."""
    measured = index(facts, numbers)
    found = _diagnosed(facts.conditions("sleep-apnea"), measured)
    return found if isinstance(found, Known) else either(found, _raised(measured, numbers))


def _diagnosed(found: Fact[tuple[Condition, ...]], measured: Fact[Result]) -> Fact[Apnea]:
    if not isinstance(found, Known):
        return found
    best = min(found.value, key=lambda c: c.possible)
    label = "possible sleep apnea" if best.possible else "sleep apnea"
    value = _surely(measured.value.amount) if isinstance(measured, Known) else None
    return Known(Apnea(label, best.words, best.since, True, best.possible, value, best.source), (best.source,))


def _raised(found: Fact[Result], numbers: Numbers) -> Fact[Apnea]:
    if not isinstance(found, Known):
        return found
    result = found.value
    if not result.amount.definitely_at_least(numbers.value("sleep-apnea", "index-mild")):
        return ABSENT
    value = result.amount.value
    words = f"apnea-hypopnea index {value:g} per hour"
    apnea_found = Apnea(f"AHI {value:g}/h", words, result.when, False, False, value, result.source)
    return Known(apnea_found, (result.source,))


def _surely(amount: Amount) -> float | None:
    """The value, unless the index is only known to be below it."""
    return None if amount.comparator.startswith("<") else amount.value


def index(facts: PatientFacts, numbers: Numbers) -> Fact[Result]:
    """The newest apnea-hypopnea or respiratory event index of the window."""
    window = numbers.months("sleep-apnea", "index-months")
    return labs.newest(facts, "ahi", "/h", lambda day: within_months(day, window, facts.today), same=("", "1"))


def airway_pressure(facts: PatientFacts, numbers: Numbers) -> Fact[str]:
    """Positive airway pressure therapy on record within the window, as a procedure or on the problem list."""
    return either(_therapy(facts.procedures("pap-therapy"), facts, numbers), _on_list(facts))


def _therapy(found: Fact[tuple[Procedure, ...]], facts: PatientFacts, numbers: Numbers) -> Fact[str]:
    if not isinstance(found, Known):
        return found
    window = numbers.months("sleep-apnea", "therapy-months")
    for done in found.value:
        if done.under_way or done.day is None or within_months(done.day, window, facts.today):
            return Known(done.words, (done.source,))
    return ABSENT


def _on_list(facts: PatientFacts) -> Fact[str]:
    found = facts.conditions("pap-therapy")
    return Known(found.value[0].words, found.sources) if isinstance(found, Known) else found
