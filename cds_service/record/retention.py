"""What is older than the retention goes, as long as the clock by which that is told can be believed.

The store keeps how late it was when it was last pruned. A clock that is far ahead of that, while there are rows that
would go for it, or one that is behind it, deletes nothing: somebody has to say which day it is. However late it is, the
retention ends no later than that of the newest row.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal, TypeAlias

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Table, delete, func, insert, select, true

from cds_service.record.entries import instant, milliseconds
from cds_service.record.tables import ANSWERS, CARDS, CLOCK, SECRETS, TALLIES, WITHDRAWALS, take_turns

_DAY = dt.timedelta(days=1)
_MOST_AHEAD = dt.timedelta(days=30)
"""Longer than any servers are off for maintenance, and short enough to lose little by."""
_TIMES: dict[Table, Column[int]] = {CARDS: CARDS.c.at, ANSWERS: ANSWERS.c.received, WITHDRAWALS: WITHDRAWALS.c.at}
_LAST = milliseconds(dt.datetime(9999, 1, 1, tzinfo=dt.UTC))
Fault: TypeAlias = Literal["ahead", "behind"]


class Pruned(msgspec.Struct, frozen=True):
    """The rows that were deleted, by table; none where the clock is not believed."""

    rows: dict[str, int]
    oldest: dt.datetime
    """What is older was to go."""
    believed: dt.datetime
    """How late it was before, as far as the record knows."""
    fault: Fault | None = None

    @property
    def told(self) -> str:
        if self.fault is None:
            total = sum(self.rows.values())
            counts = ", ".join(f"{count} {table}" for table, count in self.rows.items() if count)
            return f"Deleted {total} rows older than {self.oldest.date()}.{f' They were {counts}.' if total else ''}"
        return (
            f"Nothing was deleted: the clock is far {self.fault} of {self.believed.date()}, the day that the record "
            "knows of. Set the clock right; or if it is right, because the service was off for long or the clock was "
            "wrong before, run `cds-service record prune --as-of` with the day that it is."
        )


def prune(connection: Connection, now: dt.datetime, keep: dt.timedelta, *, said: bool) -> Pruned:
    """Deletes what is older than ``keep``; ``said`` is for a time that somebody vouches for."""
    take_turns(connection)
    newest = _newest(connection, now, before=now + _DAY)
    believed = _believed(connection, now) or _newest(connection, now) or now
    oldest = (now if said else min(now, newest or now)) - keep
    fault = None if said else _fault(connection, now, keep, believed)
    if fault:
        return Pruned({}, oldest, believed, fault)
    rows = {
        table.name: connection.execute(delete(table).where(older)).rowcount for table, older in _older(oldest).items()
    }
    connection.execute(delete(SECRETS).where(SECRETS.c.seen < milliseconds(oldest)))
    connection.execute(delete(CLOCK))
    connection.execute(insert(CLOCK).values(believed=milliseconds(now if said else max(now, believed))))
    return Pruned(rows, oldest, believed)


def _fault(connection: Connection, now: dt.datetime, keep: dt.timedelta, believed: dt.datetime) -> Fault | None:
    if now < believed - _DAY:
        return "behind"
    ahead = now > believed + max(2 * _DAY, min(_MOST_AHEAD, keep))
    return "ahead" if ahead and _holds_older(connection, now - keep) else None


def _holds_older(connection: Connection, oldest: dt.datetime) -> bool:
    found = (select(true()).select_from(table).where(older).limit(1) for table, older in _older(oldest).items())
    return any(connection.scalar(one) for one in found)


def _older(oldest: dt.datetime) -> dict[Table, ColumnElement[bool]]:
    """Counts are of whole days."""
    timed = {table: at < milliseconds(oldest) for table, at in _TIMES.items()}
    return {**timed, TALLIES: TALLIES.c.day < oldest.date().isoformat()}


def _newest(connection: Connection, now: dt.datetime, *, before: dt.datetime | None = None) -> dt.datetime | None:
    latest = milliseconds(before) if before else _LAST
    times = (connection.scalar(select(func.max(at)).where(at <= latest)) for at in _TIMES.values())
    found = max((at for at in times if at is not None), default=None)
    return _instant(found, now)


def _believed(connection: Connection, now: dt.datetime) -> dt.datetime | None:
    return _instant(connection.scalar(select(CLOCK.c.believed)), now)


def _instant(at: int | None, now: dt.datetime) -> dt.datetime | None:
    return None if at is None else instant(at, now.tzinfo)
