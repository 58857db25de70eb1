"""FHIR dates of any precision as the days they may mean, and a person's age as the years it may be.

A dateTime counts on the calendar day written in it: instants are brought to the site's zone by :func:`localized`
before anyone asks for their day. Today is always an argument.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal, TypeAlias

import msgspec

_LONGEST_LIFE = 120 * 12  # months
_SHORTEST_MONTH = 28  # days


class Interval(msgspec.Struct, frozen=True, gc=False):
    """The days that a FHIR date or period may mean, both included; an open end is ``date.min`` or ``date.max``."""

    first: date
    last: date


def interval(text: str | None) -> Interval | None:
    """The days meant by a FHIR year, year and month, date or dateTime; None for no date or an unreadable one.

    Times are not looked at, so one without zone or seconds, or of 24:00, does no harm.
    """
    if text is None:
        return None
    if len(text) != 10:
        text = text.strip()
        if len(text) < 10:
            return _partial(text)
        if len(text) > 10 and text[10] not in "Tt ":
            return None
    if text[4] != "-" or text[7] != "-":
        return None
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return Interval(day, day)


def localized(text: str, zone: tzinfo) -> str:
    """An instant with ``Z`` or an offset as the time that it is in the zone; any other text as it stands."""
    time = text[_DAY_LETTERS:].strip()
    if not ("+" in time or "-" in time or time[-1:] in ("Z", "z")) or (zone is UTC and time[-1:] == "Z"):
        return text
    day, late = text[:_DAY_LETTERS], time[1:3] == "24"
    clock = f"00{time[3:]}" if late else time[1:].replace(":60", ":59")
    try:
        at = datetime.fromisoformat(f"{day}T{clock.upper()}")
        return (at + timedelta(days=late)).astimezone(zone).isoformat()
    except (ValueError, OverflowError):
        return text


_DAY_LETTERS = 10


def leading_date(text: str | None) -> Interval | None:
    """The days meant by the ISO date that a text begins with."""
    found = _LEADING.match(text or "")
    return interval(found[0].strip()) if found else None


_LEADING = re.compile(r"\s*(?:\d{4}-\d{2}-\d{2}(?=T\d)|\d{4}(?:-\d{2}){0,2}(?![-\w]))")


def years_after(birth: Interval, lowest: int, highest: int) -> Interval | None:
    """The days on which a person of this birth is of these completed years; None beyond the calendar."""
    try:
        return Interval(_years_on(birth.first, lowest), _years_on(birth.last, highest + 1) - timedelta(days=1))
    except (ValueError, OverflowError):
        return None


def _years_on(day: date, years: int) -> date:
    """The birthday; of one born on 29 February in other years the first of March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def _partial(text: str) -> Interval | None:
    year, dash, month = text.partition("-")
    if not _digits(year, 4) or (dash and not _digits(month, 2)):
        return None
    try:
        first = date(int(year), int(month or 1), 1)
    except ValueError:
        return None
    last_month = first.month if dash else 12
    return Interval(first, _month_end(first.year, last_month))


def _digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdigit()


def _month_end(year: int, month: int) -> date:
    return date(year, month, calendar.monthrange(year, month)[1])


def period(start: str | None, end: str | None) -> Interval | None:
    """The days of a Period: a missing or unreadable end is open; None if both are, or if it ends before it starts."""
    opened, closed = interval(start), interval(end)
    if opened is None and closed is None:
        return None
    first = opened.first if opened else date.min
    last = closed.last if closed else date.max
    return Interval(first, last) if first <= last else None


def months_before(day: date, n: int) -> date:
    """The same day ``n`` calendar months earlier, or the last day of that month if it is shorter."""
    months = day.year * 12 + day.month - 1 - n
    year, month = divmod(months, 12)
    if year < date.min.year:
        return date.min
    if day.day <= _SHORTEST_MONTH:
        return date(year, month + 1, day.day)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def months_between(start: date, end: date) -> int:
    """Completed calendar months from one day to a later one."""
    return (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)


def within_months(when: Interval, months: int, today: date) -> bool:
    """Whether some day it may mean lies in the last ``months`` calendar months, both ends included."""
    return when.first <= today and when.last >= months_before(today, months)


def within_days(when: Interval, days: int, today: date) -> bool:
    """Whether some day it may mean lies from ``days`` days ago to today, both included."""
    return when.first <= today and (today - when.last).days <= days


class Age(msgspec.Struct, frozen=True, gc=False):
    """Completed years on a day; two bounds because a birth date may be a year only. A threshold must hold for both."""

    lowest: int
    highest: int

    def over(self, n: int) -> bool:
        return self.lowest > n

    def under(self, n: int) -> bool:
        return self.highest < n

    def at_least(self, n: int) -> bool:
        return self.lowest >= n

    def at_most(self, n: int) -> bool:
        return self.highest <= n


def age_on(birth: Interval, day: date) -> Age | None:
    """The age on a day; None if the birth lies after it or more than 120 years before it."""
    if birth.first > day or birth.last < months_before(day, _LONGEST_LIFE):
        return None
    return Age(max(_completed_years(birth.last, day), 0), _completed_years(birth.first, day))


def _completed_years(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


Spelling: TypeAlias = Literal["day", "month", "year", "since", "until", "between"]


def spelling(when: Interval) -> Spelling:
    """How a date or a period can be said, no more precisely than it was recorded."""
    if when.last == date.max:
        return "since"
    if when.first == date.min:
        return "until"
    if when.first == when.last:
        return "day"
    if when.first.day == 1 and when.last == _month_end(when.first.year, when.first.month):
        return "month"
    if (when.first.month, when.first.day) == (1, 1) and when.last == date(when.first.year, 12, 31):
        return "year"
    return "between"
