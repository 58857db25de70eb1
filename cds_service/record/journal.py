"""What is acknowledged but not yet in the store: lines of JSON that outlive the process.

Every process writes a journal of its own and holds a lock on it; a journal that nobody holds was left by a process
that ended, and is read by the next one that starts. A line counts only when it is whole; a whole one that cannot be
read, be it damaged or of another release, is set aside in a file beside the journal.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from cds_service.record import disk
from cds_service.record.entries import Batch

_SUFFIX = ".jsonl"
_ASIDE = ".unread"
_DECODER = msgspec.json.Decoder(Batch)
_ENCODER = msgspec.json.Encoder()
_LOG = structlog.get_logger()
UNREADABLE = (ValueError, RecursionError)
"""What is raised for a line that is no batch of this release."""


class Place(msgspec.Struct, frozen=True):
    """Where a batch stands in its journal."""

    offset: int
    length: int


class Journal:
    """One file of batches. Its methods wait for the disk: they are for a thread."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._last = 0
        self._aside: list[bytes] = []

    @classmethod
    def new(cls, folder: Path) -> Journal:
        """An empty journal under a name of its own, locked; OSError where none can be made."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{uuid.uuid4()}{_SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sync_folder(folder)
        return cls(path, descriptor)

    @classmethod
    def left_behind(cls, folder: Path) -> Iterator[Journal]:
        """The journals of processes that have ended, locked against every other reader."""
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            except OSError as fault:
                _LOG.error("journal not read", journal=path.stem, fault=type(fault).__name__)
                continue
            if _lock(descriptor) and path.exists():
                yield cls(path, descriptor)
            else:
                os.close(descriptor)

    @property
    def name(self) -> str:
        return self._path.stem

    def append(self, batch: Batch, *, durable: bool) -> Place:
        """Writes one line, with ``durable`` through to the disk; OSError, and no trace of it, where that fails."""
        line = line_of(batch)
        place = Place(self._size, len(line))
        try:
            _write(self._descriptor, line, self._size)
            if durable:
                disk.sync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(line)
        self._last = batch.number
        return place

    def read(self, place: Place) -> Batch:
        """The batch at a place; one of UNREADABLE where it has been damaged since, and then its line is set aside."""
        line = os.pread(self._descriptor, place.length, place.offset)
        try:
            return _DECODER.decode(line)
        except UNREADABLE:
            self.set_aside(line)
            raise

    def batches(self) -> Iterator[Batch]:
        """The batches of whole lines; one that was cut off was never acknowledged."""
        for line in self._lines():
            with suppress(*UNREADABLE):
                yield _DECODER.decode(line)

    def unreadable(self) -> Iterator[bytes]:
        """The whole lines that are no batches."""
        for line in self._lines():
            try:
                _DECODER.decode(line)
            except UNREADABLE:
                yield line

    def set_aside(self, *lines: bytes) -> None:
        """Keeps lines in a file beside the journal, on the disk; the file of an earlier process is written anew."""
        self._aside += lines
        path = self._path.with_suffix(_ASIDE)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write(descriptor, b"".join(self._aside), 0)
            disk.sync(descriptor)
        finally:
            os.close(descriptor)
        _sync_folder(path.parent)

    def _lines(self) -> Iterator[bytes]:
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(0)
            yield from (line for line in file if line.endswith(b"\n"))

    def clear(self, through: int) -> None:
        """Forgets everything, if all up to this batch is stored and none came after it."""
        if self._size and self._last <= through:
            os.ftruncate(self._descriptor, 0)
            self._size = 0

    def close(self, *, remove: bool) -> None:
        """May be called again."""
        if self._descriptor < 0:
            return
        if remove:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1


def line_of(batch: Batch) -> bytes:
    return _ENCODER.encode(batch) + b"\n"


def set_aside_in(folder: Path) -> list[Path]:
    """The files of lines that could not be read, until somebody takes them away."""
    return sorted(folder.glob(f"*{_ASIDE}"))


def _write(descriptor: int, line: bytes, offset: int) -> None:
    """The whole line or an error: a disk that fills up takes a part of it first."""
    while line:
        written = os.pwrite(descriptor, line, offset)
        line, offset = line[written:], offset + written


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
