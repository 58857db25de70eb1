"""One queue and one writer a process: what is noted goes into the journal, and from there into the store.

Noting is appending to a list, and so is leaving the work that noting needs to the writer. A batch is written once its
first note is half a second old, or at once when somebody waits for the receipt, which is given when the batch is on the
disk: those that wait together share one wait. The store follows; while it is lost or full, batches stay in the journal.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec
import structlog

from cds_service.errors import SettingsError
from cds_service.record.entries import Batch, Entry, Tally
from cds_service.record.journal import Journal, Place
from cds_service.record.store import Store

T = TypeVar("T")
TallyKey: TypeAlias = tuple[str, str, str, str, str, str]
"""Day, service, client, rule, version, outcome."""

_LINGER = 0.5
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_SECONDS_TO_OPEN, _SECONDS_TO_END = 1.0, 5.0
_MOST_IN_MEMORY = 20_000
_AT_ONCE = 2_000
_WORK_AT_ONCE = 16
_BATCHES_AT_ONCE = 50

_LOG = structlog.get_logger()


class Receipt:
    """What somebody waits for: ``kept`` says whether it is on the disk, ``stored`` comes when others can read it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.kept: asyncio.Future[bool] = loop.create_future()
        self.stored: asyncio.Future[bool] = loop.create_future()


class _Waiting(msgspec.Struct):
    """A batch on its way to the store; ``batch`` is None where only the journal still holds it."""

    number: int
    size: int
    batch: Batch | None
    place: Place | None
    receipts: list[Receipt]


class Writer:
    """The queue and what empties it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "journal")
        self._work: deque[Callable[[], None]] = deque()
        self._entries: list[Entry] = []
        self._tallies: Counter[TallyKey] = Counter()
        self._receipts: list[Receipt] = []
        self._timer: asyncio.TimerHandle | None = None
        self._noted = asyncio.Event()
        self._journaled = asyncio.Event()
        self._waiting: deque[_Waiting] = deque()
        self._number = 0
        self._stored = 0
        self._acknowledged = 0
        self._settled = 0
        self._unwritten = 0
        self._troubled: set[str] = set()
        self.lost = 0
        """Entries that neither the disk nor the store would take, and calls that could not be made entries."""

    @property
    def depth(self) -> int:
        """Entries, and calls not worked off, that are not in the store yet."""
        return len(self._work) + len(self._entries) + self._unwritten + sum(waiting.size for waiting in self._waiting)

    def later(self, work: Callable[[], None]) -> None:
        """Noting and counting that is soon done, several calls' at once: that takes half of the time."""
        self._work.append(work)
        if len(self._work) == _WORK_AT_ONCE:
            asyncio.get_running_loop().call_soon(self._work_off)
        self._soon()

    def count(self, *keys: TallyKey) -> None:
        """One more of each; written down soon."""
        self._tallies.update(keys)
        self._soon()

    def note(self, entry: Entry) -> None:
        """Written down soon."""
        self._entries.append(entry)
        self._soon()

    def submit(self, entries: Iterable[Entry]) -> Receipt:
        """Written down at once."""
        self._entries += entries
        receipt = Receipt()
        self._receipts.append(receipt)
        self._noted.set()
        return receipt

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writes until the end, and then what is left; what cannot be stored by then waits for the next start."""
        self._journal = await self._in_thread(self._begin)
        opened = asyncio.create_task(self._insist(self._store.open))
        await asyncio.wait([opened], timeout=_SECONDS_TO_OPEN)
        tasks = [opened, *(asyncio.create_task(work) for work in (self._write_down(), self._store_all()))]
        for task in tasks:
            task.add_done_callback(_tell_end)
        try:
            yield
        finally:
            # Batches are stored in their order: with this one, all are.
            last = self.submit(())
            await asyncio.wait([last.stored], timeout=_SECONDS_TO_END)
            for task in tasks:
                task.remove_done_callback(_tell_end)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end()

    def _begin(self) -> Journal:
        try:
            return Journal.new(self._folder)
        except OSError as fault:
            refusal = f"CDS_VAR: {self._folder} cannot be written ({fault.strerror}); name another folder, or set"
            raise SettingsError([f"{refusal} CDS_RECORD=off."]) from None

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LINGER, self._noted.set)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _end(self) -> None:
        """A journal that holds nothing any more goes, and its number with it."""
        left = self.depth > 0
        if not left:
            with suppress(*self._store.lost):
                await self._store.forget(self._journal.name)
        self._journal.close(remove=not left)
        self._thread.shutdown(wait=True)

    # Into the journal

    async def _write_down(self) -> None:
        while True:
            await self._noted.wait()
            self._noted.clear()
            batch, receipts = self._taken()
            if batch is None:
                continue
            self._unwritten = len(batch.entries)
            durable = bool(receipts)
            self._acknowledged = batch.number if durable else self._acknowledged
            place = await self._in_thread(lambda: self._append(batch, durable=durable))  # noqa: B023 - awaited here
            self._unwritten = 0
            self._waiting.append(_Waiting(batch.number, len(batch.entries), batch, place, receipts))
            _settle((receipt.kept for receipt in receipts), place is not None)
            self._spare_memory()
            self._journaled.set()

    def _work_off(self) -> None:
        while self._work:
            try:
                self._work.popleft()()
            except Exception as fault:  # one call's; those of others are still to be written
                self.lost += 1
                _LOG.error("call not recorded", fault=type(fault).__name__)

    def _taken(self) -> tuple[Batch | None, list[Receipt]]:
        """Everything noted so far, as one batch."""
        self._work_off()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        tallies = [_tally(key, count) for key, count in self._tallies.items()]
        entries, receipts = (*self._entries, *tallies), self._receipts
        self._entries, self._receipts, self._tallies = [], [], Counter()
        if not entries and not receipts:
            return None, []
        self._number += 1
        return Batch(self._number, entries), receipts

    def _append(self, batch: Batch, *, durable: bool) -> Place | None:
        try:
            place = self._journal.append(batch, durable=durable)
        except OSError as fault:
            self._tell("journal", fault)
            return None
        self._told_well("journal")
        return place

    def _spare_memory(self) -> None:
        """While the store is lost, what the journal holds is not held here as well; what it does not hold is lost."""
        excess = sum(waiting.size for waiting in self._waiting if waiting.batch) - _MOST_IN_MEMORY
        for waiting in list(self._waiting):
            if excess <= 0:
                return
            if waiting.batch is None:
                continue
            excess -= waiting.size
            waiting.batch = None
            if waiting.place is None:
                self.lost += waiting.size
                self._waiting.remove(waiting)

    # Into the store

    async def _store_all(self) -> None:
        await self._adopt()
        while True:
            await self._journaled.wait()
            self._journaled.clear()
            while self._waiting:
                await self._store_next()
            with suppress(OSError):
                await self._in_thread(self._clear)

    def _clear(self) -> None:
        """The journal lets go only of what the store holds as firmly."""
        stored = self._stored
        if self._acknowledged > self._settled:
            self._store.settle()
            self._settled = stored
        self._journal.clear(stored)

    async def _store_next(self) -> None:
        """As many batches in one transaction as are waiting, up to a limit."""
        some = [self._waiting[0]]
        for waiting in list(self._waiting)[1:]:
            if sum(one.size for one in some) + waiting.size > _AT_ONCE:
                break
            some.append(waiting)
        await self._insist(lambda: self._apply(some))
        self._stored = some[-1].number
        for one in some:
            if one in self._waiting:
                self._waiting.remove(one)
            _settle((receipt.stored for receipt in one.receipts), True)

    async def _apply(self, some: list[_Waiting]) -> None:
        batches = await self._in_thread(lambda: [self._whole(one) for one in some])
        await self._store.apply(self._journal.name, batches)

    def _whole(self, waiting: _Waiting) -> Batch:
        batch = waiting.batch
        if batch is None and waiting.place:
            batch = self._journal.read(waiting.place)
        return batch or Batch(waiting.number, ())

    async def _adopt(self) -> None:
        """Stores what ended processes left behind."""
        for journal in await self._in_thread(lambda: list(Journal.left_behind(self._folder))):
            for batches in _some(await self._in_thread(lambda: list(journal.batches()))):  # noqa: B023 - awaited here
                await self._insist(lambda: self._store.apply(journal.name, batches))  # noqa: B023
            await self._insist(lambda: self._store.forget(journal.name))  # noqa: B023
            await self._in_thread(lambda: journal.close(remove=True))  # noqa: B023

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Again and again until it is done."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                await work()
            except self._store.lost as fault:
                self._tell("store", fault)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._told_well("store")
                return

    def _tell(self, where: str, fault: Exception) -> None:
        """Once, until it works again; without the message, which may quote what was written."""
        if where not in self._troubled:
            self._troubled.add(where)
            _LOG.error("record not written", where=where, fault=type(getattr(fault, "orig", None) or fault).__name__)

    def _told_well(self, where: str) -> None:
        if where in self._troubled:
            self._troubled.discard(where)
            _LOG.info("record written again", where=where)


def _tell_end(task: asyncio.Task[None]) -> None:
    """A task of the writer ends before its time only by a fault that was not foreseen."""
    fault = None if task.cancelled() else task.exception()
    if fault:
        _LOG.error("record writer ended", fault=type(fault).__name__)


def _tally(key: TallyKey, count: int) -> Tally:
    day, service, client, rule, version, outcome = key
    return Tally(day=day, service=service, client=client, rule=rule, version=version, outcome=outcome, count=count)


def _settle(futures: Iterable[asyncio.Future[bool]], value: bool) -> None:
    """Those that nobody has given up waiting for."""
    for future in futures:
        if not future.done():
            future.set_result(value)


def _some(batches: list[Batch]) -> list[list[Batch]]:
    return [batches[start : start + _BATCHES_AT_ONCE] for start in range(0, len(batches), _BATCHES_AT_ONCE)]
