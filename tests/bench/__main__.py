"""Compares the service with (a) a bare endpoint and (b) the ceiling in one run, and says which goals are met.

Cases are interleaved and ratios are taken within a repeat, so that what else the machine does falls on all alike.
Needs Linux, whose kernel counts the CPU of each process.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence

from tests.bench import cpu, dearest, fetching, lifetime, long, recording, replaying, signing
from tests.bench.cells import FULL, QUICK, Cell, Found, Run

CELLS = tuple(
    cell
    for module in (cpu, signing, recording, long, fetching, dearest, lifetime, replaying)
    for cell in module.cells()
)
GROUPS = tuple(dict.fromkeys(cell.group for cell in CELLS))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in a quarter of the time, and rougher")
    parser.add_argument("--group", choices=GROUPS, help="only these cells")
    chosen = parser.parse_args(arguments)
    cells = [cell for cell in CELLS if chosen.group in (None, cell.group)]
    started, before = time.monotonic(), _load()
    measured: list[tuple[Cell, Found]] = []
    try:
        with Run(QUICK if chosen.quick else FULL) as run:
            measured.extend(_measured(cells, run))
    finally:
        _print_table(measured)
    _print_profiles(measured)
    print(f"\n{time.monotonic() - started:.0f} seconds; runnable processes {before:.1f}, then {_load():.1f}.")
    print("Where others use the cores, every request costs more, and a small one of the service more than one of (a).")


def _load() -> float:
    """Runnable processes on the machine, over the last minute."""
    return os.getloadavg()[0]


def _measured(cells: list[Cell], run: Run) -> Iterator[tuple[Cell, Found]]:
    """Each cell with its figure; how far it is, and how long it will take, goes to the standard error stream."""
    started, done, whole = time.monotonic(), 0.0, sum(cell.seconds for cell in cells)
    for number, cell in enumerate(cells, 1):
        found = cell.measure(run)
        done += cell.seconds
        left = (whole - done) * (time.monotonic() - started) / (done or 1)
        said = f"{found.measured:.3g} of {_goal(cell)}, {_met(cell, found)}"
        print(
            f"[{number}/{len(cells)}, {left:.0f} s left] {cell.name}: {cell.what}: {said}", file=sys.stderr, flush=True
        )
        yield cell, found


def _met(cell: Cell, found: Found) -> str:
    return "met" if cell.is_met(found) else "not met"


def _goal(cell: Cell) -> str:
    return f"at least {cell.goal:g}" if cell.at_least else f"{cell.goal:g}"


def _print_table(measured: list[tuple[Cell, Found]]) -> None:
    print("(a) Starlette and orjson, a fixed card; (b) raw ASGI and the typed decode of the chart, a fixed card;")
    print("the floor: one process that decodes every line of an export into types, and does nothing with it.\n")
    print("| group | cell | measured as | goal | measured | | |\n| --- | --- | --- | ---: | ---: | --- | --- |")
    for cell, found in measured:
        cells = [
            cell.group,
            cell.name,
            cell.what,
            _goal(cell),
            f"{found.measured:.3g}",
            _met(cell, found),
            found.more,
        ]
        print(f"| {' | '.join(cells)} |")
    missed = [cell for cell, found in measured if not cell.is_met(found)]
    print(f"\n{len(measured) - len(missed)} of {len(measured)} goals met.")


def _print_profiles(measured: list[tuple[Cell, Found]]) -> None:
    """Where the time of each missed goal goes, as far as it is time of the processor."""
    missed = [cell for cell, found in measured if not cell.is_met(found)]
    profiles = {f"{cell.group}: {cell.name}": cell.profiled for cell in missed if cell.profiled}
    if profiles:
        print("\nWhere the time goes: own time by function, a request or a patient; short functions look dearer.")
    for name, profile in profiles.items():
        print(f"\n{name}", flush=True)
        for line in profile():
            print(f"    {line}")


if __name__ == "__main__":
    main()
