"""One queue and one writer a process: what is noted goes into the journal, and from there into the store.

Noting is appending to a list, and so is leaving the work that noting needs to the writer. A batch is written once its
first note is half a second old, or at once when somebody waits for the receipt, which is given when the batch is on the
disk: those that wait together share one wait. The store follows; while it is lost or full, batches stay in the journal.

A fault that nobody foresaw ends nothing: it is told, whoever waits learns that nothing is kept, and after a pause the
writer goes on; until something has been written well again it calls itself failed.
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
from cds_service.record.journal import UNREADABLE, Journal, Place, line_of, set_aside_in
from cds_service.record.store import Store
from cds_service.record.troubles import Troubles

T = TypeVar("T")
TallyKey: TypeAlias = tuple[str, str, str, str, str, str]
"""Day, service, client, rule, version, outcome."""

_JOURNAL, _STORE = "journal", "store"
_LINGER = 0.5
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_SECONDS_TO_OPEN, _SECONDS_TO_END = 1.0, 5.0
_PAUSE_AFTER_FAULT = 1.0
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
        self._troubles = Troubles()
        self.set_aside = 0
        """Lines of journals that could not be read, or that the store refused, and that lie in files of their own."""
        self.lost = 0
        """Entries that neither the disk nor the store would take, and calls that could not be made entries."""

    @property
    def failed(self) -> bool:
        """Whether a fault that was not foreseen holds up the journal or the store."""
        return self._troubles.unforeseen

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
        self.set_aside = await self._in_thread(lambda: len(set_aside_in(self._folder)))
        opened = asyncio.create_task(self._insist(self._store.open))
        await asyncio.wait([opened], timeout=_SECONDS_TO_OPEN)
        if opened.done() and isinstance(refusal := opened.exception(), SettingsError):
            self._journal.close(remove=True)
            raise refusal
        works = {_JOURNAL: self._write_down, _STORE: self._store_all}
        tasks = [opened, *(asyncio.create_task(self._unending(where, work)) for where, work in works.items())]
        try:
            yield
        finally:
            # Batches are stored in their order: with this one, all are.
            last = self.submit(())
            await asyncio.wait([last.stored], timeout=_SECONDS_TO_END)
            for task in tasks:
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
            if batch is not None:
                await self._keep(batch, receipts)

    async def _keep(self, batch: Batch, receipts: list[Receipt]) -> None:
        self._unwritten = len(batch.entries)
        durable = bool(receipts)
        self._acknowledged = batch.number if durable else self._acknowledged
        place = None
        try:
            place = await self._in_thread(lambda: self._append(batch, durable=durable))
        finally:
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
            self._troubles.hold_up(_JOURNAL, fault)
            return None
        except Exception as fault:  # the store may take it all the same
            self._troubles.fail(_JOURNAL, fault)
            return None
        self._troubles.end(_JOURNAL)
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
        await self._insist(self._store.open)
        await self._adopt()
        while True:
            while self._waiting:
                await self._store_next()
            with suppress(OSError):
                await self._in_thread(self._clear)
            await self._journaled.wait()
            self._journaled.clear()

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
            batch = self._read(waiting.place)
        return batch or Batch(waiting.number, ())

    def _read(self, place: Place) -> Batch | None:
        try:
            return self._journal.read(place)
        except UNREADABLE:
            self._tell_aside(self._journal, 1)
            return None

    async def _adopt(self) -> None:
        """Stores what ended processes left behind."""
        journals = await self._in_thread(lambda: list(Journal.left_behind(self._folder)))
        try:
            for journal in journals:
                await self._take_over(journal)
        finally:
            for journal in journals:
                journal.close(remove=False)

    async def _take_over(self, journal: Journal) -> None:
        """All that can be read and stored; the other lines are set aside before the journal goes."""
        try:
            aside = await self._in_thread(lambda: list(journal.unreadable()))
            for batches in _some(await self._in_thread(lambda: list(journal.batches()))):
                aside += await self._refused(journal, batches)
            if aside:
                await self._in_thread(lambda: journal.set_aside(*aside))
                self._tell_aside(journal, len(aside))
        except OSError as fault:  # its disk; the next start tries again
            self._troubles.hold_up("journal left behind", fault)
            return
        await self._insist(lambda: self._store.forget(journal.name))
        await self._in_thread(lambda: journal.close(remove=True))

    async def _refused(self, journal: Journal, batches: list[Batch]) -> list[bytes]:
        """Stores batches, and gives the lines of those for whose own sake the store takes none."""
        try:
            await self._insist(lambda: self._store.apply(journal.name, batches))
        except Exception:
            if len(batches) == 1:
                return [line_of(batches[0])]
            half = len(batches) // 2
            first = await self._refused(journal, batches[:half])
            return first + await self._refused(journal, batches[half:])
        return []

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Again and again until it is done, as long as it is the database that fails and not what it is given."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                await work()
            except self._store.lost as fault:
                if self._store.refuses(fault):
                    raise
                self._troubles.hold_up(_STORE, fault)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._troubles.end(_STORE)
                return

    # What is told

    async def _unending(self, where: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception as fault:  # without the writer nothing would be recorded, and nobody would know
                self._troubles.fail(where, fault)
                if where == _JOURNAL:
                    self._give_up()
                await asyncio.sleep(_PAUSE_AFTER_FAULT)

    def _give_up(self) -> None:
        """Whoever waits learns that nothing is kept; what could not be made a batch is counted as lost."""
        self.lost += len(self._entries) + len(self._tallies)
        receipts, self._entries, self._receipts, self._tallies = self._receipts, [], [], Counter()
        _settle((receipt.kept for receipt in receipts), False)
        self._timer = None

    def _tell_aside(self, journal: Journal, lines: int) -> None:
        self.set_aside += lines
        _LOG.error("record lines set aside", journal=journal.name, lines=lines)


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
