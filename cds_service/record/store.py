"""The database: SQLite or PostgreSQL through one set of SQLAlchemy statements.

Everything but :meth:`Store.before` belongs to the one writer of the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from cds_service.record import recall
from cds_service.record.engines import READ_SECONDS, postgresql_engine, sqlite_engine
from cds_service.record.entries import Answer, Batch, Entry, Past, ShownCard, Tally, Withdrawn
from cds_service.record.tables import (
    ANSWERED,
    ANSWERS,
    JOURNALS,
    SHOWN,
    SHOWN_FINDINGS,
    SILENT,
    TALLIES,
    migrate,
)

_AT_ONCE = 400
"""Values in one IN list: what every build of SQLite takes."""
_SHOWN = SHOWN_FINDINGS.c


class Store:
    """An open database."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url)
        on_file = url.get_backend_name() == "sqlite"
        self._insert: Any = sqlite.insert if on_file else postgresql.insert
        self.engine = sqlite_engine(url) if on_file else postgresql_engine(url)
        self._reader = recall.FileReader(Path(url.database or "")) if on_file else None
        self._ready = False

    async def close(self) -> None:
        if self._reader:
            self._reader.close()
        await self.engine.dispose()

    async def open(self) -> None:
        """Brings the tables up to date, if that was not done yet."""
        if not self._ready:
            async with self.engine.begin() as connection:
                await connection.run_sync(migrate)
            self._ready = True

    async def apply(self, journal: str, batches: Sequence[Batch]) -> None:
        """Stores the batches of a journal in one transaction; those that were stored before are passed over."""
        await self.open()
        async with self.engine.begin() as connection:
            applied = await connection.scalar(select(JOURNALS.c.applied).where(JOURNALS.c.name == journal)) or 0
            fresh = [batch for batch in batches if batch.number > applied]
            if fresh:
                await self._write(connection, [entry for batch in fresh for entry in batch.entries])
                row = self._insert(JOURNALS).values(name=journal, applied=fresh[-1].number)
                changed = {"applied": row.excluded.applied}
                await connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=changed))

    async def forget(self, journal: str) -> None:
        """A journal that is gone needs no number."""
        async with self.engine.begin() as connection:
            await connection.execute(delete(JOURNALS).where(JOURNALS.c.name == journal))

    async def prune(self, before: int, day: str) -> int:
        """Deletes what is older than an instant in milliseconds, and than its day; the number of rows."""
        await self.open()
        async with self.engine.begin() as connection:
            done = [
                await connection.execute(statement)
                for statement in (
                    delete(SHOWN_FINDINGS).where(_SHOWN.at < before),
                    delete(ANSWERS).where(ANSWERS.c.received < before),
                    delete(TALLIES).where(TALLIES.c.day < day),
                )
            ]
        return sum(result.rowcount for result in done)

    async def before(self, patient: str, rules: Iterable[str]) -> list[Past]:
        """What was shown of these rules for a patient, and answered; an error of the database or TimeoutError."""
        async with asyncio.timeout(READ_SECONDS):
            if self._reader:
                return await self._reader.read(patient, rules)
            return await recall.read(self.engine, patient, rules)

    async def _write(self, connection: AsyncConnection, entries: list[Entry]) -> None:
        cards = [entry for entry in entries if isinstance(entry, ShownCard)]
        answers = [entry for entry in entries if isinstance(entry, Answer)]
        await self._add(connection, SHOWN_FINDINGS, [row for card in cards for row in _rows(card)])
        await self._add(connection, ANSWERS, [msgspec.structs.asdict(answer) for answer in answers])
        await _mark_answered(connection, sorted({card.card for card in cards} | {answer.card for answer in answers}))
        await _withdraw(connection, [entry for entry in entries if isinstance(entry, Withdrawn)])
        await self._count(connection, [entry for entry in entries if isinstance(entry, Tally)])

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


async def _mark_answered(connection: AsyncConnection, cards: list[str]) -> None:
    """Cards and answers may come in either order and by way of two processes."""
    for start in range(0, len(cards), _AT_ONCE):
        some = cards[start : start + _AT_ONCE]
        answered = select(ANSWERS.c.card).where(ANSWERS.c.card.in_(some))
        known = update(SHOWN_FINDINGS).where(_SHOWN.card.in_(answered), _SHOWN.state == SHOWN)
        await connection.execute(known.values(state=ANSWERED))


async def _withdraw(connection: AsyncConnection, entries: list[Withdrawn]) -> None:
    """Few of these patients have anything on record, so those are looked for first."""
    by_patient = {entry.patient: entry for entry in entries}
    patients = sorted(by_patient)
    for start in range(0, len(patients), _AT_ONCE):
        some = patients[start : start + _AT_ONCE]
        known = await connection.scalars(select(_SHOWN.patient).where(_SHOWN.patient.in_(some)).distinct())
        for patient in known:
            entry = by_patient[patient]
            gone = _SHOWN.patient == patient, _SHOWN.rule.in_(entry.rules), _SHOWN.at < entry.at
            await connection.execute(update(SHOWN_FINDINGS).where(*gone).values(withdrawn=1))


def _rows(card: ShownCard) -> list[dict[str, Any]]:
    shared = {
        "card": card.card,
        "state": SHOWN if card.shown else SILENT,
        "at": card.at,
        "service": card.service,
        "hook": card.hook,
        "client": card.client,
        "card_indicator": card.indicator,
        "patient": card.patient,
        "user": card.user,
        "encounter": card.encounter,
    }
    return [
        {**shared, "place": place, **msgspec.structs.asdict(finding), "classes": " ".join(finding.classes)}
        for place, finding in enumerate(card.findings)
    ]
