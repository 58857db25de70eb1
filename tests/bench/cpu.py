"""Processor time of a request over that of (a), one connection, the servers by turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from tests.bench import charts, load
from tests.bench.cells import Cell, Found, Run
from tests.bench.in_process import Profiled, calls, profile, serving
from tests.bench.load import Measured, Post
from tests.bench.servers import BARE, CEILING, SERVICE

_NAMES = (BARE, CEILING, SERVICE)
_SMALL, _MIDDLE, _LONG = "10 KB", "140 KB", "2 MB"
_PROFILED_BYTES = 20_000_000
_MOST_PROFILED = 300


class Request(msgspec.Struct, frozen=True):
    """A kind of request."""

    chart: str
    size: str
    prefetch_first: bool = False

    def post(self) -> Post:
        body = charts.request(self.chart, charts.SIZES[self.size], prefetch_first=self.prefetch_first)
        return Post(body, charts.CHARTS[self.chart].path)

    def posts(self) -> list[Post]:
        """As many as tell where the time goes."""
        return [self.post()] * min(_PROFILED_BYTES // charts.SIZES[self.size], _MOST_PROFILED)

    def measured(self, run: Run) -> Found:
        servers, post, seconds = run.servers(*_NAMES), self.post(), run.effort.seconds

        def by_turns(seconds: float) -> dict[str, Measured]:
            return {n: load.for_seconds(s, [post], 1, seconds) for n, s in zip(_NAMES, servers, strict=True)}

        by_turns(seconds / 2)
        made = calls(run.once(_in_process), post)
        return _compared([by_turns(seconds) for _ in range(run.effort.turns)], made)

    def cell(self, group: str, goal: float) -> Cell:
        name = f"{self.chart}, {self.size}{', prefetch before context' if self.prefetch_first else ''}"
        return Cell(group, name, "CPU over (a)", goal, self.measured, 8, partial(profile, Profiled(self.posts)))


def _in_process(run: Run) -> Callable[[list[Post]], None]:
    return run.open(serving())


def _compared(rounds: list[dict[str, Measured]], made: int) -> Found:
    def ratio(figure: str, other: str) -> float:
        return statistics.median(getattr(r[SERVICE], figure) / getattr(r[other], figure) for r in rounds)

    milliseconds = statistics.median(r[SERVICE].cpu for r in rounds) * 1e3
    others = f"{ratio('cpu', CEILING):.2f} over (b); {ratio('rate', BARE):.2f} of (a)'s requests/s"
    more = f"{milliseconds:.2f} ms and {made:,} calls of functions; {others}"
    return Found(ratio("cpu", BARE), more)


def cells() -> Iterator[Cell]:
    for first, goals in ((False, (2.0, 0.4, 0.1)), (True, (2.5, 0.55, 0.2))):
        for size, goal in zip((_SMALL, _MIDDLE, _LONG), goals, strict=True):
            yield Request("unrelated order", size, first).cell("orders", goal)
    for size, goal in ((_SMALL, 3.6), (_MIDDLE, 0.95), (_LONG, 0.37)):
        yield Request("silent view", size).cell("views", goal)
    for chart, goal in (("silent order", 6.0), ("one rule", 6.0), ("three rules", 7.0), ("view with a card", 7.0)):
        yield Request(chart, _SMALL).cell("cards", goal)
    for chart in ("one rule", "three rules", "view with a card"):
        yield Request(chart, _MIDDLE).cell("cards", 1.3)
