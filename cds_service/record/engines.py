"""How the two databases are reached."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from cds_service.record.driver import Driver

READ_SECONDS = 0.1
"""What a request waits for at most."""

_BUSY_SECONDS = 5


def sqlite_engine(url: URL) -> AsyncEngine:
    if url.database in (None, "", ":memory:"):
        raise ArgumentError("no file is named")
    path = Path(url.database or "")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Closing any other descriptor of a database in use would drop SQLite's locks on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"), pool_size=1, max_overflow=0)

    event.listen(engine.sync_engine, "connect", lambda connection, _: _prepare(connection))

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        # Taking the write lock at once lets processes wait for each other; a lock taken later is refused.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def writing_driver(path: Path) -> Driver:
    """Used by one thread at a time, and opened and closed by any."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        _prepare(connection)
        return connection

    return Driver(connect)


def _prepare(connection: Any) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def postgresql_engine(url: URL) -> AsyncEngine:
    """asyncpg's name for libpq's ``sslmode`` is ``ssl``; a pool that grew and shrank would connect again and again."""
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    address = url.set(drivername="postgresql+asyncpg", query=query)
    return create_async_engine(address, pool_size=8, max_overflow=0, pool_timeout=READ_SECONDS)
