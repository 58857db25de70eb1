"""A file of one line per call, each bound to the one before it by its hash, so that a change or a gap shows.

Every process writes a file of its own; nothing in it names a patient.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from cds_service.errors import SettingsError

_LOG = structlog.get_logger()
FIRST = "0" * 64
_ENCODER = msgspec.json.Encoder(order="sorted")


class Audit:
    """An open audit file; SettingsError where none can be made."""

    def __init__(self, folder: Path) -> None:
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%f")
        self.path = folder / f"audit-{stamp}-{os.getpid()}.jsonl"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            raise SettingsError([f"CDS_AUDIT: {folder} cannot be written ({fault.strerror})."]) from None
        self._size = 0
        self._last = FIRST
        self._missed = 0

    def write(self, entry: Mapping[str, object]) -> None:
        """One line; a disk that will not take it costs no answer, and the next line says how many are missing."""
        missed = {"missed": self._missed} if self._missed else {}
        time = dt.datetime.now(dt.UTC).isoformat()
        line = _ENCODER.encode({**entry, **missed, "time": time, "previous": self._last})
        if self._append(line + b"\n"):
            self._last = hashlib.sha256(line).hexdigest()
            self._missed = 0
        else:
            self._missed += 1

    def close(self) -> None:
        """Writes the hash of the last line, so that lines cut from the end show as well."""
        missed = {"missed": self._missed} if self._missed else {}
        self._append(_ENCODER.encode({"closed": True, **missed, "previous": self._last}) + b"\n")
        os.close(self._file)

    def _append(self, line: bytes) -> bool:
        try:
            written = os.pwrite(self._file, line, self._size)
            if written == len(line):
                self._size += written
                return True
            fault = "short write"
        except OSError as refusal:
            fault = type(refusal).__name__
        if not self._missed:
            _LOG.error("audit not written", fault=fault)
        with suppress(OSError):
            os.ftruncate(self._file, self._size)
        return False


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
