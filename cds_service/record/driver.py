"""SQLAlchemy's statements, each compiled once and then run by SQLite's own driver: a fraction of the time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import ClauseElement
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler

T = TypeVar("T")
Values: TypeAlias = Mapping[str, Any]
Execute: TypeAlias = Callable[[Any, Values | Sequence[Values]], Any]
"""Runs a statement with its values, or once for each of several; what comes back are its rows."""

_DIALECT = sqlite.dialect(paramstyle="qmark")


class Driver:
    """A connection to a SQLite file, made anew after a fault; for one thread at a time."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._open: sqlite3.Connection | None = None
        self._known: dict[ClauseElement, _Compiled] = {}

    def execute(self, statement: ClauseElement, values: Values | Sequence[Values]) -> sqlite3.Cursor:
        compiled = self._known.get(statement)
        if compiled is None:
            compiled = self._known[statement] = _Compiled(statement)
        if isinstance(values, Mapping):
            return self._connection.execute(compiled.text, compiled.listed(values))
        return self._connection.executemany(compiled.text, map(compiled.listed, values))

    def transact(self, work: Callable[[Execute], T]) -> T:
        """All of it or nothing. A write lock taken at once lets processes wait for each other; later it is refused."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            done = work(self.execute)
            self._connection.execute("COMMIT")
        except BaseException:
            self.close()
            raise
        return done

    def close(self) -> None:
        if self._open:
            self._open.close()
        self._open = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = self._connect()
        return self._open


class _Compiled:
    """A statement as text, with the names of its values in their order and those that are always the same."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled = cast(SQLCompiler, statement.compile(dialect=_DIALECT))
        self.text = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        self._same = {name: value for name, value in compiled.params.items() if value is not None}

    def listed(self, values: Values) -> list[Any]:
        given = {**self._same, **values} if self._same else values
        return [given[name] for name in self._names]
