"""Files between the two stages: records of a patient each, laid out by partition, so that one partition can be read.

A spill is a file of records and an index beside it: for each time that it was written to, where each partition begins.
A record is the patient, the type of the resource, the address under which it came, and the resource itself.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from cds_service.replay.chart import Record

Shortened = Callable[[str, Iterable[Record]], list[Record]]
LONG = 10_000
"""Records by which a chart may grow before it is shortened."""
_INDEX = ".index"
_MOST_REMEMBERED = 20_000
_OFFSET = struct.Struct("<Q")
_PAIR = struct.Struct("<QQ")


def partition_of(patient: str, partitions: int) -> int:
    return crc32(patient.encode()) % partitions


class SpillWriter:
    """Holds what comes until it is ``most`` bytes, then writes it out, partition by partition."""

    def __init__(self, path: Path, partitions: int, most: int) -> None:
        self._path, self._most = path, most
        self._parts = [bytearray() for _ in range(partitions)]
        self._begun: dict[str, tuple[bytearray, bytes]] = {}
        """By patient, the part and how each of its records begins: most lines are of a patient who was there before."""
        self._held = 0
        self._index = bytearray()
        self._file: BinaryIO = _draft(path).open("wb")

    def add(self, patient: str, kind: str, address: str, raw: bytes) -> None:
        """A resource without line breaks, and a patient, a type and an address without tabs."""
        part, begins = self._begun.get(patient) or self._begin(patient)
        record = b"%b%b\t%b\t%b\n" % (begins, kind.encode(), address.encode(), raw)
        part += record
        self._held += len(record)
        if self._held >= self._most:
            self._flush()

    def _begin(self, patient: str) -> tuple[bytearray, bytes]:
        if len(self._begun) >= _MOST_REMEMBERED:
            self._begun.clear()
        part = self._parts[partition_of(patient, len(self._parts))]
        self._begun[patient] = begun = part, b"%b\t" % patient.encode()
        return begun

    def _flush(self) -> None:
        place = self._file.tell()
        for part in self._parts:
            self._index += _OFFSET.pack(place)
            place += self._file.write(part)
            part.clear()
        self._index += _OFFSET.pack(place)
        self._held = 0

    def close(self) -> None:
        """Gives the files their names; before that nobody reads them."""
        if self._held:
            self._flush()
        self._file.close()
        replaced(_index_of(self._path), self._index)
        _draft(self._path).replace(self._path)


def read_patients(
    paths: Iterable[Path], number: int, partitions: int, shortened: Shortened | None = None
) -> dict[str, list[Record]]:
    """The records of one partition by patient, from all that was spilled; long charts are shortened as they grow.

    They come in no order that means anything.
    """
    found: dict[str, list[Record]] = {}
    most: dict[str, int] = {}
    for patient, record in _records(paths, number, partitions):
        records = found.setdefault(patient, [])
        records.append(record)
        if shortened and len(records) >= most.get(patient, LONG):
            found[patient] = shortened(patient, records)
            most[patient] = len(found[patient]) + LONG
    if shortened:
        found |= {patient: shortened(patient, found[patient]) for patient in most}
    return found


def _records(paths: Iterable[Path], number: int, partitions: int) -> Iterator[tuple[str, Record]]:
    decoded: dict[bytes, str] = {}
    for line in _lines_of(paths, number, partitions):
        patient, kind, address, raw = line.split(b"\t", 3)
        for name in (patient, kind):
            if name not in decoded:
                decoded[name] = name.decode()
        yield decoded[patient], Record(decoded[kind], address.decode(), raw)


def _lines_of(paths: Iterable[Path], number: int, partitions: int) -> Iterator[bytes]:
    row = (partitions + 1) * _OFFSET.size
    for path in paths:
        with path.open("rb") as records, _index_of(path).open("rb") as index:
            for start in range(0, os.fstat(index.fileno()).st_size, row):
                index.seek(start + number * _OFFSET.size)
                begin, end = _PAIR.unpack(index.read(_PAIR.size))
                if end > begin:
                    records.seek(begin)
                while begin < end and (line := records.readline()):
                    begin += len(line)
                    yield line[:-1]


def _index_of(path: Path) -> Path:
    return path.with_name(path.name + _INDEX)


def replaced(path: Path, content: bytes | bytearray) -> None:
    """Writes a file that is there whole or not at all."""
    draft = _draft(path)
    draft.write_bytes(content)
    draft.replace(path)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
