"""Sleep apnea: a diagnosis, an index over its limit, and whether positive airway pressure is on record (CLZ-03)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.patient import Condition, Observation, PatientFacts, Procedure
from cds_service.fhir.dates import Interval, within_months
from cds_service.phenotypes.numbers import Numbers


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
    return either(_diagnosed(facts.conditions("sleep-apnea"), index(facts, numbers)), _measured(facts, numbers))


def _diagnosed(found: Fact[tuple[Condition, ...]], measured: Fact[Observation]) -> Fact[Apnea]:
    if not isinstance(found, Known):
        return found
    best = min(found.value, key=lambda c: c.possible)
    label = "possible sleep apnea" if best.possible else "sleep apnea"
    value = measured.value.value if isinstance(measured, Known) else None
    return Known(Apnea(label, best.words, best.since, True, best.possible, value, best.source), (best.source,))


def _measured(facts: PatientFacts, numbers: Numbers) -> Fact[Apnea]:
    found = index(facts, numbers)
    if not isinstance(found, Known):
        return found
    value = found.value.value
    if value is None or value < numbers.value("sleep-apnea", "index-mild"):
        return ABSENT
    words = f"apnea-hypopnea index {value:g} per hour"
    apnea_found = Apnea(f"AHI {value:g}/h", words, found.value.day, False, False, value, found.value.source)
    return Known(apnea_found, (found.value.source,))


def index(facts: PatientFacts, numbers: Numbers) -> Fact[Observation]:
    """The newest apnea-hypopnea or respiratory event index of the window."""
    found = facts.observations("ahi")
    if not isinstance(found, Known):
        return found
    newest = found.value[0]
    window = numbers.months("sleep-apnea", "index-months")
    if newest.value is None or newest.day is None or not within_months(newest.day, window, facts.today):
        return ABSENT
    return Known(newest, (newest.source,))


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
