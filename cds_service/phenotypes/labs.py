"""The newest result of a window, in the unit of the limit it is held against; unlike units are refused."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cds_service.facts.knowledge import Fact, Unavailable, of
from cds_service.facts.patient import Observation, PatientFacts
from cds_service.fhir.dates import Interval
from cds_service.fhir.quantities import Amount, convert

_UNREADABLE = "with a value that cannot be read"
_UNDATED = "without a date"


class Result(msgspec.Struct, frozen=True):
    """A measured amount with the day it was taken."""

    amount: Amount
    when: Interval
    source: str
    high: Amount | None = None
    """The upper end of its own range, in the same unit."""

    def __str__(self) -> str:
        """The number alone, ``18`` or ``<15``."""
        return f"{self.amount.comparator}{self.amount.value:g}"


def newest(
    facts: PatientFacts,
    name: str,
    unit: str,
    fresh: Callable[[Interval], bool],
    *,
    same: tuple[str, ...] = (),
    most: float | None = None,
) -> Fact[Result]:
    """The newest result of the window in ``unit``; unavailable if its unit cannot be compared.

    One without a number that can be read is unavailable too, and one without a date where there is no other.
    What is over ``most``, as the 99 of an interview that was not completed, is no result.
    ``same`` lists units that mean the same for this analyte, "" among them where a bare number can be nothing else.
    """
    undated = False
    for one in facts.observations(name).value_or(()):
        if one.day is None:
            undated = True
            continue
        if not fresh(one.day) or (most is not None and one.value is not None and one.value > most):
            continue
        if one.value is None:
            return Unavailable(f"observations: {name} {_UNREADABLE}")
        given = Amount(one.value, unit if one.unit in same else one.unit, one.comparator)
        converted = convert(given, unit, analyte=name)
        if converted is None:
            return Unavailable(f"observations: {name} in a unit that cannot be compared")
        high = one.high and convert(
            Amount(one.high.value, unit if one.high.unit in ("", *same) else one.high.unit), unit, analyte=name
        )
        return of(Result(converted, one.day, one.source, high))
    return Unavailable(f"observations: {name} {_UNDATED}") if undated else facts.unread("observations", name)


def answered(facts: PatientFacts, name: str) -> Fact[Observation]:
    """The newest result that says yes or no on a day; unavailable if the newest cannot be read or none has a day."""
    asked = facts.observations(name)
    dated = asked.where(lambda one: one.day is not None)
    for one in dated.value_or(()):
        if one.answer is not None:
            return of(one)
        if one.value is not None or not one.readable:
            return Unavailable(f"observations: {name} {_UNREADABLE}")
    undated = asked.known and len(asked.value) > len(dated.value_or(()))
    return Unavailable(f"observations: {name} {_UNDATED}") if undated else facts.unread("observations", name)
