"""A file of one line per call, each bound to the one before it by its hash, so that a change or a gap shows.

Every process writes a file of its own; nothing in it names a patient.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

FIRST = "0" * 64
_ENCODER = msgspec.json.Encoder(order="sorted")


class Audit:
    """An open audit file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%f")
        self.path = folder / f"audit-{stamp}-{os.getpid()}.jsonl"
        self._file = self.path.open("xb", buffering=0)
        self._last = FIRST

    def write(self, entry: Mapping[str, object]) -> None:
        line = _ENCODER.encode({**entry, "time": dt.datetime.now(dt.UTC).isoformat(), "previous": self._last})
        self._last = hashlib.sha256(line).hexdigest()
        self._file.write(line + b"\n")

    def close(self) -> None:
        """Writes the hash of the last line, so that lines cut from the end show as well."""
        self._file.write(_ENCODER.encode({"closed": True, "previous": self._last}) + b"\n")
        self._file.close()


class Verified(msgspec.Struct, frozen=True):
    """What a check of one file found; ``broken_at`` is the line from which the chain does not hold."""

    lines: int
    broken_at: int | None
    closed: bool


def verify(path: Path) -> Verified:
    """Follows the chain of a file."""
    last, count, closed = FIRST, 0, False
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        count = number
        try:
            entry = msgspec.json.decode(line, type=dict[str, object])
        except msgspec.DecodeError:
            return Verified(count, number, False)
        if closed or entry.get("previous") != last:
            return Verified(count, number, closed)
        closed = entry.get("closed") is True
        last = hashlib.sha256(line).hexdigest()
    return Verified(count, None, closed)
