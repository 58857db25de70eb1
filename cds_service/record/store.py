"""The database: SQLite or PostgreSQL through one set of SQLAlchemy statements.

Everything but :meth:`Store.before` belongs to the one writer of the process.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Text, any_, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from cds_service.record import recall
from cds_service.record.engines import READ_SECONDS, postgresql_engine, sqlite_engine
from cds_service.record.entries import Answer, Batch, Entry, Fingerprint, Part, Past, ShownCard, Tally, Withdrawn
from cds_service.record.tables import (
    ANSWERED,
    ANSWERS,
    CARDS,
    JOURNALS,
    SHOWN,
    SILENT,
    TALLIES,
    TOKENS,
    WITHDRAWALS,
    migrate,
)

_CARD = CARDS.c
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(tuple[Fingerprint, ...])


class Store:
    """An open database."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url)
        on_file = url.get_backend_name() == "sqlite"
        self._insert: Any = sqlite.insert if on_file else postgresql.insert
        self.engine = sqlite_engine(url) if on_file else postgresql_engine(url)
        # One statement needs no transaction, which would be two more ways to the server and back.
        self._by_itself = self.engine if on_file else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._file = Path(url.database or "") if on_file else None
        self._reader = recall.FileReader(self._file) if self._file else None
        self._ready = False
        self._applied: dict[str, int] = {}
        """How far each journal is stored, as long as no transaction has left that in doubt."""
        self.lost = _lost(on_file=on_file)
        """What is raised when the database cannot be had, or is full."""

    async def close(self) -> None:
        if self._reader:
            self._reader.close()
        await self.engine.dispose()

    def settle(self) -> None:
        """Waits until what was stored is on the disk; SQLite's log is there only after its next checkpoint."""
        log = Path(f"{self._file}-wal")
        if self._file and log.exists():
            descriptor = os.open(log, os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    async def open(self) -> None:
        """Brings the tables up to date, if that was not done yet."""
        if not self._ready:
            async with self.engine.begin() as connection:
                await connection.run_sync(migrate)
            self._ready = True

    async def apply(self, journal: str, batches: Sequence[Batch]) -> None:
        """Stores the batches of a journal in one transaction; those that were stored before are passed over."""
        await self.open()
        applied = self._applied.pop(journal, None)
        async with self.engine.begin() as connection:
            if applied is None:
                applied = await connection.scalar(select(JOURNALS.c.applied).where(JOURNALS.c.name == journal)) or 0
            fresh = [batch for batch in batches if batch.number > applied]
            if fresh:
                applied = fresh[-1].number
                await self._write(connection, [entry for batch in fresh for entry in batch.entries])
                await self._put(connection, JOURNALS, [{"name": journal, "applied": applied}])
        self._applied[journal] = applied

    async def forget(self, journal: str) -> None:
        """A journal that is gone needs no number."""
        self._applied.pop(journal, None)
        async with self.engine.begin() as connection:
            await connection.execute(delete(JOURNALS).where(JOURNALS.c.name == journal))

    async def prune(self, oldest: dt.datetime) -> int:
        """Deletes what is older than this instant, and counts of days before its day; the number of rows."""
        await self.open()
        before = int(oldest.timestamp() * 1000)
        async with self.engine.begin() as connection:
            done = [
                await connection.execute(statement)
                for statement in (
                    delete(CARDS).where(_CARD.at < before),
                    delete(WITHDRAWALS).where(WITHDRAWALS.c.at < before),
                    delete(ANSWERS).where(ANSWERS.c.received < before),
                    delete(TALLIES).where(TALLIES.c.day < oldest.date().isoformat()),
                )
            ]
        return sum(result.rowcount for result in done)

    async def before(self, patient: str, parts: Iterable[Part], since: int) -> list[Past]:
        """What was shown and answered for a patient; one of ``lost`` if it cannot be had in time."""
        if self._reader:
            return self._reader.read(patient, parts, since)
        async with asyncio.timeout(READ_SECONDS):
            return await recall.read(self.engine, patient, parts, since)

    async def use_token(self, mark: str, until: int) -> bool:
        """Whether nobody who shares this database used it before; one of ``lost`` if that cannot be told in time."""
        used = self._insert(TOKENS).values(mark=mark, until=until).on_conflict_do_nothing().returning(TOKENS.c.mark)
        async with asyncio.timeout(READ_SECONDS), self._by_itself.begin() as connection:
            return await connection.scalar(used) is not None

    async def forget_tokens(self, now: int) -> None:
        """Those that would be refused for their age."""
        async with self.engine.begin() as connection:
            await connection.execute(delete(TOKENS).where(TOKENS.c.until <= now))

    async def _write(self, connection: AsyncConnection, entries: list[Entry]) -> None:
        cards = [entry for entry in entries if isinstance(entry, ShownCard)]
        answers = [entry for entry in entries if isinstance(entry, Answer)]
        await self._add(connection, CARDS, [_row(card) for card in cards])
        await self._add(connection, ANSWERS, [msgspec.structs.asdict(answer) for answer in answers])
        await self._mark_answered(connection, {card.card for card in cards} | {answer.card for answer in answers})
        await self._withdraw(connection, [entry for entry in entries if isinstance(entry, Withdrawn)])
        await self._count(connection, [entry for entry in entries if isinstance(entry, Tally)])

    async def _mark_answered(self, connection: AsyncConnection, cards: Collection[str]) -> None:
        """Cards and answers may come in either order and by way of two processes."""
        if cards:
            answered = select(ANSWERS.c.card).where(self._among(ANSWERS.c.card, cards))
            known = update(CARDS).where(_CARD.card.in_(answered), _CARD.state == SHOWN)
            await connection.execute(known.values(state=ANSWERED))

    async def _withdraw(self, connection: AsyncConnection, entries: list[Withdrawn]) -> None:
        """Of few of these patients anything was answered, so those are looked for first."""
        if not entries:
            return
        gone = {(entry.patient, rule): entry.at for entry in entries for rule in entry.rules}
        of_some = self._among(_CARD.patient, {entry.patient for entry in entries}), _CARD.state == ANSWERED
        found = await connection.execute(select(_CARD.patient, _CARD.findings).where(*of_some))
        answered = {(patient, finding.rule) for patient, told in found for finding in _DECODER.decode(told)}
        rows = [{"patient": key[0], "rule": key[1], "at": gone[key]} for key in sorted(answered & gone.keys())]
        await self._put(connection, WITHDRAWALS, rows)

    def _among(self, column: ColumnElement[str], values: Collection[str]) -> ColumnElement[bool]:
        """Membership in a long list that is one parameter: a list of parameters would be written out each time."""
        if self._file is None:
            return column == any_(literal(sorted(values), ARRAY(Text)))
        listed = func.json_each(_ENCODER.encode(sorted(values)).decode()).table_valued("value")
        return column.in_(select(listed.c.value))

    async def _put(self, connection: AsyncConnection, table: Any, rows: list[dict[str, Any]]) -> None:
        """Adds rows, or puts them in place of those with the same key."""
        if rows:
            row = self._insert(table)
            keys = [column.name for column in table.primary_key]
            changed = {name: row.excluded[name] for name in rows[0] if name not in keys}
            await connection.execute(row.on_conflict_do_update(index_elements=keys, set_=changed), rows)

    async def _add(self, connection: AsyncConnection, table: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            await connection.execute(self._insert(table).on_conflict_do_nothing(), rows)

    async def _count(self, connection: AsyncConnection, tallies: list[Tally]) -> None:
        if not tallies:
            return
        row = self._insert(TALLIES)
        keys = [column.name for column in TALLIES.primary_key]
        added = row.on_conflict_do_update(index_elements=keys, set_={"count": TALLIES.c.count + row.excluded["count"]})
        # In one order everywhere: two processes that took the same rows crosswise would wait for each other.
        values = sorted((msgspec.structs.asdict(tally) for tally in tallies), key=lambda v: [v[key] for key in keys])
        await connection.execute(added, values)


def _lost(*, on_file: bool) -> tuple[type[Exception], ...]:
    """SQLAlchemy hands on what asyncpg raises while it connects."""
    if on_file:
        return SQLAlchemyError, sqlite3.Error, OSError, TimeoutError
    import asyncpg  # type: ignore[import-untyped]  # has no type information

    return SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError


def _row(card: ShownCard) -> dict[str, Any]:
    state = SHOWN if card.shown else SILENT
    return {**msgspec.structs.asdict(card), "state": state, "findings": _ENCODER.encode(card.findings).decode()}
