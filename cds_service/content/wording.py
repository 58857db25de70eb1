"""Putting values into the sentences of ``cards/``: dates, lists and phrases in the words of ``wording.toml``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Annotated, Any, TypeAlias, get_args

import msgspec

from cds_service.content.text import compiled, escape, placeholders
from cds_service.facts.words import Between, Listed, OfThisYear, Record, Said, Value, Values, phrasing
from cds_service.fhir.dates import Interval, spelling

Fill: TypeAlias = Callable[[str, Values], str]
"""A template with its values: :meth:`Wording.fill` of the rule whose values they are."""
Filling: TypeAlias = Callable[[Fill, Values], object]
NOT_RECORDED = phrasing("not-recorded")()
# What every card may say stands here, so that whoever checks the cards knows of it without the writer of cards.
NOT_CHECKED = phrasing("not-checked", "unchecked")
FOUND = phrasing("found", "found")
ALREADY_OPEN = phrasing("already-open", "open")
NOT_REVIEWED = phrasing("not-reviewed")
IF_NOT_TAKEN = phrasing("if-not-taken")()
STILL_ORDERED = phrasing("still-ordered", "until")
STILL_TAKEN = phrasing("still-taken", "drug", "since", "point")
AT_BEDTIME = phrasing("dose-at-bedtime", "dose")
TIMES_A_DAY = phrasing("dose-times-a-day", "dose", "times")
_OF_A_DAY = frozenset({"day", "month", "year"})
DATES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("day", "month", "year", "since", "until", "day-of-this-year", "month-of-this-year"), _OF_A_DAY),
    "between": frozenset({"first", "last"}),
}
"""The ways to spell a date that ``wording.toml`` gives, each with what it may name."""
LISTS: frozenset[str] = frozenset(get_args(Between))
"""What stands between the items of a list that ``wording.toml`` gives."""
_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class Phrase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some words that several texts share, with the values that they need."""

    text: str
    values: tuple[str, ...] = ()


class Length(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A unit of time, and from how many days on it is the one to say."""

    from_days: float
    days: Annotated[float, msgspec.Meta(gt=0)]
    one: str
    many: str


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """How many words a card may have, with one finding and with several."""

    of_one: Annotated[int, msgspec.Meta(gt=0)]
    of_several: Annotated[int, msgspec.Meta(gt=0)]


class Wording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``wording.toml``: what is said alike on all cards; a site may change or translate it."""

    months: Annotated[tuple[_Name, ...], msgspec.Meta(min_length=12, max_length=12)]
    """The names of the twelve months, January first."""
    dates: Mapping[str, str]
    """How a day, a month, and each kind of period is spelt."""
    lists: Mapping[str, str]
    """What stands between the items of a list, and before the last of them."""
    lengths: Annotated[tuple[Length, ...], msgspec.Meta(min_length=1)]
    """Units of time, the shortest first."""
    words: Words
    phrase: Mapping[str, Phrase]

    def with_phrases(self, own: Mapping[str, Phrase]) -> Wording:
        """The same with the phrases of one card file, which come before the shared ones."""
        return msgspec.structs.replace(self, phrase={**self.phrase, **own}) if own else self

    def fill(self, template: str, values: Values) -> str:
        """The template with its values; raises KeyError for a name without value."""
        if "{" not in template:
            return template
        pattern, names = compiled(template)
        return pattern % tuple([self.show(values[name]) for name in names])

    def show(self, value: Value) -> str:
        """A value in a clinician's spelling: 5 Jun 2026, 0.5, the record's words escaped."""
        return value if isinstance(value, str) else _SPELT.get(type(value), _as_it_is)(self, value)

    def listed(self, items: Iterable[str], by: str = "and") -> str:
        """``a``, ``a and b``, ``a, b and c``; each once."""
        told = list(dict.fromkeys(items))
        if len(told) < 2:
            return "".join(told)
        return f"{self.lists['comma' if by in ('and', 'or') else by].join(told[:-1])}{self.lists[by]}{told[-1]}"

    def _date(self, when: Interval) -> str:
        """No more precise than the record."""
        how = spelling(when)
        days = {"day": when.first, "month": when.first, "year": when.first, "until": when.last}
        if how in days or how == "since":
            return self._day(how, days.get(how, when.first))
        return self.dates[how].format(first=self._day("day", when.first), last=self._day("day", when.last))

    def _day(self, how: str, day: date) -> str:
        # Not strftime: its month names follow the process's locale.
        return self.dates[how].format(day=day.day, month=self.months[day.month - 1], year=day.year)

    def _length(self, days: float) -> str:
        unit = next((one for one in reversed(self.lengths) if days >= one.from_days), self.lengths[0])
        number = round(days / unit.days)
        return (unit.one if number == 1 else unit.many).format(n=number)


def _as_it_is(_: Wording, value: Value) -> str:
    return str(value)


_SPELT: Mapping[type, Callable[[Wording, Any], str]] = {
    float: lambda _, number: f"{number:g}",
    Said: lambda wording, said: wording.fill(wording.phrase[said.phrase].text, said.values),
    Listed: lambda wording, several: wording.listed(map(wording.show, several.items), several.by),
    Record: lambda _, record: escape(record.words),
    Interval: lambda wording, when: wording._date(when),
    OfThisYear: lambda wording, day: wording._day(f"{spelling(day.when)}-of-this-year", day.when.first),
    timedelta: lambda wording, length: wording._length(length.days),
    date: lambda wording, day: wording._date(Interval(day, day)),
    type(None): lambda wording, _: wording.show(NOT_RECORDED),
}
"""How each kind of value is spelt; any other as Python writes it."""


def filling(template: object) -> Filling:
    """How to fill a template of any shape, worked out once; parts without placeholders are shared, not copied."""
    return _filling(template) or (lambda _, __: template)


def _filling(template: object) -> Filling | None:
    """None for a template without placeholders."""
    if isinstance(template, str):
        return partial(_with_text, template) if placeholders(template) else None
    if isinstance(template, dict):
        members = {key: made for key, value in template.items() if (made := _filling(value))}
        return partial(_with_members, template, members) if members else None
    if isinstance(template, list):
        items = [_filling(value) for value in template]
        return partial(_with_items, template, items) if any(items) else None
    return None


def _with_text(template: str, fill: Fill, values: Values) -> str:
    return fill(template, values)


def _with_members(
    template: dict[str, object], members: Mapping[str, Filling], fill: Fill, values: Values
) -> dict[str, object]:
    return template | {key: made(fill, values) for key, made in members.items()}


def _with_items(template: list[object], items: Iterable[Filling | None], fill: Fill, values: Values) -> list[object]:
    return [made(fill, values) if made else item for item, made in zip(template, items, strict=True)]
