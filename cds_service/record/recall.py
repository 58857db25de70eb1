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
from sqlalchemy import BindParameter, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from cds_service.record.driver import Driver
from cds_service.record.entries import Fingerprint, Part, Past
from cds_service.record.tables import ANSWERED, ANSWERS, CARDS, SHOWN, WITHDRAWALS

_CARD = CARDS.c
_COLUMNS = [_CARD[name] for name in ("card", "at", "hook", "indicator", "user", "encounter", "findings")]
_ANSWER = [ANSWERS.c[name] for name in ("outcome", "reason", "at", "received")]
_PATIENT: BindParameter[str] = bindparam("patient")
_SINCE: BindParameter[int] = bindparam("since")
Rows: TypeAlias = dict[Part, Sequence[Any]]
_DECODER = msgspec.json.Decoder(tuple[Fingerprint, ...])


def _newest(state: int, most: int, *columns: Any) -> Select[Any]:
    of_patient = select(*_COLUMNS, *columns).where(_CARD.patient == _PATIENT, _CARD.state == state)
    return of_patient.order_by(_CARD.at.desc()).limit(most)


_LATELY = _newest(SHOWN, 200).subquery()
_STATEMENTS: Mapping[Part, Select[Any]] = {
    "answered": _newest(ANSWERED, 40, *_ANSWER).join(
        ANSWERS, (ANSWERS.c.card == _CARD.card) & (ANSWERS.c.client == _CARD.client)
    ),
    "recent": _newest(SHOWN, 12).where(_CARD.at >= _SINCE),
    "information": select(_LATELY).where(_LATELY.c.indicator == "info").order_by(_LATELY.c.at.desc()).limit(12),
    "withdrawals": select(WITHDRAWALS.c.rule, WITHDRAWALS.c.at).where(WITHDRAWALS.c.patient == _PATIENT),
}


async def read(engine: AsyncEngine, patient: str, parts: Iterable[Part], since: int) -> list[Past]:
    """The parts of a patient's past that are asked for, from any database; ``since`` is where recent begins."""
    values = {"patient": patient, "since": since}
    rows: Rows = {}
    async with engine.connect() as connection:
        for part in _needed(parts, rows):
            rows[part] = (await connection.execute(_STATEMENTS[part], values)).all()
    return _told(rows)


class FileReader:
    """Reads a SQLite file; a reader of a write-ahead log waits for no writer."""

    def __init__(self, path: Path) -> None:
        address = f"{path.absolute().as_uri()}?mode=ro"
        self._driver = Driver(lambda: sqlite3.connect(address, uri=True, timeout=0))

    def read(self, patient: str, parts: Iterable[Part], since: int) -> list[Past]:
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
    """What is to be asked next; what was withdrawn matters only where something was answered."""
    yield "answered"
    if rows["answered"]:
        yield "withdrawals"
    yield from parts


def _told(rows: Rows) -> list[Past]:
    """One entry per finding shown; of several answers to a card the one with the latest time counts."""
    if not any(rows.values()):
        return []
    withdrawn = dict(map(tuple, rows.get("withdrawals", ())))
    answered: dict[str, Any] = {}
    for row in rows["answered"]:
        card = row[0]
        if card not in answered or row[-2:] > answered[card][-2:]:
            answered[card] = row
    shown = {row[0]: row for part in ("recent", "information") for row in rows.get(part, ())}
    return [past for row in (*answered.values(), *shown.values()) for past in _pasts(row, withdrawn)]


def _pasts(row: Iterable[Any], withdrawn: Mapping[str, int]) -> Iterator[Past]:
    card, at, hook, indicator, user, encounter, findings, *answer = row
    for finding in _DECODER.decode(findings):
        gone = withdrawn.get(finding.rule, 0) > at
        yield Past(card, at, hook, indicator, user, encounter, finding, gone, *answer)
