"""What became of the cards, in numbers: by rule and version, and by service and client if asked."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TextIO, TypeAlias

import msgspec
from sqlalchemy import Select, func, select

from cds_service.record.entries import BENCH, milliseconds
from cds_service.record.recall import answered_at, read_findings
from cds_service.record.store import Store
from cds_service.record.tables import ANSWERS, CARDS, SHOWN, TALLIES

Key: TypeAlias = tuple[str, ...]
"""Rule, version, and what else the lines are parted by."""

_COUNTS = ("shown", "accepted", "overridden", "ignored", "muted", "silent", "draft", "cut")
_NOT_SHOWN = _COUNTS[4:]
NO_REASON = "no reason"


class Line(msgspec.Struct):
    """The cards that named one rule; and of its findings, those that nobody saw: muted, or not to be shown at all."""

    outcomes: Counter[str]
    reasons: Counter[str]

    def count(self, name: str) -> int:
        if name == "ignored":
            return self.outcomes["shown"] - self.outcomes["accepted"] - self.outcomes["overridden"]
        return self.outcomes[name]


class FeedbackReport(msgspec.Struct):
    """The numbers of some days."""

    parted_by: tuple[str, ...]
    lines: dict[Key, Line]
    unknown: int = 0
    """Cards that were answered and are not on record."""

    @property
    def reasons(self) -> list[str]:
        return sorted({reason for line in self.lines.values() for reason in line.reasons})

    def line(self, rule: str, version: str, row: Mapping[str, Any]) -> Line:
        key = (rule, version, *(row[name] for name in self.parted_by))
        return self.lines.setdefault(key, Line(Counter(), Counter()))


async def feedback_report(
    store: Store, first: dt.datetime, after: dt.datetime, parted_by: tuple[str, ...]
) -> FeedbackReport:
    """Counts what was shown from one instant to another, both the beginnings of days at the site."""
    await store.open()
    made = FeedbackReport(parted_by, {})
    begin, end = map(milliseconds, (first, after))
    answers = {(row["card"], row["client"]): row async for row in _rows(store, _answers(begin))}
    shown = select(CARDS).where(CARDS.c.at >= begin, CARDS.c.at < end, CARDS.c.state >= SHOWN)
    async for row in _rows(store, shown):
        for finding in read_findings(row["findings"]):
            _count(made.line(finding.rule, finding.version, row), answers.get((row["card"], row["client"])))
    days = TALLIES.c.day >= first.date().isoformat(), TALLIES.c.day < after.date().isoformat()
    async for row in _rows(store, select(TALLIES).where(*days, TALLIES.c.outcome.in_(_NOT_SHOWN))):
        made.line(row["rule"], row["version"], row).outcomes[row["outcome"]] += row["count"]
    async with store.engine.connect() as connection:
        made.unknown = await connection.scalar(_unknown(begin, end)) or 0
    return made


def table(report: FeedbackReport) -> Iterator[str]:
    """The lines for a terminal; counts that are nowhere above nought have no column."""
    counts = [name for name in _COUNTS if name in _COUNTS[:5] or any(n.count(name) for n in report.lines.values())]
    rows = [("rule", "version", *report.parted_by, *counts, "overridden because")]
    for key, line in sorted(report.lines.items()):
        because = ", ".join(f"{reason} {count}" for reason, count in line.reasons.most_common())
        rows.append((*key, *(str(line.count(name)) for name in counts), because))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    if not report.lines:
        yield "Nothing was recorded in these days."
    if report.unknown:
        yield f"Answered, but not on record: {report.unknown} cards."


def write_csv(report: FeedbackReport, file: TextIO) -> None:
    """One line a rule and version, one column a reason."""
    reasons = report.reasons
    out = csv.writer(file)
    out.writerow(["rule", "version", *report.parted_by, *_COUNTS, *(f"overridden: {reason}" for reason in reasons)])
    for key, line in sorted(report.lines.items()):
        out.writerow([*key, *(line.count(name) for name in _COUNTS), *(line.reasons[reason] for reason in reasons)])


def _count(line: Line, answer: Mapping[str, Any] | None) -> None:
    line.outcomes["shown"] += 1
    if answer:
        line.outcomes[answer["outcome"]] += 1
    if answer and answer["outcome"] == "overridden":
        line.reasons[answer["reason"] or NO_REASON] += 1


def _answers(begin: int) -> Select[Any]:
    """In the order in which they were given, so that the last one to a card stays."""
    return select(ANSWERS).where(ANSWERS.c.received >= begin).order_by(answered_at(), ANSWERS.c.received, ANSWERS.c.at)


def _unknown(begin: int, end: int) -> Select[Any]:
    known = select(CARDS.c.card).where(CARDS.c.card == ANSWERS.c.card).exists()
    given = ANSWERS.c.received >= begin, ANSWERS.c.received < end, ANSWERS.c.client != BENCH
    return select(func.count(ANSWERS.c.card.distinct())).where(*given, ~known)


async def _rows(store: Store, statement: Select[Any]) -> AsyncIterator[Mapping[str, Any]]:
    async with store.engine.connect() as connection, connection.stream(statement) as rows:
        async for row in rows.mappings():
            yield row
