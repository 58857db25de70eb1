"""The tables as files: CSV for a spreadsheet, lines of JSON for a program, and who is in the sample apart from both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from cds_service.record.spreadsheets import write_rows
from cds_service.replay.numbers import Sampled
from cds_service.replay.tables import Cell, Column, Table

TABLES, LINES, SAMPLE = "tables", "numbers.ndjson", "sample.csv"


def told(cell: Cell, column: Column, below: int | None) -> Cell:
    """A cell as it is written: of a masked count that was rounded down to nothing, only that it is small."""
    return f"<{below}" if below and column.kind == "count" and cell == 0 else cell


def write_tables(folder: Path, tables: Sequence[Table], below: int | None) -> None:
    """Every table as ``tables/NAME.csv``, and all of them in ``numbers.ndjson``."""
    (folder / TABLES).mkdir(parents=True, exist_ok=True)
    with (folder / LINES).open("wb") as lines:
        for table in tables:
            rows = [[told(*cell, below) for cell in zip(row, table.columns, strict=True)] for row in table.rows]
            ids = [column.id for column in table.columns]
            write_csv(folder / TABLES / f"{table.id}.csv", [ids, *rows])
            for row in rows:
                line = {"table": table.id, **dict(zip(ids, row, strict=True))}
                lines.write(msgspec.json.encode(line) + b"\n")


def sample_of(samples: Iterable[Sampled]) -> list[tuple[Cell, ...]]:
    """Which charts to look up and judge, by rule; the names of the columns first."""
    rows = [
        (one.rule, one.patient, one.day, one.hook, one.event, one.indicator, " ".join(one.orders)) for one in samples
    ]
    return [("rule", "patient", "day", "hook", "event", "indicator", "orders"), *rows]


def write_csv(path: Path, rows: Iterable[Sequence[Cell]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        write_rows(file, rows)
