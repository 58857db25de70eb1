"""Which tokens were used, known to every host that shares a database.

This host's own memory is asked first. While the database is lost it is asked alone: a token used here is still refused
here, and no call goes unanswered for want of the database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from cds_service.record.store import Store
from cds_service.trust.replays import mark
from cds_service.trust.tokens import Replays

_SWEEP_SECONDS = 300.0
_PAUSE_SECONDS = 1.0
"""How long a lost database is left alone, so that not every call waits for it."""
_LOG = structlog.get_logger()


class SharedTokens:
    """The memory of all hosts, with the one of this host before it."""

    def __init__(self, here: Replays, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._here = here
        self._store = store
        self._clock = clock
        self._open = asyncio.Event()
        self._asked_again = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens the store as soon as it can be had, and sweeps it from time to time."""
        task = asyncio.create_task(self._tend())
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
        if not self._open.is_set() or time.monotonic() < self._asked_again:
            return True
        try:
            return await self._store.use_token(mark(issuer, token_id), round(until))
        except self._store.lost as fault:
            self._asked_again = time.monotonic() + _PAUSE_SECONDS
            _LOG.warning("used tokens not shared", fault=type(fault).__name__)
            return True

    async def _tend(self) -> None:
        while True:
            with suppress(*self._store.lost):
                await self._store.open()
                await self._store.forget_tokens(int(self._clock()))
                self._open.set()
            await asyncio.sleep(_SWEEP_SECONDS if self._open.is_set() else _PAUSE_SECONDS)
