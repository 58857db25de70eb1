"""``alarms.toml``: from when on a change of what rules find is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, TypeAlias

import msgspec

from cds_service.content.tables import LARGEST, Count, Strict

FILE = "alarms.toml"
OVER_BUDGET = "over-budget"
_FALLS = ("silent", "unasked")

Days: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Times: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=LARGEST)]


class Change(Strict, frozen=True, kw_only=True):
    """How large a change must be; a fall where ``at_most`` is given, else a rise."""

    days: Days
    at_most: Times | None = None
    """Times the rate before."""
    at_least: Times = 0
    """Times the rate before."""
    least: Count = 0
    """Events in the days that are judged."""
    share: Share = 0
    """Of what there could have been."""


class Window(Strict, frozen=True, kw_only=True):
    """How long answers are counted before they are held against a ceiling."""

    days: Days


class Alarms(Strict, frozen=True, kw_only=True):
    """What rings, and below what nothing is judged."""

    false_alarms: Share
    baseline_days: Days
    least_days: Days
    least_before: Days
    least_calls: Days
    silent: Change
    unasked: Change
    flood: Change
    undetermined: Change
    unread_codes: Change
    over_budget: Window

    @property
    def kinds(self) -> dict[str, Change]:
        return {
            "silent": self.silent,
            "unasked": self.unasked,
            "flood": self.flood,
            "undetermined": self.undetermined,
            "unread-codes": self.unread_codes,
        }

    @property
    def days(self) -> dict[str, int]:
        """By what rings, how many days are judged."""
        return {OVER_BUDGET: self.over_budget.days, **{name: change.days for name, change in self.kinds.items()}}


def faults_of_alarms(alarms: Alarms) -> Iterator[str]:
    """Numbers with which nothing could ring, or anything would."""
    if alarms.least_days > alarms.baseline_days:
        yield f"{FILE}: least-days: more than the baseline-days"
    if alarms.least_days > alarms.over_budget.days:
        yield f"{FILE}: least-days: more than the days of over-budget"
    for name, change in alarms.kinds.items():
        falls = name in _FALLS
        if falls and (change.at_most is None or change.at_most >= 1):
            yield f"{FILE}: {name}: give at-most, below 1"
        if not falls and (change.at_most is not None or change.at_least <= 1):
            yield f"{FILE}: {name}: give at-least, above 1"
