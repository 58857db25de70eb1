"""What a patient's memory is asked: the cards that were shown, and what became of them.

This read is on a request's path. From a SQLite file it goes past SQLAlchemy's layers, by the same statements: a tenth
of the time, and less than the way to a thread and back. However often a card was shown, few rows are read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import structlog
from sqlalchemy import BindParameter, Case, Select, bindparam, case, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from cds_service.record.driver import Driver
from cds_service.record.entries import Fingerprint, Part, ShownBefore
from cds_service.record.tables import ANSWERED, ANSWERS, CARDS, SHOWN, WITHDRAWALS

_CARD = CARDS.c
_COLUMNS = [_CARD[name] for name in ("card", "at", "hook", "indicator", "user", "encounter", "findings")]
_PATIENT: BindParameter[str] = bindparam("patient")
_SINCE: BindParameter[int] = bindparam("since")
Rows: TypeAlias = dict[Part, Sequence[Any]]
_DECODER = msgspec.json.Decoder(tuple[Fingerprint, ...])
_LOG = structlog.get_logger()


def _newest(state: int, most: int) -> Select[Any]:
    of_patient = select(*_COLUMNS).where(_CARD.patient == _PATIENT, _CARD.state == state)
    return of_patient.order_by(_CARD.at.desc()).limit(most)


def _answered(most: int) -> Select[Any]:
    """The newest of the answered cards, each with the answer that counts: the one given last."""
    cards = _newest(ANSWERED, most).add_columns(_CARD.client).subquery()
    answer = [ANSWERS.c[name] for name in ("outcome", "reason", "at", "received", "accepted")]
    given = answered_at(), ANSWERS.c.received, ANSWERS.c.at
    place = func.row_number().over(partition_by=cards.c.card, order_by=[time.desc() for time in given])
    same = (ANSWERS.c.card == cards.c.card) & (ANSWERS.c.client == cards.c.client)
    told = [*(column for column in cards.c if column.name != "client"), *answer]
    ranked = select(*(column.label(f"told_{n}") for n, column in enumerate(told)), place.label("place"))
    joined = ranked.join(ANSWERS, same).subquery()
    return select(*(column for column in joined.c if column.name != "place")).where(joined.c.place == 1)


def answered_at() -> Case[int]:
    """When a card was answered: as the client says, but not later than that was received."""
    return case((ANSWERS.c.at < ANSWERS.c.received, ANSWERS.c.at), else_=ANSWERS.c.received)


_LATELY = _newest(SHOWN, 200).subquery()
_STATEMENTS: Mapping[Part, Select[Any]] = {
    "answered": _answered(100),
    "recent": _newest(SHOWN, 12).where(_CARD.at >= _SINCE),
    "information": select(_LATELY).where(_LATELY.c.indicator == "info").order_by(_LATELY.c.at.desc()).limit(12),
    "withdrawals": select(WITHDRAWALS.c.rule, WITHDRAWALS.c.at).where(WITHDRAWALS.c.patient == _PATIENT),
}


async def read(engine: AsyncEngine, patient: str, parts: Iterable[Part], since: int) -> list[ShownBefore]:
    """The parts of a patient's past that are asked for, from any database; ``since`` is where recent begins."""
    values = {"patient": patient, "since": since}
    rows: Rows = {}
    async with engine.connect() as connection:
        for part in _needed(parts, rows):
            rows[part] = (await connection.execute(_STATEMENTS[part], values)).all()
    return _told(rows)


def reading_driver(path: Path) -> Driver:
    """A reader of a write-ahead log waits for no writer, and no writer for it."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    return Driver(lambda: sqlite3.connect(address, uri=True, timeout=0))


def rows_of_file(path: Path, statement: Select[Any]) -> list[Any]:
    """For a thread: what takes long."""
    driver = reading_driver(path)
    try:
        return driver.execute(statement, {}).fetchall()
    finally:
        driver.close()


class FileReader:
    """Reads a SQLite file on a request's path."""

    def __init__(self, path: Path) -> None:
        self._driver = reading_driver(path)

    def read(self, patient: str, parts: Iterable[Part], since: int) -> list[ShownBefore]:
        """As :func:`read`."""
        values = {"patient": patient, "since": since}
        rows: Rows = {}
        try:
            for part in _needed(parts, rows):
                rows[part] = self._driver.execute(_STATEMENTS[part], values).fetchall()
        except sqlite3.Error:
            self.close()
            raise
        return _told(rows)

    def close(self) -> None:
        self._driver.close()


def _needed(parts: Iterable[Part], rows: Rows) -> Iterator[Part]:
    """What is to be asked next; what was withdrawn matters only where something was shown."""
    yield from ("answered", *parts)
    if any(rows.values()):
        yield "withdrawals"


def _told(rows: Rows) -> list[ShownBefore]:
    """One entry per finding shown."""
    if not any(rows.values()):
        return []
    withdrawn = dict(map(tuple, rows.get("withdrawals", ())))
    shown = {row[0]: row for part in ("recent", "information") for row in rows.get(part, ())}
    return [past for row in (*rows["answered"], *shown.values()) for past in _pasts(row, withdrawn)]


def _pasts(row: Iterable[Any], withdrawn: Mapping[str, int]) -> Iterator[ShownBefore]:
    card, at, hook, indicator, user, encounter, told, *answer = row
    findings = read_findings(told)
    company = tuple((finding.rule, finding.evidence) for finding in findings)
    for finding in findings:
        gone = withdrawn.get(finding.rule, 0) > at
        yield ShownBefore(card, at, hook, indicator, user, encounter, finding, gone, company, *answer)


def read_findings(told: str) -> tuple[Fingerprint, ...]:
    """The findings of a stored card; none where another release wrote what cannot be read: better a card too many."""
    try:
        return _DECODER.decode(told)
    except (msgspec.DecodeError, TypeError):
        _LOG.warning("card not read")
        return ()
