"""The report on a replay as one page that needs no server: stylesheet within, drawings as SVG, no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import msgspec
from markupsafe import Markup

from cds_service.content.model import RuleContent
from cds_service.replay.gate import Held
from cds_service.replay.judgements import Codes, Run
from cds_service.replay.masking import Mask
from cds_service.replay.numbers import Numbers
from cds_service.replay.tables import Cell, Column, Table, Tables
from cds_service.replay.written import SAMPLE, TABLES, told, write_sample, write_tables
from cds_service.web.pages import templates
from cds_service.web.static_files import content_of

PAGE = "index.html"
_BARS = {
    "rules": "cards",
    "combinations": "answers",
    "burden": "patients",
    "groups": "share",
    "rules-by-group": "share",
    "undetermined": "times",
    "unreadable": "times",
    "coverage": "share",
    "codes": "entries",
}
"""By table, the column that is drawn as bars too."""
_MOST_OPEN = 45
"""Longer tables are folded."""
_MOST_ROWS = 200
_COUNT = Column("count", "")
Funnel: TypeAlias = Mapping[str, Mapping[str, Sequence[Sequence[Cell]]]]


class ReplayReport(msgspec.Struct, frozen=True):
    """What was counted, with what, and how it may be told."""

    numbers: Numbers
    run: Run
    codes: Codes
    rules: Mapping[str, RuleContent]
    held: tuple[Held, ...]
    mask: Mask

    def write(self, folder: Path) -> Path:
        """Writes the report into a folder of its own and gives the page; who is in the sample is not in the page."""
        folder.mkdir(parents=True, exist_ok=True)
        tables = Tables(self.numbers, self.run, self.codes, self.rules, self.mask).all(self.held)
        write_tables(folder, tables, self.mask.below)
        samples = [] if self.mask.below else self.numbers.samples
        if samples:
            write_sample(folder / SAMPLE, samples)
        else:
            (folder / SAMPLE).unlink(missing_ok=True)
        page = folder / PAGE
        page.write_text(self._page({table.id: table for table in tables}, bool(samples)), encoding="utf-8")
        return page

    def _page(self, tables: Mapping[str, Table], sampled: bool) -> str:
        return (
            templates()
            .get_template("replay_report.html")
            .render(
                style=Markup(content_of("house.css").decode()),  # noqa: S704  our own stylesheet
                run=self.run,
                tables=tables,
                funnel=_funnel(tables["funnel"]),
                titles={rule: one.title for rule, one in self.rules.items()},
                below=self.mask.below,
                sample=SAMPLE if sampled else "",
                files=TABLES,
                bars=_BARS,
                count=_COUNT,
                most_open=_MOST_OPEN,
                most_rows=_MOST_ROWS,
                patients=self.mask(self.numbers.counts["patients",], "patients"),
                told=told,
                stops=any(one.stops for one in self.held),
            )
        )


def _funnel(table: Table) -> Funnel:
    """Its rows by hook and rule."""
    return {
        hook: {rule: tuple(rows) for rule, rows in groupby(of_hook, key=lambda row: row[1])}
        for hook, of_hook in _parted(table)
    }


def _parted(table: Table) -> Iterator[tuple[str, Sequence[Sequence[Cell]]]]:
    for hook, rows in groupby(table.rows, key=lambda row: row[0]):
        yield str(hook), tuple(rows)
