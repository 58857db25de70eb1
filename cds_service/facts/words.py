"""What is to be said of a fact, before it is put into words.

Rules and phenotypes name phrases and give them values; the sentences themselves stand in ``cards/``, and
:mod:`cds_service.content.wording` puts them together when a card is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Literal, TypeAlias

import msgspec

from cds_service.fhir.dates import Interval, spelling


class Record(msgspec.Struct, frozen=True):
    """Words from the chart: escaped, shortened, and never in a summary."""

    words: str


class OfThisYear(msgspec.Struct, frozen=True):
    """A day or a month, said without its year."""

    when: Interval


class Said(msgspec.Struct, frozen=True):
    """A phrase of the rule's card file or of ``wording.toml``, with the values that it names in braces."""

    phrase: str
    values: Mapping[str, Value] = {}


Between: TypeAlias = Literal["and", "or", "comma", "semicolon"]
"""What stands before the last item of a list: a key of ``lists`` in ``wording.toml``."""


class Listed(msgspec.Struct, frozen=True):
    """Several things, each said once, joined as ``wording.toml`` says."""

    items: tuple[Value, ...]
    by: Between = "and"

    def __bool__(self) -> bool:
        return bool(self.items)


Value: TypeAlias = str | int | float | date | timedelta | Interval | OfThisYear | Record | Said | Listed | None
Values: TypeAlias = Mapping[str, Value]


class Phrasing(msgspec.Struct, frozen=True):
    """A phrase that this program says: where its words stand, and the values that it always gives them."""

    key: str
    names: frozenset[str]
    rule: str | None = None
    """The card file that holds its words; None for ``wording.toml``."""

    def __call__(self, **values: Value) -> Said:
        return Said(self.key, values)


PHRASINGS: list[Phrasing] = []
"""Every phrase that the program says; the cards are held to them when they are loaded."""


def phrasing(key: str, *names: str, rule: str | None = None) -> Phrasing:
    """Declares a phrase, so that a card without its words is told at the start."""
    made = Phrasing(key, frozenset(names), rule)
    PHRASINGS.append(made)
    return made


_NOT_DATED = phrasing("date-not-recorded")()
_SINCE = phrasing("since", "when")
_POSSIBLE = phrasing("possible", "name")
_DATED = phrasing("dated", "words", "when")
_POSSIBLE_DATED = phrasing("possible-dated", "words", "when")


def listed(items: Iterable[Value], by: Between = "and") -> Listed:
    """Several things of one kind."""
    return Listed(tuple(items), by)


def since(when: Interval | None) -> Value:
    """When something began, for the brackets behind it; that no date is recorded is said too."""
    if when is None:
        return _NOT_DATED
    # A period that is open at one end is spelt with "since" or "until" already.
    return when if when.last == date.max or when.first == date.min else _SINCE(when=when)


def on(when: Interval | None) -> Value:
    """The day of something; that no date is recorded is said too."""
    return when or _NOT_DATED


def short(when: Interval | None, today: date) -> Value:
    """A day or a month of this year without the year; any other as it is."""
    if when is None or when.first.year != today.year or spelling(when) not in ("day", "month"):
        return when
    return OfThisYear(when)


def possible(name: Value) -> Said:
    """Our own name for a diagnosis that is unconfirmed or provisional."""
    return _POSSIBLE(name=name)


def dated(words: Value, when: Value, *, unsure: bool = False) -> Said:
    """What was found, with its date in brackets; marked where it is only possible."""
    return (_POSSIBLE_DATED if unsure else _DATED)(words=words, when=when)
