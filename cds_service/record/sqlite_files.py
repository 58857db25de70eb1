"""What every SQLite file of this service needs."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

_PATIENCE_SECONDS = 5.0


def write_ahead(connection: Any) -> None:
    """Turns the write-ahead log on: of processes that ask at once SQLite refuses all but one, whatever it is told."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return
