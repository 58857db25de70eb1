"""What every measured cell has: a name, a goal, and how it is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from tests.bench.servers import Server, running

T = TypeVar("T")


class Effort(msgspec.Struct, frozen=True):
    """How long to measure."""

    repeats: int
    turns: int
    """In which servers are measured one after the other."""
    seconds: float
    """Of each turn."""
    sequence: int
    """Requests of a cell that counts them."""
    rounds: int
    """Of whole replays."""
    patients: int
    """In the larger export that is replayed."""


FULL = Effort(repeats=5, turns=9, seconds=0.25, sequence=500, rounds=3, patients=2_000)
QUICK = Effort(repeats=1, turns=3, seconds=0.1, sequence=100, rounds=1, patients=240)


class Found(msgspec.Struct, frozen=True):
    """What was measured, and what helps to read it."""

    measured: float
    more: str = ""


class Run(AbstractContextManager["Run"]):
    """One run of the bench: its servers are started when they are first asked for, and what two cells share is
    measured once.
    """

    def __init__(self, effort: Effort) -> None:
        self.effort = effort
        self._kept = ExitStack()
        self._servers: dict[str, Server] = {}
        self._known: dict[Callable[[Run], Any], Any] = {}

    def __exit__(self, *fault: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._kept.close()

    def servers(self, *names: str) -> list[Server]:
        """Servers that keep no state between cells."""
        for name in names:
            if name not in self._servers:
                self._servers[name] = self.open(running(name))[0]
        return [self._servers[name] for name in names]

    def open(self, context: AbstractContextManager[T]) -> T:
        """What is kept until the run ends."""
        return self._kept.enter_context(context)

    def once(self, measure: Callable[[Run], T]) -> T:
        if measure not in self._known:
            self._known[measure] = measure(self)
        found: T = self._known[measure]
        return found


class Cell(msgspec.Struct, frozen=True):
    """One figure that has a goal, which it may reach but not pass, or must reach."""

    group: str
    name: str
    what: str
    """The ratio or the number that is measured."""
    goal: float
    measure: Callable[[Run], Found]
    seconds: float
    """That it takes about, in a full run."""
    profiled: Callable[[], Iterator[str]] | None = None
    """Tells where the time goes."""
    at_least: bool = False

    def is_met(self, found: Found) -> bool:
        return found.measured >= self.goal if self.at_least else found.measured <= self.goal
