"""Kidney function for dosing: creatinine clearance by Cockcroft and Gault, else eGFR (MYO-03)."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import PatientFacts
from cds_service.fhir.dates import Interval, within_months
from cds_service.phenotypes import labs
from cds_service.phenotypes.labs import Result


class Clearance(msgspec.Struct, frozen=True):
    """Kidney function in mL/min, or mL/min/1.73 m2 when it is the reported eGFR."""

    value: float
    estimated: bool
    """True for an eGFR used in place of a clearance."""
    when: Interval | None
    source: str
    comparator: str = ""
    """Of an eGFR beyond the range of its test: ``>60``."""

    @property
    def highest(self) -> float:
        """The best function that the result may stand for."""
        return math.inf if self.comparator.startswith(">") else self.value

    def __str__(self) -> str:
        return f"{self.comparator}{self.value:g}"


def clearance(facts: PatientFacts, numbers: Numbers) -> Fact[Clearance]:
    """Cockcroft-Gault from age, sex, weight and creatinine of the window; else the newest eGFR of the window."""
    window = numbers.months("kidney", "months")
    creatinine = labs.newest(facts, "creatinine", "mg/dL", within(facts, window))
    weight = labs.newest(facts, "weight", "kg", within(facts, window))
    if isinstance(creatinine, Known) and isinstance(weight, Known):
        computed = _cockcroft_gault(facts, creatinine.value, weight.value)
        if computed is not None:
            return Known(computed, (creatinine.value.source, weight.value.source))
    found = egfr(facts, within(facts, window))
    missing = next((f for f in (found, creatinine, weight) if isinstance(f, Unavailable)), None)
    return _reported(found.value) if isinstance(found, Known) else missing or ABSENT


def levetiracetam_limit(found: Clearance, numbers: Numbers) -> float:
    """The label's largest daily dose of levetiracetam at this clearance, in mg."""
    steps = ((80, "over-80"), (50, "50-to-80"), (30, "30-to-50"))
    rate = found.highest
    reached = (step for low, step in steps if rate > low or (low < 80 and rate == low))
    step = next(reached, "under-30")
    return numbers.value("kidney", f"levetiracetam-{step}")


def egfr(facts: PatientFacts, fresh: Callable[[Interval], bool]) -> Fact[Result]:
    """The newest eGFR of a window; a bare number or plain mL/min can only be the reported rate."""
    return labs.newest(facts, "egfr", "mL/min/{1.73_m2}", fresh, same=("", "mL/min"))


def within(facts: PatientFacts, months: int) -> Callable[[Interval], bool]:
    return lambda when: within_months(when, months, facts.today)


def _cockcroft_gault(facts: PatientFacts, creatinine: Result, weight: Result) -> Clearance | None:
    age, sex = facts.age, facts.sex
    milligrams, kilograms = creatinine.amount, weight.amount
    if not (isinstance(age, Known) and isinstance(sex, Known)) or milligrams.value <= 0:
        return None
    if milligrams.comparator or kilograms.comparator:
        return None
    rate = (140 - age.value.lowest) * kilograms.value / (72 * milligrams.value)
    rate *= 0.85 if sex.value == "female" else 1.0
    return Clearance(round(max(rate, 1.0), 1), False, creatinine.when, creatinine.source)


def _reported(result: Result) -> Known[Clearance]:
    given = result.amount
    return Known(Clearance(given.value, True, result.when, result.source, given.comparator), (result.source,))
