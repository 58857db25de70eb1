"""The moments of a chart at which a hook would have fired, and what was known at each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TypeAlias

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import interval
from cds_service.replay.chart import Chart, Entry
from cds_service.replay.known import exact_day

VIEW, SIGN = "patient-view", "order-sign"
_NO_VISIT = frozenset({"planned", "cancelled", "entered-in-error"})
_NO_ORDER = frozenset({"proposal", "plan", "option"})
_SIGNED_NOW = frozenset({"draft", "active"})
_NEVER = "entered-in-error"
_FIRST = date(1900, 1, 1)
"""Before it a date stands for one that nobody knew, such as 0001-01-01."""
_FARTHEST = timedelta(days=2)
_Request: TypeAlias = fhir.MedicationRequest | fhir.ServiceRequest


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A hook that fires."""

    hook: str
    day: date
    name: str | None = None
    """The encounter or the order, where one made it fire."""
    encounter: str | None = None
    drafts: tuple[Entry, ...] = ()
    later: frozenset[int] = frozenset()
    """By ``id()``, entries that are no part of the chart yet."""
    last_known: date | None = None
    """The last day of which anything is known; None where the chart is taken as it stands."""

    def place(self) -> tuple[date, str, str]:
        return self.day, self.hook, self.name or ""

    def knows(self, entry: Entry) -> bool:
        if id(entry) in self.later:
            return False
        return self.last_known is None or entry.since is None or entry.since <= self.last_known


def may_fire(resource: fhir.Resource, day: date | None) -> bool:
    """Whether it may make a hook fire: an order of about that day, or where none is chosen any order or encounter.

    In the time zone of the site the day may be another: the farthest lie more than a day apart.
    """
    if day is None:
        return isinstance(resource, fhir.Encounter | _Request)
    if not isinstance(resource, _Request):
        return False
    written = interval(resource.authored_on)
    return written is not None and abs(written.first - day) <= _FARTHEST


def on_the_day(chart: Chart, day: date, *, is_past: bool) -> Iterator[Event]:
    """On one chosen day the chart opened, and then all orders of that day signed together.

    They are the drafts, and no part of the chart yet.
    """
    last = day if is_past else None
    drafts = tuple(entry for entry, order in _orders(chart) if order.status in _SIGNED_NOW and _written(order) == day)
    later = frozenset(map(id, drafts))
    yield Event(hook=VIEW, day=day, later=later, last_known=last)
    if drafts:
        yield Event(hook=SIGN, day=day, drafts=drafts, later=later, last_known=last)


def events_of(chart: Chart, since: date | None, until: date) -> Iterator[Event]:
    """The chart opened at each encounter, and each order signed, in these days.

    What is dated on the day of an encounter was written down in it, and so is not known when the chart is opened. Of
    the orders of one day those written before are signed already, and those after are not there yet.
    """
    for entry, visit in chart.of(fhir.Encounter):
        day = exact_day(visit.period.start) if visit.period else None
        if day and _is_within(day, since, until) and visit.status not in _NO_VISIT:
            name = entry.reference
            yield Event(hook=VIEW, day=day, name=name, encounter=visit.id, last_known=day - timedelta(days=1))
    by_day: dict[date, list[tuple[str, str, Entry]]] = {}
    for entry, order in _orders(chart):
        day = _written(order)
        if day and _is_within(day, since, until):
            by_day.setdefault(day, []).append((order.authored_on or "", entry.reference, entry))
    for day, orders in by_day.items():
        yield from _signings(day, sorted(orders, key=lambda one: one[:2]))


def _signings(day: date, orders: list[tuple[str, str, Entry]]) -> Iterator[Event]:
    for place, (_, name, entry) in enumerate(orders):
        later = frozenset(id(one) for *_, one in orders[place:])
        yield Event(hook=SIGN, day=day, name=name, drafts=(entry,), later=later, last_known=day)


def _orders(chart: Chart) -> Iterator[tuple[Entry, _Request]]:
    found: list[tuple[Entry, _Request]] = [*chart.of(fhir.MedicationRequest), *chart.of(fhir.ServiceRequest)]
    for entry, order in found:
        if order.status != _NEVER and order.intent not in _NO_ORDER:
            yield entry, order


def _written(order: _Request) -> date | None:
    return exact_day(order.authored_on)


def _is_within(day: date, since: date | None, until: date) -> bool:
    return max(since or _FIRST, _FIRST) <= day <= until
