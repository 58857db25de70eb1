"""Where an export lies, which of its files are read, and their lines one by one.

An address with a scheme, such as ``s3://``, is read through fsspec, which is an extra.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

import msgspec

from cds_service.errors import NothingToReplay

LINES, DOCUMENTS = (".ndjson", ".jsonl"), (".json",)
_GZIPPED, _MAGIC, _BOM = ".gz", b"\x1f\x8b", b"\xef\xbb\xbf"
_MOST_OF_A_LINE = 64 * 2**20
_MOST_DOCUMENTS = 500
CHUNK = 32 * 2**20
_BLOCK = 2**20


class File(msgspec.Struct, frozen=True):
    """A file of an export; of one patient's it is told by a number only, as its name may tell who."""

    address: str
    name: str
    size: int
    changed: str
    is_lines: bool

    @property
    def is_gzipped(self) -> bool:
        return self.address.endswith(_GZIPPED)


class Piece(msgspec.Struct, frozen=True):
    """A part of a file: the lines that begin from ``start`` on and before ``end``."""

    file: File
    start: int = 0
    end: int | None = None


class Line(msgspec.Struct, frozen=True):
    """What stands at a place of a file; without text, why it cannot be had."""

    at: int
    text: bytes = b""
    fault: Literal["", "cannot be opened", "cut short", "too long"] = ""


def files_of(source: str) -> tuple[list[File], int]:
    """The files of an export by their names, and how many others lie there; NothingToReplay without any."""
    found = _remote(source) if "://" in source else _local(Path(source))
    if not found:
        raise NothingToReplay([f"{source}: there is no such file or folder, or nothing in it."])
    kept: list[File] = []
    others = 0
    for address, name, size, changed in sorted(found):
        kind = PurePosixPath(name.lower().removesuffix(_GZIPPED)).suffix
        if kind not in (*LINES, *DOCUMENTS):
            others += 1
            continue
        told = name if kind in LINES else f"document {len(kept) + 1}"
        kept.append(File(address, told, size, changed, kind in LINES))
    if not kept:
        raise NothingToReplay([f"{source}: no file ends in .ndjson, .jsonl or .json, nor in one of these and .gz."])
    return kept, others


def lies_in(place: Path, source: str) -> bool:
    """Whether what is written there would be read as a part of the export."""
    return "://" not in source and place.resolve().is_relative_to(Path(source).resolve())


def _local(source: Path) -> list[tuple[str, str, int, str]]:
    paths = [source] if source.is_file() else _paths(source)
    base = source.parent if source.is_file() else source
    visible = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(base).parts)]
    return [_described(path.resolve(), path.relative_to(base)) for path in visible]


def _paths(source: Path) -> Iterator[Path]:
    """The files in a folder, each folder once; also where links lead, and links that lead nowhere."""
    seen: set[str] = set()
    for folder, folders, names in os.walk(source, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (path for name in names if (path := Path(folder, name)).is_file() or not path.exists())


def _described(path: Path, name: Path) -> tuple[str, str, int, str]:
    try:
        found = path.stat()
    except OSError:
        return str(path), name.as_posix(), 0, ""
    return str(path), name.as_posix(), found.st_size, str(found.st_mtime_ns)


def _remote(source: str) -> list[tuple[str, str, int, str]]:
    scheme = source.partition("://")[0]
    try:
        system, root = _fsspec(source).core.url_to_fs(source)
    except (ImportError, ValueError) as fault:
        raise NothingToReplay([f"{scheme}:// cannot be read: {fault}"]) from None
    found = system.find(root, detail=True)
    return [
        (
            f"{scheme}://{path.removeprefix(f'{scheme}://')}",
            path.removeprefix(root).lstrip("/") or PurePosixPath(path).name,
            int(told.get("size") or 0),
            str(next((told[key] for key in ("ETag", "etag", "mtime", "created") if key in told), "")),
        )
        for path, told in found.items()
    ]


def _fsspec(source: str) -> Any:
    scheme = source.partition("://")[0]
    try:
        import fsspec
    except ImportError:
        raise NothingToReplay(
            [f"{scheme}:// needs the package of that store: pip install 'rbd-cds[{scheme}]'."]
        ) from None
    return fsspec


def pieces_of(files: Iterable[File], chunk: int = CHUNK) -> Iterator[tuple[Piece, ...]]:
    """The work in parts of about one size: a large file in several, many small ones together."""
    for of_lines, alike in groupby(files, key=lambda file: file.is_lines):
        together: list[Piece] = []
        held = 0
        for file in alike:
            if of_lines and not file.is_gzipped and file.size > chunk:
                yield from ((Piece(file, start, start + chunk),) for start in range(0, file.size, chunk))
                continue
            if together and (held + file.size > chunk or len(together) >= _MOST_DOCUMENTS):
                yield tuple(together)
                together, held = [], 0
            together.append(Piece(file))
            held += file.size
        if together:
            yield tuple(together)


def lines_of(piece: Piece) -> Iterator[Line]:
    """The lines of a piece, or the document that it is; what cannot be read comes as a fault and ends it."""
    place = piece.start
    try:
        with _opened(piece.file) as file:
            if not piece.file.is_lines:
                yield _document(file.read(_MOST_OF_A_LINE))
                return
            if place:
                file.seek(place - 1)
                place += _passed(file, piece.end) - 1
            while (piece.end is None or place < piece.end) and (text := file.readline(_MOST_OF_A_LINE)):
                if len(text) == _MOST_OF_A_LINE and not text.endswith(b"\n"):
                    yield Line(place, fault="too long")
                    place += _passed(file, piece.end)
                else:
                    yield Line(place, text if place else text.removeprefix(_BOM))
                place += len(text)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        yield Line(place, fault="cut short")
    except OSError:
        yield Line(place, fault="cannot be opened")


def _document(text: bytes) -> Line:
    return Line(0, fault="too long") if len(text) == _MOST_OF_A_LINE else Line(0, text.removeprefix(_BOM))


def _passed(file: IO[bytes], end: int | None) -> int:
    """How much is left of a line that is not held; beyond the end of the piece it matters to nobody."""
    passed = 0
    while rest := file.readline(_BLOCK):
        passed += len(rest)
        if rest.endswith(b"\n") or (end is not None and file.tell() >= end):
            break
    return passed


@contextmanager
def _opened(file: File) -> Iterator[IO[bytes]]:
    with _raw(file.address) as opened:
        is_gzip = opened.read(len(_MAGIC)) == _MAGIC
        opened.seek(0)
        if is_gzip:
            with gzip.open(opened) as unpacked:
                yield unpacked  # type: ignore[misc]  # it reads as any file
        else:
            yield opened


def _raw(address: str) -> AbstractContextManager[IO[bytes]]:
    return _of_store(address) if "://" in address else Path(address).open("rb")


@contextmanager
def _of_store(address: str) -> Iterator[IO[bytes]]:
    """A file of a store, read as any other: those of fsspec know no longest line."""
    with _fsspec(address).open(address, "rb") as opened, io.BufferedReader(opened, _BLOCK) as file:
        yield file
