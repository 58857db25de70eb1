"""Rows as CSV that a spreadsheet may open: no cell of it is a formula, as codes and ids are words of others."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import IO, TypeAlias

Cell: TypeAlias = str | int | float | None
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def write_rows(file: IO[str], rows: Iterable[Sequence[Cell]]) -> None:
    csv.writer(file).writerows([_plain(cell) for cell in row] for row in rows)


def _plain(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell
