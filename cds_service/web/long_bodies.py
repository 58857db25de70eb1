"""Long bodies are read and judged in a thread of their own: meanwhile the event loop answers everyone else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cds_service.decisions.running import Run, at_once

T = TypeVar("T")

_LONG_BYTES = 262_144
"""Shorter ones take some milliseconds at most."""


class LongBodies:
    """One thread: more would not be faster, and hold more charts at a time."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "long-bodies")

    def run_for(self, body: bytes) -> Run:
        """How the steps of a request with this body are to be run."""
        return self._beside if len(body) > _LONG_BYTES else at_once

    async def _beside(self, step: Callable[[], T], /) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, step)
