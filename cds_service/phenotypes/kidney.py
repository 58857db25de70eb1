"""Kidney function for dosing: creatinine clearance by Cockcroft and Gault, else eGFR (MYO-02, MYO-03)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import msgspec

from cds_service.facts.knowledge import Fact, Known, unread
from cds_service.facts.patient import PatientFacts
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import labs
from cds_service.phenotypes.labs import Result

Band = Callable[[float], float]
"""A label's largest daily dose by clearance, in mg; infinite where it sets none."""

GABAPENTINOIDS = ("gabapentin", "pregabalin")


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

    def shown(self, band: Band) -> str:
        """In whole mL/min, as labels count: rounded, or cut or raised where rounding would leave the band."""
        whole = (round(self.value), math.floor(self.value), math.ceil(self.value))
        return f"{self.comparator}{next(n for n in whole if band(n) == band(self.value))}"


def clearance(facts: PatientFacts) -> Fact[Clearance]:
    """Cockcroft-Gault from age, sex, weight and creatinine of the window; else the newest eGFR of the window."""
    window = facts.numbers.whole("kidney", "months")
    creatinine = labs.newest(facts, "creatinine", "mg/dL", lambda day: facts.within_months(day, window))
    weight = labs.newest(facts, "weight", "kg", lambda day: facts.within_months(day, window))
    if creatinine.known and weight.known:
        computed = _cockcroft_gault(facts, creatinine.value, weight.value)
        if computed is not None:
            return Known(computed, (creatinine.value.source, weight.value.source))
    reported = egfr(facts, window)
    return reported.read_as(_reported) if reported.known else unread(reported, creatinine, weight)


def levetiracetam(facts: PatientFacts) -> Band:
    """The label's limits of levetiracetam."""
    number = partial(facts.numbers.value, "kidney")

    def limit(rate: float) -> float:
        if rate > number("normal-over"):
            return number("levetiracetam-normal")
        group = next((g for g in ("mild", "moderate") if rate >= number(f"{g}-from")), "severe")
        return number(f"levetiracetam-{group}")

    return limit


def gabapentinoid(ingredient: str, facts: PatientFacts) -> Band:
    """The label's limits of gabapentin or pregabalin; none while the kidneys need no lower dose."""
    number = partial(facts.numbers.value, "kidney")

    def limit(rate: float) -> float:
        group = next((g for g in ("lowest", "low", "reduced") if rate < number(f"gabapentinoid-{g}-under")), None)
        return number(f"{ingredient}-{group}") if group else math.inf

    return limit


def egfr(facts: PatientFacts, months: int) -> Fact[Result]:
    """The newest eGFR of the last months; a bare number or plain mL/min can only be the reported rate."""
    same = ("", "mL/min")
    return labs.newest(facts, "egfr", "mL/min/{1.73_m2}", lambda day: facts.within_months(day, months), same=same)


def _cockcroft_gault(facts: PatientFacts, creatinine: Result, weight: Result) -> Clearance | None:
    age, sex = facts.age, facts.sex
    milligrams, kilograms = creatinine.amount, weight.amount
    if not (age.known and sex.known) or milligrams.value <= 0:
        return None
    if milligrams.comparator or kilograms.comparator:
        return None
    rate = (140 - age.value.lowest) * kilograms.value / (72 * milligrams.value)
    rate *= 0.85 if sex.value == "female" else 1.0
    return Clearance(max(rate, 1.0), False, creatinine.when, creatinine.source)


def _reported(result: Result) -> Clearance:
    return Clearance(result.amount.value, True, result.when, result.source, result.amount.comparator)
