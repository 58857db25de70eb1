"""What `check` and `serve` say of the record. Nothing is written but by `serve`, which opens it as a worker would."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from cds_service.errors import SettingsError
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.record.store import Store

T = TypeVar("T")
_SECONDS = 3.0


def require_schema(settings: Settings) -> None:
    """That the tables are those of this program, or can be made so; a database that cannot be had now may be later."""
    if settings.record == "on":
        asyncio.run(_asked(settings, lambda store: store.open()))


async def _asked(settings: Settings, what: Callable[[Store], Awaitable[T]]) -> T | None:
    """What the database says; None where it cannot be had."""
    from cds_service.record.recorder import store_of

    store = store_of(settings)
    try:
        async with asyncio.timeout(_SECONDS):
            return await what(store)
    except store.lost:
        return None
    finally:
        await store.close()


def told(settings: Settings) -> Iterator[str]:
    """The version of the tables, and what is wrong with the record."""
    if settings.record == "off":
        return
    from cds_service.record import secrets_known, tables
    from cds_service.record.journal import set_aside_in
    from cds_service.record.pseudonyms import is_readable

    state = asyncio.run(_asked(settings, partial(_state, settings)))
    needed = tables.version_needed()
    if state is None:
        yield "Record: the database cannot be asked; what is to be stored waits in the journal."
    elif state.schema > needed:
        raise SettingsError([tables.too_new(state.schema)])
    elif 0 < state.schema < needed:
        yield f"Record: schema {state.schema}; the next start, or `cds-service record migrate`, brings it to {needed}."
    if state and state.foreign:
        yield secrets_known.CHANGED
    if state and state.old_needed_until:
        yield f"CDS_SECRET_OLD: what was stored under it is kept until {state.old_needed_until}."
    if is_readable(settings):
        yield secrets_known.READABLE
    for path in set_aside_in(settings.var / "journal"):
        yield f"{path} holds lines of a journal that could not be stored."


class _State(msgspec.Struct, frozen=True):
    schema: int
    foreign: bool = False
    old_needed_until: dt.date | None = None


async def _state(settings: Settings, store: Store) -> _State:
    from cds_service.record import secrets_known, tables
    from cds_service.record.entries import instant
    from cds_service.record.pseudonyms import keys_before, known_marks

    schema = await store.schema()
    if schema != tables.version_needed():
        return _State(schema)
    foreign = await store.run(secrets_known.foreign, known_marks(settings))
    old = keys_before(settings)
    seen = await store.run(secrets_known.last_in_force, old.mark) if old else None
    last = None if seen is None else instant(seen, settings.zone).date()
    return _State(schema, foreign, last + dt.timedelta(days=settings.retention_days) if last else None)
