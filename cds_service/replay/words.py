"""Counts in words."""

from __future__ import annotations


def counted(number: int, one: str, many: str) -> str:
    """A count before what it is of, as ``1 patient`` and ``1,204 patients``."""
    return f"{number:,} {one if number == 1 else many}"
