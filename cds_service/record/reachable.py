"""Asking a database that others on the network may have lost, without waiting for it call after call.

A database that hangs costs a call no more than one that refuses: the first calls wait a moment, the next ones not at
all, until it has answered again in the background. What is given up is cleared away there too: closing a connection
that hangs takes seconds. One that answers others meanwhile is busy, and does not hang.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_PAUSE_SECONDS = 0.5
_PROBE_SECONDS = 2.0


class Reachable:
    """``probe`` asks for nothing in particular, and raises one of ``lost`` while the database is lost."""

    def __init__(self, probe: Callable[[], Coroutine[Any, Any, None]], lost: tuple[type[Exception], ...]) -> None:
        self._probe = probe
        self._lost = lost
        self._probing: asyncio.Task[None] | None = None
        self._given_up: set[asyncio.Task[Any]] = set()
        self._answered = float("-inf")

    @property
    def hangs(self) -> bool:
        """Whether it is not asked before it has answered in the background."""
        return self._probing is not None

    async def ask(self, work: Coroutine[Any, Any, T], seconds: float, began: float | None = None) -> T:
        """What the work gives; TimeoutError where it gives nothing in time, ConnectionAbortedError without asking.

        The seconds count from when whoever waits began to, by the monotonic clock.
        """
        if self.hangs:
            work.close()
            raise ConnectionAbortedError
        began = time.monotonic() if began is None else began
        task = asyncio.create_task(work)
        try:
            await asyncio.wait([task], timeout=began + seconds - time.monotonic())
            if not task.done():
                raise TimeoutError
            result = task.result()
            self._answered = time.monotonic()
            return result
        except TimeoutError:
            if self._answered < began:
                self._ask_again()
            raise
        finally:
            if not task.done():
                self._give_up(task)

    async def close(self) -> None:
        """Ends what is still going on."""
        if self._probing:
            self._give_up(self._probing)
        until = time.monotonic() + _PROBE_SECONDS
        while self._given_up and time.monotonic() < until:
            await asyncio.wait([*self._given_up], timeout=until - time.monotonic())

    def _give_up(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        self._given_up.add(task)
        task.add_done_callback(self._cleared)

    def _cleared(self, task: asyncio.Task[Any]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()

    def _ask_again(self) -> None:
        if self._probing is None:
            self._probing = asyncio.create_task(self._until_it_answers())

    async def _until_it_answers(self) -> None:
        while True:
            probe = asyncio.create_task(self._probe())
            try:
                await asyncio.wait([probe], timeout=_PROBE_SECONDS)
            finally:
                if not probe.done():
                    self._give_up(probe)
            if probe.done() and not isinstance(probe.exception(), self._lost):
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        self._probing = None
