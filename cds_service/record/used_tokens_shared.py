"""Which tokens were used, known to every host that shares a database.

This host's own memory is asked first, then the database. One that is busy is waited for, one that hangs only by the
first calls; where it cannot be asked in time nobody knows whether another host saw the token, and the site has chosen
what becomes of the call. One that is admitted so is refused here when it comes again, and told to the database once
that is back.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal, TypeAlias

import structlog

from cds_service.errors import NotReady, SettingsError
from cds_service.record.store import Store, all_in_use
from cds_service.record.used_tokens_file import mark
from cds_service.trust.tokens import Replays

_SWEEP_SECONDS = 300.0
_PAUSE_SECONDS = 1.0
"""How long a lost database is left alone, so that not every call waits for it."""
_ANSWER_SECONDS = 1.0
"""How long a call waits for the database, which answers late while it is busy."""
_AGAIN_SECONDS = 0.05
_TENDING_SECONDS = 60.0
_AT_ONCE = 7
"""One fewer than the pool has connections, so that a crowd does not keep the database from being tended."""
_MOST_UNTOLD = 100_000
_LOG = structlog.get_logger()

Told: TypeAlias = Callable[[Literal["admitted", "refused"]], None]
"""Is told what became of a call for which the other hosts could not be asked."""


class UsedTokensShared:
    """The memory of all hosts, with the one of this host before it."""

    def __init__(
        self,
        here: Replays,
        store: Store,
        clock: Callable[[], float] = time.time,
        *,
        admit: bool = False,
        told: Told = lambda _: None,
    ) -> None:
        self._here = here
        self._store = store
        self._clock = clock
        self._admit = admit
        self._told = told
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._untold: list[tuple[str, int]] = []
        self._open = asyncio.Event()
        self._tried = asyncio.Event()
        self._serving = False
        self._refusal: SettingsError | None = None
        self._asked_again = 0.0
        self._swept = float("-inf")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens the store as soon as it can be had, and sweeps it from time to time.

        SettingsError where its tables are not those of this program.
        """
        task = asyncio.create_task(self._tend())
        task.add_done_callback(_tell_end)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._tried.wait(), _PAUSE_SECONDS)
            if self._refusal:
                raise self._refusal
            self._serving = True
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._store.close()

    async def first_use(self, signer: str, token_id: str, until: float) -> bool:
        """As :class:`Replays` says; NotReady where that cannot be told and nobody is to be admitted unasked."""
        if not await self._here.first_use(signer, token_id, until):
            return False
        used = mark(signer, token_id), round(until)
        first = await self._asked(used) if self._may_ask() else None
        return self._unasked(used) if first is None else first

    def _may_ask(self) -> bool:
        return self._open.is_set() and not self._store.hangs and time.monotonic() >= self._asked_again

    async def _asked(self, used: tuple[str, int]) -> bool | None:
        """Whether the token is used for the first time; None where that could not be told in time."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            return None
        try:
            return await self._asked_in_time(used, began) if self._may_ask() else None
        finally:
            self._slots.release()

    async def _asked_in_time(self, used: tuple[str, int], began: float) -> bool | None:
        try:
            return await self._store.in_time(self._answer(used), _ANSWER_SECONDS, began)
        except self._store.lost as fault:
            # One that is only busy is asked again by the next call.
            if not isinstance(fault, TimeoutError) or self._store.hangs:
                self._asked_again = time.monotonic() + _PAUSE_SECONDS
                _LOG.warning("used tokens not shared", fault=type(fault).__name__)
            return None

    async def _answer(self, used: tuple[str, int]) -> bool:
        """Asks again where a restart of the database had left the connection dead, or where all of them are in use."""
        for tried in itertools.count():
            try:
                first = await self._store.use_token(*used)
                break
            except self._store.lost as fault:
                # What was not answered in time may have been done: asked again, the token would seem used.
                if isinstance(fault, TimeoutError) or (tried and not all_in_use(fault)):
                    raise
            await asyncio.sleep(_AGAIN_SECONDS if tried else 0)
        return first

    def _unasked(self, used: tuple[str, int]) -> bool:
        if not self._admit:
            self._told("refused")
            _LOG.info("call refused", reason="used tokens could not be asked for")
            raise NotReady
        self._told("admitted")
        if len(self._untold) < _MOST_UNTOLD:
            self._untold.append(used)
        return True

    async def _tend(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_TENDING_SECONDS):
                    await self._tend_once()
                self._refusal = None
            except SettingsError as fault:
                self._tell_refusal(fault)
            except self._store.lost:
                pass
            self._tried.set()
            await asyncio.sleep(_PAUSE_SECONDS)

    def _tell_refusal(self, fault: SettingsError) -> None:
        """Once: whoever starts the service is told by its end, and where it comes to light later, by the log."""
        if self._serving and self._refusal is None:
            _LOG.error("used tokens not shared", reason=str(fault))
        self._refusal = fault

    async def _tend_once(self) -> None:
        await self._store.open()
        if time.monotonic() - self._swept >= _SWEEP_SECONDS:
            await self._store.forget_tokens(int(self._clock()))
            self._swept = time.monotonic()
        self._open.set()
        await self._tell_all()

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
