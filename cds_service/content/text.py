"""Filling the words of a card: dates, numbers and the record's own words, made safe for Markdown."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache, partial
from typing import TypeAlias

import msgspec

from cds_service.fhir.dates import Interval, spell

SUMMARY_LIMIT = 139
LABEL_LIMIT = 28
RECORD_LIMIT = 80
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")
_ESCAPED = re.compile(r"\\([^A-Za-z0-9\s])")
_EMPHASIS = re.compile(r"(?<!\\)\*+")
_WEB = re.compile(r"(?i)\b(https?|ftp|mailto|javascript|data|www)([:.])")


class Record(msgspec.Struct, frozen=True):
    """Words from the chart: escaped, shortened, and never in a summary."""

    words: str


Value: TypeAlias = str | int | float | date | Interval | Record | None
Values: TypeAlias = Mapping[str, Value]


@cache
def placeholders(template: str) -> frozenset[str]:
    """The names in braces of a template; templates are few, and each is filled again and again."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def fill(template: str, values: Values) -> str:
    """The template with its values; raises KeyError for a name without value."""
    if "{" not in template:
        return template
    return template.format_map({name: show(values[name]) for name in placeholders(template)})


Filling: TypeAlias = Callable[[Values], object]


def filling(template: object) -> Filling:
    """How to fill a template of any shape, worked out once; parts without placeholders are shared, not copied."""
    return _filling(template) or (lambda _: template)


def _filling(template: object) -> Filling | None:
    """None for a template without placeholders."""
    if isinstance(template, str):
        return partial(fill, template) if placeholders(template) else None
    if isinstance(template, dict):
        members = {key: made for key, value in template.items() if (made := _filling(value))}
        return partial(_with_members, template, members) if members else None
    if isinstance(template, list):
        items = [_filling(value) for value in template]
        return partial(_with_items, template, items) if any(items) else None
    return None


def _with_members(template: dict[str, object], members: Mapping[str, Filling], values: Values) -> dict[str, object]:
    return template | {key: made(values) for key, made in members.items()}


def _with_items(template: list[object], items: Iterable[Filling | None], values: Values) -> list[object]:
    return [made(values) if made else item for item, made in zip(template, items, strict=True)]


def show(value: Value) -> str:
    """A value in a clinician's spelling: 5 Jun 2026, 0.5, the record's words escaped."""
    if isinstance(value, str):
        return value
    if isinstance(value, Record):
        return escape(value.words)
    if isinstance(value, Interval):
        return spell(value)
    if isinstance(value, date):
        return spell(Interval(value, value))
    if isinstance(value, float):
        return f"{value:g}"
    return "not recorded" if value is None else str(value)


def since(when: Interval | None) -> str:
    """When something began, for the brackets behind it: ``since 5 Jun 2026``, or that no date is recorded."""
    if when is None:
        return "date not recorded"
    told = spell(when)
    return told if told.startswith(("since", "until")) else f"since {told}"


def escape(words: str) -> str:
    """Chart text as inert Markdown on one line: punctuation escaped, links broken, control characters gone."""
    if not words.isprintable():
        words = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in words)
    flat = " ".join(words.split())
    short = flat if len(flat) <= RECORD_LIMIT else flat[: RECORD_LIMIT - 1].rstrip() + "…"
    if ":" in short or "." in short:
        short = _WEB.sub(r"\1 \2", short)
    return _MARKDOWN.sub(r"\\\1", short)


def plain(markdown: str) -> str:
    """Our own Markdown as plain text: emphasis gone, escapes undone."""
    return _ESCAPED.sub(r"\1", _EMPHASIS.sub("", markdown))


def clipped(summary: str) -> str:
    """A summary within its limit: one that a name makes too long is cut between words, so that no card is lost."""
    if len(summary) <= SUMMARY_LIMIT:
        return summary
    return summary[: SUMMARY_LIMIT - 1].rpartition(" ")[0].rstrip(" ,;:") + "…"


def listed(items: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; each once."""
    found = list(dict.fromkeys(items))
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""
