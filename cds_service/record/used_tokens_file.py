"""Which tokens were used, known to every process on this host."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import structlog

from cds_service.errors import NotReady, SettingsError
from cds_service.record.sqlite_files import make_private, write_ahead

_SWEEP_SECONDS = 300.0
_BUSY_SECONDS = 0.25
"""The whole process waits so long."""
_LOG = structlog.get_logger()


class UsedTokensFile:
    """An insertion is the test: a second one of the same token fails. A file that cannot be written admits nobody.

    A file that is damaged is set aside; SettingsError where none can be made.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._swept = clock()
        self._troubled = False
        try:
            self._connection = _opened(path)
        except (OSError, sqlite3.OperationalError) as fault:
            raise SettingsError([f"{path}: used tokens cannot be kept there ({fault})."]) from None
        except sqlite3.DatabaseError:
            _LOG.error("used tokens set aside", reason="the file is damaged")
            path.rename(path.with_name(f"{path.name}.damaged-{time.time_ns()}"))
            self._connection = _opened(path)

    async def first_use(self, signer: str, token_id: str, until: float) -> bool:
        """Takes some microseconds, so it runs where it is called."""
        try:
            self._sweep()
            self._connection.execute("INSERT INTO used_tokens VALUES (?, ?)", (mark(signer, token_id), until))
        except sqlite3.IntegrityError:
            return False
        except sqlite3.Error as fault:
            self._tell(fault)
            raise NotReady from None
        self._troubled = False
        return True

    def _tell(self, fault: Exception) -> None:
        """Once, until it works again."""
        if not self._troubled:
            self._troubled = True
            _LOG.error("used tokens not kept, so nobody is let in", fault=str(fault))

    def _sweep(self) -> None:
        now = self._clock()
        if now - self._swept >= _SWEEP_SECONDS:
            self._swept = now
            self._connection.execute("DELETE FROM used_tokens WHERE until <= ?", (now,))

    def close(self) -> None:
        self._connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False)
    write_ahead(connection)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("CREATE TABLE IF NOT EXISTS used_tokens (mark TEXT PRIMARY KEY, until REAL) WITHOUT ROWID")
    return connection


def mark(signer: str, token_id: str) -> str:
    """What is kept of a token: a client may put anything into its id."""
    return blake2b(f"{signer}\n{token_id}".encode(), digest_size=16).hexdigest()
