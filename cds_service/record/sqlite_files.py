"""What every SQLite file of this service needs."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_PATIENCE_SECONDS = 5.0


def make_private(path: Path) -> None:
    """Makes the file, if it is not there, for its owner alone: SQLite would make it for all whom the folder lets in."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Closing any other descriptor of a database in use would drop SQLite's locks on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


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
