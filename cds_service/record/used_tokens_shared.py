"""Which tokens were used, known to every host that shares a database.

This host's own memory is asked first. While the database is lost it is asked alone: a token used here is still refused
here, no call goes unanswered for want of the database, and what was admitted meanwhile is told to it once it is back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from cds_service.record.store import Store
from cds_service.record.used_tokens_file import mark
from cds_service.trust.tokens import Replays

_SWEEP_SECONDS = 300.0
_PAUSE_SECONDS = 1.0
"""How long a lost database is left alone, so that not every call waits for it."""
_AT_ONCE = 8
"""As many as the pool has connections, so that nobody takes a crowd for a loss."""
_TRIES = 2
"""The connections of before a restart of the database are found dead only when they are used."""
_MOST_UNTOLD = 100_000
_LOG = structlog.get_logger()


class UsedTokensShared:
    """The memory of all hosts, with the one of this host before it."""

    def __init__(
        self,
        here: Replays,
        store: Store,
        clock: Callable[[], float] = time.time,
        alone: Callable[[], None] = lambda: None,
    ) -> None:
        self._here = here
        self._store = store
        self._clock = clock
        self._alone = alone
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._untold: list[tuple[str, int]] = []
        self._open = asyncio.Event()
        self._asked_again = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens the store as soon as it can be had, and sweeps it from time to time."""
        task = asyncio.create_task(self._tend())
        task.add_done_callback(_tell_end)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._open.wait(), _PAUSE_SECONDS)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._store.close()

    async def first_use(self, issuer: str, token_id: str, until: float) -> bool:
        """As :class:`Replays` says."""
        if not await self._here.first_use(issuer, token_id, until):
            return False
        used = mark(issuer, token_id), round(until)
        if not self._open.is_set() or time.monotonic() < self._asked_again:
            return self._admitted_alone(used)
        for tried in range(_TRIES):
            try:
                async with self._slots:
                    if time.monotonic() < self._asked_again:
                        return self._admitted_alone(used)
                    return await self._store.use_token(*used)
            except self._store.lost as fault:
                # What was not answered in time may have been done: asked again, the token would seem used.
                if isinstance(fault, TimeoutError) or tried == _TRIES - 1:
                    self._asked_again = time.monotonic() + _PAUSE_SECONDS
                    _LOG.warning("used tokens not shared", fault=type(fault).__name__)
                    break
        return self._admitted_alone(used)

    def _admitted_alone(self, used: tuple[str, int]) -> bool:
        self._alone()
        if len(self._untold) < _MOST_UNTOLD:
            self._untold.append(used)
        return True

    async def _tend(self) -> None:
        swept = float("-inf")
        while True:
            with suppress(*self._store.lost):
                await self._store.open()
                if time.monotonic() - swept >= _SWEEP_SECONDS:
                    await self._store.forget_tokens(int(self._clock()))
                    swept = time.monotonic()
                self._open.set()
                await self._tell_all()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _tell_all(self) -> None:
        while self._untold:
            used = self._untold.pop()
            try:
                await self._store.use_token(*used)
            except BaseException:
                self._untold.append(used)
                raise


def _tell_end(task: asyncio.Task[None]) -> None:
    """It ends before its time only by a fault that was not foreseen."""
    fault = None if task.cancelled() else task.exception()
    if fault:
        _LOG.error("used tokens no longer shared", fault=type(fault).__name__)
