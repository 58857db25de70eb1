"""What is acknowledged but not yet in the store: lines of JSON that outlive the process.

Every process writes a journal of its own and holds a lock on it; a journal that nobody holds was left by a process
that ended, and is read by the next one that starts. A line counts only when it is whole.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from cds_service.record.entries import Batch

_SUFFIX = ".jsonl"
_DECODER = msgspec.json.Decoder(Batch)
_ENCODER = msgspec.json.Encoder()


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

    @classmethod
    def new(cls, folder: Path) -> Journal:
        """An empty journal under a name of its own, locked; OSError where none can be made."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{uuid.uuid4()}{_SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _keep_name(folder)
        return cls(path, descriptor)

    @classmethod
    def left_behind(cls, folder: Path) -> Iterator[Journal]:
        """The journals of processes that have ended, locked against every other reader."""
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
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
        line = _ENCODER.encode(batch) + b"\n"
        place = Place(self._size, len(line))
        try:
            _write(self._descriptor, line, self._size)
            if durable:
                os.fdatasync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(line)
        self._last = batch.number
        return place

    def read(self, place: Place) -> Batch:
        return _DECODER.decode(os.pread(self._descriptor, place.length, place.offset))

    def batches(self) -> Iterator[Batch]:
        """The batches of whole lines; one that was cut off was never acknowledged."""
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(0)
            for line in file:
                with suppress(msgspec.DecodeError):
                    yield _DECODER.decode(line)

    def clear(self, through: int) -> None:
        """Forgets everything, if all up to this batch is stored and none came after it."""
        if self._size and self._last <= through:
            os.ftruncate(self._descriptor, 0)
            self._size = 0

    def close(self, *, remove: bool) -> None:
        if remove:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


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


def _keep_name(folder: Path) -> None:
    """A new file's name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
