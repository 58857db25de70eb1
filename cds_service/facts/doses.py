"""How much a day an order or a list entry says to take, or why that cannot be told.

Only structured dosage is read: free text is never guessed at.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from cds_service.facts.patient import Dose
from cds_service.fhir.elements import Dosage, DoseAndRate, Many, Quantity, Repeat, Timing, many, number
from cds_service.fhir.quantities import amount, convert

_DAYS = {"d": 1.0, "wk": 7.0, "mo": 30.0, "h": 1 / 24, "min": 1 / 1440}
_UNITS_OF_TIME = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})
"""What FHIR R4 allows as a unit of time."""
_TIMES_A_DAY: dict[str, float] = dict.fromkeys(("QD", "QDAY", "DAILY", "AM", "PM", "HS", "QHS", "BED", "Q24H"), 1)
_TIMES_A_DAY |= {"BID": 2, "TID": 3, "QID": 4, "QOD": 0.5, "Q4H": 6, "Q6H": 4, "Q8H": 3, "Q12H": 2}
# UCUM annotations and words for one piece of a solid form.
_PIECES = frozenset(
    {"tbl", "tab", "tabs", "tablet", "tablets", "cap", "caps", "capsule", "capsules", "pill", "pills", "1", "each"}
)


_UNREADABLE = Dose(why_not="the dosage cannot be read", unreadable=True)


def dose(dosages: Many[Dosage], strength_mg: float | None, *, lost: bool = False) -> Dose:
    """The daily dose in mg: dose times frequency, added up over the dosage instructions.

    Ranges count with their upper end and as-needed doses as if taken.
    Steps that follow each other (different ``sequence``) are not added: the highest counts.
    What stands for no number or unit of time leaves the dose open, as does what was ``lost`` on the way here.
    """
    steps = many(dosages)
    if lost or any(_is_odd(step) for step in steps):
        return _UNREADABLE
    if not steps:
        return Dose(why_not="no dosage instruction")
    singles = [mg for step in steps if (mg := _single_mg(step, strength_mg)) is not None]
    if len(singles) < len(steps):
        return Dose(why_not="the dose is not given in mg or in pieces of a known strength")
    rates = [rate for step in steps if (rate := _times_a_day(step.timing)) is not None]
    if len(rates) < len(steps):
        return Dose(single_mg=max(singles), why_not="no frequency")
    by_sequence: dict[float | None, float] = {}
    for step, one, rate in zip(steps, singles, rates, strict=True):
        key = number(step.sequence)
        by_sequence[key] = by_sequence.get(key, 0.0) + one * rate
    daily = max(by_sequence.values())
    if not isfinite(daily):
        return Dose(single_mg=max(singles), why_not="the dose is beyond any number")
    return Dose(daily_mg=round(daily, 4), single_mg=max(singles))


def _is_odd(step: Dosage) -> bool:
    quantities = [*_quantities(step.dose_and_rate), *([step.dose_quantity] if step.dose_quantity else [])]
    if any(one.value is not None and amount(one) is None for one in quantities):
        return True
    repeat = step.timing.repeat if step.timing else None
    if repeat is None:
        return False
    numbers = (repeat.frequency, repeat.frequency_max, repeat.period, repeat.period_max)
    unknown_unit = repeat.period_unit is not None and repeat.period_unit not in _UNITS_OF_TIME
    return unknown_unit or any(one is not None and number(one) is None for one in numbers)


def _single_mg(step: Dosage, strength_mg: float | None) -> float | None:
    quantities = list(_quantities(step.dose_and_rate)) or ([step.dose_quantity] if step.dose_quantity else [])
    return max([mg for q in quantities if (mg := _in_mg(q, strength_mg)) is not None], default=None)


def _quantities(doses: Many[DoseAndRate]) -> Iterable[Quantity]:
    for item in many(doses):
        found = item.dose_quantity or (item.dose_range and (item.dose_range.high or item.dose_range.low))
        if found:
            yield found


def _in_mg(quantity: Quantity, strength_mg: float | None) -> float | None:
    found = amount(quantity)
    if found is None or found.value <= 0:
        return None
    if _is_piece(quantity.code) or _is_piece(quantity.unit):
        whole = found.value * strength_mg if strength_mg else None
        return whole if whole and isfinite(whole) else None
    mass = convert(found, "mg")
    return mass.value if mass else None


def _is_piece(unit: str | None) -> bool:
    return unit is not None and unit.strip("{} ").lower().removesuffix("(s)") in _PIECES


def _times_a_day(timing: Timing | None) -> float | None:
    if timing is None:
        return None
    rate = _repeat_rate(timing.repeat) if timing.repeat else None
    return rate if rate is not None else _code_rate(timing)


def _repeat_rate(repeat: Repeat) -> float | None:
    named = max(len(_texts(repeat.when)), len(_texts(repeat.time_of_day)))
    counted = number(repeat.frequency_max) or number(repeat.frequency) or 0.0
    frequency = max(counted, float(named))
    weekdays, period = len(_texts(repeat.day_of_week)), number(repeat.period)
    if not frequency and period is None:
        return weekdays / 7 if weekdays else None
    days = (1.0 if period is None else period) * _DAYS.get(repeat.period_unit or "d", 0.0)
    if days <= 0:
        return None
    rate = (frequency or 1.0) / days  # FHIR R4: without a frequency it is once per period
    return rate * weekdays / 7 if weekdays and days == 1 else rate


def _texts(value: list[str] | str | None) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _code_rate(timing: Timing) -> float | None:
    if timing.code is None:
        return None
    names = [c.code for c in many(timing.code.coding) if c.code] + ([timing.code.text] if timing.code.text else [])
    return next((_TIMES_A_DAY[n.strip().upper()] for n in names if n.strip().upper() in _TIMES_A_DAY), None)
