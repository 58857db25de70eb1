"""Long bodies are read and judged in a thread of their own: meanwhile the event loop answers everyone else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TypeVar

from cds_service.decisions.running import Run, at_once

T = TypeVar("T")

_LONG_BYTES = 262_144
"""Shorter ones take some milliseconds at most."""
_MOST_CHARTS = 4
"""Long charts that are held decoded, be it while a FHIR server is asked for what they lack."""

_SHORT: AbstractAsyncContextManager[Run] = nullcontext(at_once)


class LongBodies:
    """One thread: more would not be faster."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "long-bodies")
        self._turns = asyncio.Semaphore(_MOST_CHARTS)

    def turn(self, body: bytes) -> AbstractAsyncContextManager[Run]:
        """How the steps of a request with this body are to be run, as soon as it is its turn."""
        return self._turn() if len(body) > _LONG_BYTES else _SHORT

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Run]:
        async with self._turns:
            yield self._beside

    async def _beside(self, step: Callable[[], T], /) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, step)
