"""Kidney function for dosing: creatinine clearance by Cockcroft and Gault, else eGFR (MYO-03)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known
from cds_service.facts.patient import Observation, PatientFacts
from cds_service.fhir.dates import Interval, within_months
from cds_service.fhir.quantities import Amount, convert
from cds_service.phenotypes.numbers import Numbers


class Clearance(msgspec.Struct, frozen=True):
    """Kidney function in mL/min, or mL/min/1.73 m2 when it is the reported eGFR."""

    value: float
    estimated: bool
    """True for an eGFR used in place of a clearance."""
    when: Interval | None
    source: str


def clearance(facts: PatientFacts, numbers: Numbers) -> Fact[Clearance]:
    """Cockcroft-Gault from age, sex, weight and creatinine of the window; else the newest eGFR of the window."""
    creatinine = _newest(facts, numbers, "creatinine")
    weight = _newest(facts, numbers, "weight")
    if isinstance(creatinine, Known) and isinstance(weight, Known):
        computed = _cockcroft_gault(facts, creatinine.value, weight.value)
        if computed is not None:
            return Known(computed, (creatinine.value.source, weight.value.source))
    return _egfr(_newest(facts, numbers, "egfr"))


def levetiracetam_limit(found: Clearance, numbers: Numbers) -> float:
    """The label's largest daily dose of immediate-release levetiracetam at this clearance, in mg."""
    steps = ((80, "over-80"), (50, "50-to-80"), (30, "30-to-50"))
    reached = (step for low, step in steps if found.value > low or (low < 80 and found.value == low))
    step = next(reached, "under-30")
    return numbers.value("kidney", f"levetiracetam-{step}")


def _newest(facts: PatientFacts, numbers: Numbers, name: str) -> Fact[Observation]:
    found = facts.observations(name)
    if not isinstance(found, Known):
        return found
    months = numbers.months("kidney", "months")
    fresh = [o for o in found.value if o.day and within_months(o.day, months, facts.today) and o.value is not None]
    return Known(fresh[0], (fresh[0].source,)) if fresh else ABSENT


def _cockcroft_gault(facts: PatientFacts, creatinine: Observation, weight: Observation) -> Clearance | None:
    age, sex = facts.age, facts.sex
    milligrams = convert(Amount(creatinine.value or 0, creatinine.unit), "mg/dL", analyte="creatinine")
    kilograms = convert(Amount(weight.value or 0, weight.unit), "kg")
    if not (isinstance(age, Known) and isinstance(sex, Known) and milligrams and kilograms and milligrams.value > 0):
        return None
    rate = (140 - age.value.lowest) * kilograms.value / (72 * milligrams.value)
    rate *= 0.85 if sex.value == "female" else 1.0
    return Clearance(round(max(rate, 1.0), 1), False, creatinine.day, creatinine.source)


def _egfr(found: Fact[Observation]) -> Fact[Clearance]:
    if not isinstance(found, Known):
        return found
    result = found.value
    return Known(Clearance(result.value or 0.0, True, result.day, result.source), (result.source,))
