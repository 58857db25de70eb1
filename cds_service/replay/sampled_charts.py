"""The charts of a few patients, found in the export again and written a file each: the only files with what is in them.

Whatever the export holds of a patient is in the file, of types too that no rule reads, and such drugs as it refers to.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing
from datetime import UTC
from hashlib import blake2b
from pathlib import Path

import msgspec

from cds_service.errors import NothingToReplay
from cds_service.replay.basis import Basis
from cds_service.replay.chart import ChartReader, Record, Shared
from cds_service.replay.judgements import Run
from cds_service.replay.lines import PATIENT, REQUEST
from cds_service.replay.partition import SharedLines, gather_shared
from cds_service.replay.run import Progress
from cds_service.replay.sources import CHUNK, files_of, lies_in, pieces_of
from cds_service.replay.spill import read_patients
from cds_service.replay.split import SplitTask, split

CHARTS, NOTE = "charts", "README.txt"
_WORK = ".work-charts"
_BUNDLE, _LINES = ".json", ".ndjson"
_PATIENTS_AT_ONCE = 8
_FHIR_ID = re.compile(r"[A-Za-z0-9-][A-Za-z0-9.-]{0,63}")
_SAYS = """These files hold patient data: whole charts, as they stand in the export.

Keep them where the export may be kept, never beside a report that is passed on, and delete them after the review.
ID.json is all that the export holds of a patient, as a FHIR Bundle; ID.ndjson holds saved requests, and lines that
cannot stand in a Bundle. Another report with charts replaces them.
"""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Whose charts are looked for in which export, and where they go."""

    source: str
    run: Run
    """What was told when it was replayed."""
    patients: frozenset[str]
    out: Path
    chunk: int = CHUNK

    @property
    def folder(self) -> Path:
        return self.out / CHARTS


def faults_of_place(source: str, out: Path) -> Iterator[str]:
    """Why charts may not be written there: they would be taken for a part of the export, or end somebody's files."""
    charts, export = (out / CHARTS).resolve(), Path(source).resolve()
    if lies_in(charts, source) or ("://" not in source and export.is_relative_to(charts)):
        yield f"{out / CHARTS} lies in {source} and would be read as a part of it: keep the results elsewhere."
    elif charts.exists() and any(charts.iterdir()) and not (charts / NOTE).exists():
        yield f"{out / CHARTS} holds something that is not of a replay: move it away."


def write_charts(wanted: Wanted, executor: Executor | None, progress: Progress) -> None:
    """Writes the charts; raises NothingToReplay where the export is not the one that was replayed."""
    work = wanted.out / _WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        tasks = _tasks(wanted, work)
        _split(wanted, tasks, executor, progress)
        gather_shared([task.shared for task in tasks], work / "shared.sqlite")
        _clear(wanted.folder)
        _write(wanted, tasks, work)
    finally:
        shutil.rmtree(work)


def _tasks(wanted: Wanted, work: Path) -> list[SplitTask]:
    files, _ = files_of(wanted.source)
    _require("files", len(files), wanted.run.files)
    partitions = len(wanted.patients) // _PATIENTS_AT_ONCE + 1
    basis = Basis(wanted.run.program, wanted.run.cards)
    return [
        SplitTask(number, pieces, work, partitions, basis, cards=None, only=wanted.patients)
        for number, pieces in enumerate(pieces_of(files, wanted.chunk))
    ]


def _split(wanted: Wanted, tasks: Sequence[SplitTask], executor: Executor | None, progress: Progress) -> None:
    lines = size = 0
    progress("charts", 0, len(tasks))
    for number, tally in enumerate((executor.map if executor else map)(split, tasks), start=1):
        lines, size = lines + tally.lines, size + tally.bytes
        progress("charts", number, len(tasks))
    _require("lines", lines, wanted.run.lines)
    _require("bytes", size, wanted.run.bytes)


def _require(what: str, found: int, told: int) -> None:
    if found != told:
        raise NothingToReplay([f"it is not what was replayed: {told:,} {what} then, and {found:,} now."])


def _clear(folder: Path) -> None:
    """Takes away what an earlier report wrote, and nothing else that is kept beside it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    for path in folder.iterdir():
        if path.suffix in (_BUNDLE, _LINES) or path.name == NOTE:
            path.unlink()
    _write_privately(folder / NOTE, [_SAYS.encode()])


def _write(wanted: Wanted, tasks: Sequence[SplitTask], work: Path) -> None:
    found, spills, partitions = 0, [task.spill for task in tasks], tasks[0].partitions
    with closing(SharedLines(work / "shared.sqlite")) as shared:
        for number in range(partitions):
            by_patient = read_patients(spills, number, partitions)
            found += len(by_patient)
            for patient, records in by_patient.items():
                _write_patient(wanted.folder / _file_name(patient), records, shared)
    _require("of the patients", found, len(wanted.patients))


def _write_patient(path: Path, records: Iterable[Record], shared: Shared) -> None:
    entries: list[Record] = []
    lines: list[bytes] = []
    for one in sorted(records, key=_patient_first):
        if one.type != REQUEST and _stands_in_a_bundle(one):
            entries.append(one)
        else:
            lines.append(one.raw + b"\n")
    if entries:
        bundle = _bundle([*entries, *_referred(entries, shared)])
        _write_privately(path.with_name(path.name + _BUNDLE), bundle)
    if lines:
        _write_privately(path.with_name(path.name + _LINES), lines)


def _patient_first(record: Record) -> tuple[bool, Record]:
    return record.type != PATIENT, record


def _stands_in_a_bundle(record: Record) -> bool:
    """Whether the Bundle would be read with it; of a line only its head was read yet."""
    try:
        msgspec.json.decode(b"".join(_bundle([record])))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _bundle(records: Iterable[Record]) -> Iterator[bytes]:
    """Each resource on a line, byte for byte as it stands in the export."""
    begin = b'{"resourceType":"Bundle","type":"collection","entry":['
    for one in records:
        address = b'"fullUrl":%b,' % msgspec.json.encode(one.address) if one.address else b""
        yield b'%b\n{%b"resource":%b}' % (begin, address, one.raw)
        begin = b","
    yield b"\n]}\n"


def _referred(records: Iterable[Record], shared: Shared) -> Iterator[Record]:
    """The drugs that they refer to and that stand elsewhere in the export."""
    found: dict[bytes, None] = {}

    def looked_up(name: str) -> Sequence[bytes]:
        raws = shared(name)
        found.update(dict.fromkeys(raws))
        return raws

    ChartReader(UTC, looked_up).chart("", records)
    return (Record("", "", raw) for raw in found)


def _file_name(patient: str) -> str:
    """Its id; where that is no FHIR id, and may be a path, a hash of it."""
    return (
        patient if _FHIR_ID.fullmatch(patient) else f"patient-{blake2b(patient.encode(), digest_size=12).hexdigest()}"
    )


def _write_privately(path: Path, parts: Iterable[bytes]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.writelines(parts)
