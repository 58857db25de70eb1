"""Kidney function for dosing: creatinine clearance by Cockcroft and Gault, else eGFR (MYO-03)."""

from __future__ import annotations

import math

import msgspec

from cds_service.facts.knowledge import Fact, Known, unread
from cds_service.facts.patient import PatientFacts
from cds_service.fhir.dates import Interval
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


def levetiracetam_limit(found: Clearance, facts: PatientFacts) -> float:
    """The label's largest daily dose of levetiracetam at this clearance, in mg."""
    numbers, rate = facts.numbers, found.highest
    if rate > numbers.value("kidney", "normal-over"):
        return numbers.value("kidney", "levetiracetam-normal")
    group = next((g for g in ("mild", "moderate") if rate >= numbers.value("kidney", f"{g}-from")), "severe")
    return numbers.value("kidney", f"levetiracetam-{group}")


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
    return Clearance(round(max(rate, 1.0), 1), False, creatinine.when, creatinine.source)


def _reported(result: Result) -> Clearance:
    return Clearance(result.amount.value, True, result.when, result.source, result.amount.comparator)
