"""How much a day an order or a list entry says to take, or why that cannot be told.

Only structured dosage is read: free text is never guessed at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import date, timedelta
from math import isfinite

import msgspec

from cds_service.facts.knowledge import ABSENT, Absent, Fact, Known, Unavailable
from cds_service.fhir.dates import interval
from cds_service.fhir.elements import Dosage, DoseAndRate, Many, Quantity, Repeat, Timing, many, number
from cds_service.fhir.quantities import amount, convert

_DAYS = {"d": 1.0, "wk": 7.0, "mo": 30.0, "h": 1 / 24, "min": 1 / 1440}
_UNITS_OF_TIME = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})
"""What FHIR R4 allows as a unit of time."""
_TIMES_A_DAY: dict[str, float] = dict.fromkeys(("QD", "QDAY", "DAILY", "AM", "PM", "HS", "QHS", "BED", "Q24H"), 1)
_TIMES_A_DAY |= {"BID": 2, "TID": 3, "QID": 4, "QOD": 0.5, "Q4H": 6, "Q6H": 4, "Q8H": 3, "Q12H": 2}
_DAY = timedelta(days=1)
# UCUM annotations and words for one piece of a solid form.
_PIECES = frozenset(
    {"tbl", "tab", "tabs", "tablet", "tablets", "cap", "caps", "capsule", "capsules", "pill", "pills", "1", "each"}
)


class Dose(msgspec.Struct, frozen=True):
    """What is to be taken: mg a day and mg each time; None where it cannot be computed without guessing."""

    daily_mg: float | None = None
    """Of steps that follow each other the highest: limits are held against it."""
    single_mg: float | None = None
    why_not: str = ""
    unreadable: bool = False
    """It is told, and cannot be read: it may be any dose."""
    today_mg: float | None = None
    """That of the step that holds today, else as ``daily_mg``."""
    steps: tuple[float, ...] = ()
    """The daily doses of steps that follow each other, if there are several."""
    once: bool = False
    """To be taken once only."""

    def daily(self, source: str) -> Fact[float]:
        """The daily dose; absent where none can be computed from what is told."""
        if self.daily_mg is not None:
            return Known(self.daily_mg, (source,))
        return self.lacks

    @property
    def lacks(self) -> Absent | Unavailable:
        return Unavailable(f"dose: {self.why_not}") if self.unreadable else ABSENT

    @property
    def falls(self) -> bool:
        """Whether each step is lower than the one before it."""
        return bool(self.steps) and all(later < earlier for earlier, later in itertools.pairwise(self.steps))


_UNREADABLE = Dose(why_not="the dosage cannot be read", unreadable=True)


def dose(
    dosages: Many[Dosage],
    strength_mg: float | None,
    today: date | None = None,
    untold_mg: float | None = None,
    *,
    lost: bool = False,
) -> Dose:
    """The daily dose in mg: dose times frequency, added up over the dosage instructions that hold at one time.

    Ranges count with their upper end and as-needed doses as if taken.
    ``untold_mg`` is what is taken where no dose is told, and that once a day where no frequency is.
    What stands for no number or unit of time leaves the dose open, as does what was ``lost`` on the way here.
    """
    if lost or any(map(_is_odd, many(dosages))):
        return _UNREADABLE
    instructions = many(dosages) or ([Dosage()] if untold_mg else [])
    if not instructions:
        return Dose(why_not="no dosage instruction")
    once = all(_is_once(one.timing) for one in instructions)
    singles = [mg for one in instructions if (mg := _told_mg(one, strength_mg, untold_mg)) is not None]
    if len(singles) < len(instructions):
        return Dose(why_not="the dose is not given in mg or in pieces of a known strength", once=once)
    rates = [rate for one in instructions if (rate := _told_rate(one.timing, untold_mg)) is not None]
    if len(rates) < len(instructions):
        return Dose(single_mg=max(singles), why_not="no frequency", once=once)
    steps = _steps(instructions, [one * rate for one, rate in zip(singles, rates, strict=True)])
    daily = tuple(round(step.daily_mg, 4) for step in steps)
    if not all(map(isfinite, daily)):
        return Dose(single_mg=max(singles), why_not="the dose is beyond any number", once=once)
    now = [mg for step, mg in zip(steps, daily, strict=True) if today and step.first <= today <= step.last]
    highest = max(daily)
    return Dose(
        daily_mg=highest,
        single_mg=max(singles),
        today_mg=now[0] if len(now) == 1 else highest,
        steps=daily if len(daily) > 1 else (),
        once=once,
    )


class _Step(msgspec.Struct, frozen=True):
    """What is taken a day while some instructions hold together."""

    daily_mg: float
    first: date
    last: date


def _steps(instructions: list[Dosage], daily: list[float]) -> list[_Step]:
    """The steps in their order: by ``sequence``, else by periods that do not overlap."""
    taken = [(number(one.sequence), *_period(one), mg) for one, mg in zip(instructions, daily, strict=True)]
    places = {place for place, *_ in taken}
    if len(places) > 1:
        by_place = [[one for one in taken if one[0] == place] for place in sorted(places, key=lambda n: n or 0)]
        return [
            _Step(sum(mg for *_, mg in held), min(h[1] for h in held), max(h[2] for h in held)) for held in by_place
        ]
    starts = {first for _, first, _, _ in taken} | {last + _DAY for _, _, last, _ in taken if last < date.max}
    spans = itertools.pairwise([*sorted(starts), date.max])
    held_in = [([mg for _, first, last, mg in taken if first <= start <= last], start, end) for start, end in spans]
    return [_Step(sum(held), start, end - _DAY) for held, start, end in held_in if held]


def _period(one: Dosage) -> tuple[date, date]:
    repeat = one.timing.repeat if one.timing else None
    bounds = repeat.bounds_period if repeat else None
    start, end = (interval(bounds.start), interval(bounds.end)) if bounds else (None, None)
    return start.first if start else date.min, end.last if end else date.max


def _is_once(timing: Timing | None) -> bool:
    """Whether it counts one dose, and is not bounded by days between which there would be more."""
    if timing is None or timing.repeat is None or number(timing.repeat.count) != 1:
        return False
    bounds = timing.repeat.bounds_period
    first, last = (interval(bounds.start), interval(bounds.end)) if bounds else (None, None)
    return first is None or last is None or last.first - first.last <= _DAY


def _told_mg(one: Dosage, strength_mg: float | None, untold_mg: float | None) -> float | None:
    return untold_mg if untold_mg and not _told_quantities(one) else _single_mg(one, strength_mg)


def _told_rate(timing: Timing | None, untold_mg: float | None) -> float | None:
    rate = _times_a_day(timing)
    return 1.0 if rate is None and untold_mg else rate


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
    return max([mg for q in _told_quantities(step) if (mg := _in_mg(q, strength_mg)) is not None], default=None)


def _told_quantities(step: Dosage) -> list[Quantity]:
    return list(_quantities(step.dose_and_rate)) or ([step.dose_quantity] if step.dose_quantity else [])


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
    named = max(len(many(repeat.when)), len(many(repeat.time_of_day)))
    counted = number(repeat.frequency_max) or number(repeat.frequency) or 0.0
    frequency = max(counted, float(named))
    weekdays, period = len(many(repeat.day_of_week)), number(repeat.period)
    if not frequency and period is None:
        return weekdays / 7 if weekdays else None
    days = (1.0 if period is None else period) * _DAYS.get(repeat.period_unit or "d", 0.0)
    if days <= 0:
        return None
    rate = (frequency or 1.0) / days  # FHIR R4: without a frequency it is once per period
    return rate * weekdays / 7 if weekdays and days == 1 else rate


def _code_rate(timing: Timing) -> float | None:
    if timing.code is None:
        return None
    names = [c.code for c in many(timing.code.coding) if c.code] + ([timing.code.text] if timing.code.text else [])
    return next((_TIMES_A_DAY[n.strip().upper()] for n in names if n.strip().upper() in _TIMES_A_DAY), None)
