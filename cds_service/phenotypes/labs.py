"""The newest result of a window, in the unit of the limit it is held against; unlike units are refused."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cds_service.facts.knowledge import Fact, Unavailable, of
from cds_service.facts.patient import PatientFacts
from cds_service.fhir.dates import Interval
from cds_service.fhir.quantities import Amount, convert


class Result(msgspec.Struct, frozen=True):
    """A measured amount with the day it was taken."""

    amount: Amount
    when: Interval
    source: str

    def __str__(self) -> str:
        """The number alone, ``18`` or ``<15``."""
        return f"{self.amount.comparator}{self.amount.value:g}"


def newest(
    facts: PatientFacts, name: str, unit: str, fresh: Callable[[Interval], bool], *, same: tuple[str, ...] = ()
) -> Fact[Result]:
    """The newest result of the window in ``unit``; unavailable if its unit cannot be compared.

    ``same`` lists units that mean the same for this analyte, "" among them where a bare number can be nothing else.
    """
    for one in facts.observations(name).value_or(()):
        if one.value is None or one.day is None or not fresh(one.day):
            continue
        given = Amount(one.value, unit if one.unit in same else one.unit, one.comparator)
        converted = convert(given, unit, analyte=name)
        if converted is None:
            return Unavailable(f"observations: {name} in a unit that cannot be compared")
        return of(Result(converted, one.day, one.source))
    return facts.unread("observations", name)
