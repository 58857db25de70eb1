"""How the two databases are reached."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from cds_service.record.driver import Driver
from cds_service.record.postgresql_tls import TLS_PARAMETERS, tls_arguments
from cds_service.record.sqlite_files import make_private, write_ahead

READ_SECONDS = 0.1
"""What a request waits for at most."""

CONNECTIONS = 8
_CONNECT_SECONDS = 5.0
_BUSY_SECONDS = 5


def sqlite_engine(url: URL) -> AsyncEngine:
    if url.database in (None, "", ":memory:"):
        raise ArgumentError("no file is named")
    make_private(Path(url.database or ""))
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
    write_ahead(cursor)
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def postgresql_engine(url: URL) -> AsyncEngine:
    """Parameters are named as in libpq; ArgumentError for one that is not known, which the driver would stumble on.

    A pool that grew and shrank would connect again and again.
    """
    unknown = sorted(set(url.query) - known_parameters())
    if unknown:
        # What is no name may be a part of a password.
        named = f"{unknown[0]!r}; known" if re.fullmatch("[a-z_]+", unknown[0]) else "in the address; known"
        raise ArgumentError(f"unknown parameter {named} are {', '.join(sorted(known_parameters()))}")
    query = {name: value for name, value in url.query.items() if name in _SAME}
    arguments = {"timeout": _CONNECT_SECONDS, **tls_arguments(url)}
    for name in _ARGUMENTS.keys() & url.query.keys():
        arguments |= _ARGUMENTS[name](url.query[name])
    address = url.set(drivername="postgresql+asyncpg", query=query)
    options: dict[str, Any] = {"pool_size": CONNECTIONS, "max_overflow": 0, "pool_timeout": READ_SECONDS}
    return create_async_engine(address, connect_args=arguments, **options)


_SAME = ("host", "port", "target_session_attrs")
_ARGUMENTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "connect_timeout": lambda value: {"timeout": float(value)},
    "application_name": lambda value: {"server_settings": {"application_name": value}},
}


def known_parameters() -> frozenset[str]:
    return frozenset((*_SAME, *_ARGUMENTS, *TLS_PARAMETERS))
