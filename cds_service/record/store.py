"""The database: SQLite or PostgreSQL through one set of SQLAlchemy statements.

Everything but :meth:`Store.before` belongs to the one writer of the process.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Select, delete, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError, TimeoutError as PoolTimeout

from cds_service.errors import SettingsError
from cds_service.record import disk, recall
from cds_service.record.driver import Execute
from cds_service.record.engines import CONNECTIONS, READ_SECONDS, postgresql_engine, sqlite_engine, writing_driver
from cds_service.record.entries import Batch, CardAnswer, Entry, Part, ShownBefore, ShownCard, Tally, Withdrawn
from cds_service.record.reachable import Reachable
from cds_service.record.retention import Pruned, prune
from cds_service.record.statements import Statements
from cds_service.record.tables import (
    JOURNALS,
    SHOWN,
    SILENT,
    TALLIES,
    TOKENS,
    require,
    too_old,
    version_of,
)

T = TypeVar("T")
_OF_VALUES = ("22", "23")
"""The classes of SQLSTATE for values that do not fit a column, and for those that break a constraint."""
_NOT_PERMITTED = "42501"
_APPLY_SECONDS = 30.0
_CLOSE_SECONDS = 2.0
_ENCODER = msgspec.json.Encoder()


class Store:
    """An open database."""

    def __init__(self, database_url: str) -> None:
        self.url = url = make_url(database_url)
        on_file = url.get_backend_name() == "sqlite"
        self._statements = Statements(on_file=on_file)
        self.engine = sqlite_engine(url) if on_file else postgresql_engine(url)
        # One statement needs no transaction, which would be two more ways to the server and back.
        self._by_itself = self.engine if on_file else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._file = Path(url.database or "") if on_file else None
        self._reader = recall.FileReader(self._file) if self._file else None
        self._driver = writing_driver(self._file) if self._file else None
        self._thread = ThreadPoolExecutor(1, "store") if self._file else None
        self._ready = False
        self._applied: dict[str, int] = {}
        """How far each journal is stored, as long as no transaction has left that in doubt."""
        self.lost = _lost(on_file=on_file)
        """What is raised when the database cannot be had, or is full."""
        self._reachable = Reachable(self._probe, self.lost)

    def refuses(self, fault: Exception) -> bool:
        """Whether it is what was to be stored that the database does not take, and not the database that is lost."""
        told = cause_of(fault)
        kind = getattr(told, "sqlstate", None) or ""
        return isinstance(told, (sqlite3.IntegrityError, sqlite3.DataError)) or kind[:2] in _OF_VALUES

    async def close(self) -> None:
        if self._reader and self._driver and self._thread:
            self._reader.close()
            await asyncio.to_thread(self._thread.shutdown)
            self._driver.close()
        await self._reachable.close()
        # One that hangs would not see its connections closed.
        with suppress(TimeoutError):
            await asyncio.wait_for(self.engine.dispose(), _CLOSE_SECONDS)

    def settle(self) -> None:
        """Waits until what was stored is on the disk; SQLite's log is there only after its next checkpoint."""
        log = Path(f"{self._file}-wal")
        if self._file and log.exists():
            descriptor = os.open(log, os.O_RDONLY)
            try:
                disk.sync(descriptor)
            finally:
                os.close(descriptor)

    async def open(self) -> None:
        """Brings the tables up to date, if that was not done yet; SettingsError where it may not or cannot be done."""
        if not self._ready:
            try:
                await self.run(require)
            except ProgrammingError as fault:
                if getattr(fault.orig, "sqlstate", None) != _NOT_PERMITTED:
                    raise
                raise SettingsError([too_old(await self.schema())]) from None
            self._ready = True

    async def schema(self) -> int:
        """The version of the tables."""
        return await self.run(version_of)

    async def run(self, work: Callable[..., T], *given: Any, **named: Any) -> T:
        """Something that is done in one transaction; its first argument is the connection."""
        async with self.engine.begin() as connection:
            return await connection.run_sync(work, *given, **named)

    async def apply(self, journal: str, batches: Sequence[Batch]) -> None:
        """Stores the batches of a journal in one transaction; those that were stored before are passed over."""
        await self.open()
        applied = self._applied.pop(journal, None)
        self._applied[journal] = await self._in_transaction(
            lambda execute: self._apply(execute, journal, batches, applied)
        )

    async def forget(self, journal: str) -> None:
        """A journal that is gone needs no number."""
        self._applied.pop(journal, None)
        async with self.engine.begin() as connection:
            await connection.execute(delete(JOURNALS).where(JOURNALS.c.name == journal))

    async def prune(self, now: dt.datetime, keep: dt.timedelta, *, said: bool = False) -> Pruned:
        """Deletes what is older than the retention, if the clock can be believed or somebody vouches for it."""
        await self.open()
        return await self.run(prune, now, keep, said=said)

    async def before(self, patient: str, parts: Iterable[Part], since: int) -> list[ShownBefore]:
        """What was shown and answered for a patient; one of ``lost`` if it cannot be had in time."""
        if self._reader:
            return self._reader.read(patient, parts, since)
        return await self.in_time(recall.read(self.engine, patient, parts, since), READ_SECONDS)

    @property
    def hangs(self) -> bool:
        """Whether nothing is asked of it in time, as it said nothing when it was last asked."""
        return self._reachable.hangs

    async def in_time(self, work: Coroutine[Any, Any, T], seconds: float, began: float | None = None) -> T:
        """What a call asks of it; one of ``lost`` where that cannot be had in time."""
        return await self._reachable.ask(work, seconds, began)

    async def rows(self, statement: Select[Any]) -> list[Any]:
        """What is on record; read beside the writer, who waits for none of it; one of ``lost`` where it cannot be."""
        if self._file:
            return await asyncio.to_thread(recall.rows_of_file, self._file, statement)
        async with self.engine.connect() as connection:
            return list((await connection.execute(statement)).all())

    async def use_token(self, mark: str, until: int) -> bool:
        """Whether nobody who shares this database used it before; one of ``lost`` if that cannot be told."""
        used = {"mark": mark, "until": until}
        async with self._by_itself.begin() as connection:
            return await connection.scalar(self._statements.use_token, used) is not None

    async def _probe(self) -> None:
        """By each connection of the pool, which hands them out in turn: one that hangs must not wait for a call."""
        for _ in range(CONNECTIONS):
            async with self._by_itself.connect() as connection:
                await connection.execute(select(1))

    async def forget_tokens(self, now: int) -> None:
        """Those that would be refused for their age."""
        async with self.engine.begin() as connection:
            await connection.execute(delete(TOKENS).where(TOKENS.c.until <= now))

    async def _in_transaction(self, work: Callable[[Execute], T]) -> T:
        """A file is written in a thread and past SQLAlchemy's layers: rows then cost a fraction."""
        if self._thread and self._driver:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._driver.transact, work)
        async with asyncio.timeout(_APPLY_SECONDS), self.engine.begin() as connection:
            return await connection.run_sync(lambda begun: work(begun.execute))

    def _apply(self, execute: Execute, journal: str, batches: Sequence[Batch], applied: int | None) -> int:
        """How far the journal is stored now."""
        if self._statements.take_turns is not None:
            execute(self._statements.take_turns, {})
        if applied is None:
            stored = execute(self._statements.applied, {"name": journal}).fetchone()
            applied = stored[0] if stored else 0
        fresh = [batch for batch in batches if batch.number > applied]
        if not fresh:
            return applied
        self._write(execute, [entry for batch in fresh for entry in batch.entries])
        execute(self._statements.put_journal, {"name": journal, "applied": fresh[-1].number})
        return fresh[-1].number

    def _write(self, execute: Execute, entries: list[Entry]) -> None:
        known = self._statements
        kinds: dict[type, list[Any]] = {}
        for entry in entries:
            kinds.setdefault(type(entry), []).append(entry)
        cards, answers = kinds.get(ShownCard, []), kinds.get(CardAnswer, [])
        if cards:
            execute(known.add_cards, [_row(card) for card in cards])
        if answers:
            execute(known.add_answers, [msgspec.structs.asdict(answer) for answer in answers])
        if cards or answers:
            # They may come in either order and by way of two processes.
            execute(known.mark_answered, known.listing({entry.card for entry in (*cards, *answers)}))
        self._withdraw(execute, kinds.get(Withdrawn, []))
        self._count(execute, kinds.get(Tally, []))

    def _withdraw(self, execute: Execute, entries: list[Withdrawn]) -> None:
        """Of few of these patients anything was shown before, so those are looked for first."""
        if not entries:
            return
        gone = {(entry.patient, rule): entry.at for entry in entries for rule in entry.rules}
        patients = self._statements.listing({entry.patient for entry in entries})
        found = execute(self._statements.shown_of, patients | {"before": min(entry.at for entry in entries)})
        shown = {(patient, finding.rule) for patient, told in found for finding in recall.read_findings(told)}
        rows = [{"patient": key[0], "rule": key[1], "at": gone[key]} for key in sorted(shown & gone.keys())]
        if rows:
            execute(self._statements.put_withdrawals, rows)

    def _count(self, execute: Execute, tallies: list[Tally]) -> None:
        """In one order everywhere: two processes that took the same rows crosswise would wait for each other."""
        if tallies:
            keys = [column.name for column in TALLIES.primary_key]
            values = sorted((msgspec.structs.asdict(tally) for tally in tallies), key=itemgetter(*keys))
            execute(self._statements.count, values)


def _lost(*, on_file: bool) -> tuple[type[Exception], ...]:
    """SQLAlchemy hands on what asyncpg raises while it connects."""
    if on_file:
        return SQLAlchemyError, sqlite3.Error, OSError, TimeoutError
    import asyncpg  # type: ignore[import-untyped]  # has no type information

    return SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError


def cause_of(fault: BaseException) -> BaseException:
    """What the driver raised, where the library wraps it."""
    return getattr(fault, "orig", None) or fault


def all_in_use(fault: Exception) -> bool:
    """Whether PostgreSQL is there and has no connection left, nor this process (SQLSTATE 53300)."""
    return getattr(cause_of(fault), "sqlstate", None) == "53300" or isinstance(fault, PoolTimeout)


def _row(card: ShownCard) -> dict[str, Any]:
    state = SHOWN if card.shown else SILENT
    return {**msgspec.structs.asdict(card), "state": state, "findings": _ENCODER.encode(card.findings).decode()}
