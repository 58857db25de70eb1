"""Asking a database that others on the network may have lost, without waiting for it call after call.

A database that hangs costs a call no more than one that refuses: the first calls wait a moment, the next ones not at
all, until it has answered again in the background. What is given up is cleared away there too: closing a connection
that hangs takes seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_PAUSE_SECONDS = 1.0
_PROBE_SECONDS = 2.0


class Reachable:
    """``probe`` asks for nothing in particular, and raises one of ``lost`` while the database is lost."""

    def __init__(self, probe: Callable[[], Coroutine[Any, Any, None]], lost: tuple[type[Exception], ...]) -> None:
        self._probe = probe
        self._lost = lost
        self._probing: asyncio.Task[None] | None = None
        self._given_up: set[asyncio.Task[Any]] = set()

    async def ask(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """What the work gives; TimeoutError where it gives nothing in time, ConnectionAbortedError without asking."""
        if self._probing is not None:
            work.close()
            raise ConnectionAbortedError
        task = asyncio.create_task(work)
        try:
            await asyncio.wait([task], timeout=seconds)
            if not task.done():
                raise TimeoutError
            return task.result()
        except TimeoutError:
            self._ask_again()
            raise
        finally:
            if not task.done():
                self._give_up(task)

    async def close(self) -> None:
        """Ends what is still going on."""
        if self._probing:
            self._give_up(self._probing)
        if self._given_up:
            await asyncio.wait(self._given_up, timeout=_PROBE_SECONDS)

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
            await asyncio.wait([probe], timeout=_PROBE_SECONDS)
            if probe.done() and not isinstance(probe.exception(), self._lost):
                break
            self._give_up(probe)
            await asyncio.sleep(_PAUSE_SECONDS)
        self._probing = None
