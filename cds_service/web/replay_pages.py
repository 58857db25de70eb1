"""What is made of replays, as pages that need no server: stylesheet within, drawings as SVG, no script, no patient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from markupsafe import Markup

from cds_service.content.model import INDICATORS, RuleContent
from cds_service.replay import difference_tables
from cds_service.replay.differences import Differences
from cds_service.replay.gate import Held
from cds_service.replay.judgements import Codes, Run
from cds_service.replay.masking import Mask
from cds_service.replay.numbers import Numbers
from cds_service.replay.tables import Cell, Column, Table, Tables
from cds_service.replay.written import SAMPLE, TABLES, sample_of, told, write_csv, write_tables
from cds_service.web import charts
from cds_service.web.pages import templates
from cds_service.web.static_files import content_of

PAGE = "index.html"
_BARS = {
    "rules": "cards",
    "combinations": "answers",
    "burden": "patients",
    "groups": "share",
    "rules-by-group": "share",
    "lacking": "times",
    "undetermined": "times",
    "unreadable": "times",
    "coverage": "share",
    "changes": "patients",
}
"""By table, the column that is drawn as bars too."""
_FULL = {"coverage": 100}
"""By table, what a whole bar stands for; else the most that there is."""
_MOST_OPEN = 45
"""Longer tables are folded."""
_MOST_ROWS = 60
"""Of a table, or of each of its parts; all are in its file."""
_PARTED = ("indicators", "rules", "days", "lacking", "undetermined", "codes")
"""Tables that are drawn in parts, by their first column."""
_MOST_BY_DAY = 62
_MOST_WITHOUT_YEAR = 300
_MOST_RULES = 15
_COUNT = Column("count", "")
_DAY = timedelta(days=1)
Row: TypeAlias = Sequence[Cell]
Funnel: TypeAlias = Mapping[str, Mapping[str, Sequence[Row]]]


class Part(msgspec.Struct, frozen=True):
    """A table as it is drawn, or that part of it which is of one hook or collection."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    name: str = ""
    says: str = ""


class ReplayReport(msgspec.Struct, frozen=True):
    """What was counted, with what, and how it may be told."""

    numbers: Numbers
    run: Run
    codes: Codes
    rules: Mapping[str, RuleContent]
    held: tuple[Held, ...]
    mask: Mask

    def write(self, folder: Path) -> Path:
        """Writes the report into a folder of its own and gives the page; ids stand in the sample only, if at all."""
        tables = Tables(self.numbers, self.run, self.codes, self.rules, self.mask).all(self.held)
        sample = [] if self.mask.below else sample_of(self.numbers.samples)
        by_id = {table.id: table for table in tables}
        names = {
            "run": self.run,
            "patients": self._patients("patients"),
            "held": self.mask(self.run.patients, "patients"),
            "ever": [self._patients("patients with", indicator) for indicator in reversed(INDICATORS)],
            "unasked": [hook for hook in self.run.hooks if not self.numbers.counts["asked", hook]],
            "titles": {rule: one.title for rule, one in self.rules.items()},
            "funnel": _funnel(by_id["funnel"]),
            "figures": {name: found for name, draw in _DRAWN.items() if (found := dict(draw(by_id[name])))},
            "stops": any(one.stops for one in self.held),
            "count": _COUNT,
        }
        says = dict(self._unknown(by_id["coverage"]))
        return _written(folder, "replay_report.html", tables, sample, self.mask.below, names, says)

    def _patients(self, *key: str) -> int:
        return self.mask(self.numbers.counts[key], *key)

    def _unknown(self, coverage: Table) -> Iterator[tuple[str, str]]:
        """By collection, how much of it no value set knows."""
        place = {column.id: number for number, column in enumerate(coverage.columns)}
        for row in coverage.rows:
            entries, unknown = (int(row[place[name]] or 0) for name in ("entries", "unknown"))
            share = f" ({unknown / entries:.0%})" if entries else ""
            counts = [_in_words(count, self.mask.below) for count in (unknown, entries)]
            yield (
                str(row[0]),
                f"{' of '.join(counts)} entries{share} carry no code and no words that a value set knows.",
            )


def write_differences(folder: Path, found: Differences, before: Run, after: Run) -> Path:
    """As the report, of what two replays say otherwise."""
    tables = difference_tables.tables_of(found)
    names = {"figures": {}, "headline": difference_tables.headline(found), "before": before, "after": after}
    return _written(folder, "replay_diff.html", tables, difference_tables.sample_of(found), None, names)


def _written(
    folder: Path,
    template: str,
    tables: Sequence[Table],
    sample: Sequence[Row],
    below: int | None,
    names: Mapping[str, Any],
    says: Mapping[str, str] | None = None,
) -> Path:
    """``says`` are words about parts of the codes."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tables(folder, tables, below)
    if sample[1:]:
        write_csv(folder / SAMPLE, sample)
    else:
        (folder / SAMPLE).unlink(missing_ok=True)
    shown = {
        "style": Markup(content_of("house.css").decode()),  # noqa: S704  our own stylesheet
        "tables": {table.id: table for table in tables},
        "parts": {table.id: tuple(_parts(table, says or {})) for table in tables},
        "sample": SAMPLE if sample[1:] else "",
        "files": TABLES,
        "bars": _BARS,
        "full": _FULL,
        "below": below,
        "told": told,
        "most_open": _MOST_OPEN,
        "most_rows": _MOST_ROWS,
    }
    page = folder / PAGE
    page.write_text(templates().get_template(template).render(**shown, **names), encoding="utf-8")
    return page


def _in_words(count: int, below: int | None) -> str:
    said = told(count, _COUNT, below)
    return f"{said:,}" if isinstance(said, int) else str(said)


def _parts(table: Table, says: Mapping[str, str]) -> Iterator[Part]:
    if table.id not in _PARTED or not table.rows:
        yield Part(table.columns, table.rows)
        return
    for name, rows in _by_first(table):
        part = Part(table.columns[1:], tuple([row[1:] for row in rows]), name, says.get(name, ""))
        yield _of_weeks(part) if table.id == "days" else _of_one_unit(part)


def _of_one_unit(part: Part) -> Part:
    """At one hook all rates are per so many of one thing, which then stands in the title of their column."""
    place = next((number for number, column in enumerate(part.columns) if column.id == "so-many"), None)
    if place is None:
        return part
    columns = [*part.columns[:place], *part.columns[place + 1 :]]
    columns[place - 1] = msgspec.structs.replace(columns[place - 1], title=f"Cards per {part.rows[0][place]}")
    rows = tuple([(*row[:place], *row[place + 1 :]) for row in part.rows])
    return msgspec.structs.replace(part, columns=tuple(columns), rows=rows)


def _funnel(table: Table) -> Funnel:
    """Its rows by hook and rule."""
    return {
        hook: {rule: tuple(rows) for rule, rows in groupby(of_hook, key=lambda row: str(row[1]))}
        for hook, of_hook in _by_first(table)
    }


def _by_first(table: Table) -> Iterator[tuple[str, Sequence[Row]]]:
    for name, rows in groupby(table.rows, key=lambda row: str(row[0])):
        yield name, tuple(rows)


def _by_day(table: Table) -> Iterator[tuple[str, Markup]]:
    """The cards of each hook over the days, or over weeks where there are many; none where there is one day only."""
    for hook, rows in _by_first(table):
        days, periods = _periods(rows)
        if len(periods) < 2:
            continue
        cards = zip(*(counts[1:] for _, counts in periods), strict=True)
        parts = dict(zip(reversed(INDICATORS), cards, strict=True))
        title = f"{hook}: cards a {'day' if days == 1 else 'week'}"
        form = "%d %b" if periods[-1][0] - periods[0][0] < _MOST_WITHOUT_YEAR * _DAY else "%b %Y"
        yield title, charts.columns(f"days-{hook}", title, [f"{start:{form}}" for start, _ in periods], parts)


def _periods(rows: Sequence[Row]) -> tuple[int, list[tuple[date, tuple[int, ...]]]]:
    """How many days a period has, one or a week where there are many; of each its first day, answers and cards."""
    of_day = {date.fromisoformat(str(day)): counts for _, day, *counts in rows}
    first, last = min(of_day), max(of_day)
    step = 1 if last - first < _MOST_BY_DAY * _DAY else 7
    starts = [first + _DAY * ahead for ahead in range(0, (last - first).days + 1, step)]
    return step, [(start, _added(of_day.get(start + _DAY * ahead) for ahead in range(step))) for start in starts]


def _added(rows: Iterable[Row | None]) -> tuple[int, ...]:
    """Several days as one; a day on which nothing was judged adds nothing."""
    there = [[int(cell or 0) for cell in row] for row in rows if row]
    return tuple(map(sum, zip(*there, strict=True))) if there else (0,) * (1 + len(INDICATORS))


def _of_weeks(part: Part) -> Part:
    """Of many days the weeks, as they are drawn."""
    days, periods = _periods([(part.name, *row) for row in part.rows])
    if days == 1:
        return part
    columns = (msgspec.structs.replace(part.columns[0], title="Week from"), *part.columns[1:])
    rows = tuple([(start.isoformat(), *counts) for start, counts in periods])
    return msgspec.structs.replace(part, columns=columns, rows=rows, says="By weeks; the file has the days.")


def _by_rule(table: Table) -> Iterator[tuple[str, Markup]]:
    """The rules with the most cards at each hook."""
    place = {column.id: number for number, column in enumerate(table.columns)}
    for hook, rows in _by_first(table):
        told = sorted((row for row in rows if row[place["cards"]]), key=lambda row: -int(row[place["cards"]] or 0))
        loud = told[:_MOST_RULES]
        if loud:
            parts = {name: [int(row[place[name]] or 0) for row in loud] for name in reversed(INDICATORS)}
            names = [(str(row[place["rule"]]), "") for row in loud]
            title = f"{hook}: cards of each rule"
            yield title, charts.bars(f"rules-{hook}", title, names, parts)


_DRAWN = {"days": _by_day, "rules": _by_rule}
"""Tables of which there are drawings, by hook."""
