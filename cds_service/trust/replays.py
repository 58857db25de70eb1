"""Which tokens were used, known to every process on this host."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from cds_service.errors import NotReady

_SWEEP_SECONDS = 300.0


class ReplaysInFile:
    """An insertion is the test: a second one of the same token fails. A file that cannot be written admits nobody."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._swept = clock()
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=2.0, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS used_tokens (mark TEXT PRIMARY KEY, until REAL) WITHOUT ROWID"
        )

    async def first_use(self, issuer: str, token_id: str, until: float) -> bool:
        """Takes some microseconds, so it runs where it is called."""
        try:
            self._sweep()
            self._connection.execute("INSERT INTO used_tokens VALUES (?, ?)", (mark(issuer, token_id), until))
        except sqlite3.IntegrityError:
            return False
        except sqlite3.Error:
            raise NotReady from None
        return True

    def _sweep(self) -> None:
        now = self._clock()
        if now - self._swept >= _SWEEP_SECONDS:
            self._swept = now
            self._connection.execute("DELETE FROM used_tokens WHERE until <= ?", (now,))

    def close(self) -> None:
        self._connection.close()


def mark(issuer: str, token_id: str) -> str:
    """What is kept of a token: a client may put anything into its id."""
    return blake2b(f"{issuer}\n{token_id}".encode(), digest_size=16).hexdigest()
