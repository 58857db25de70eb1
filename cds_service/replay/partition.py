"""The second stage: one partition's patients judged, one after the other. A task can be repeated and run anywhere.

:func:`judge_partition` needs nothing but files that both stages reach; :func:`judged` needs no files at all, and is
there for engines that bring a patient's records together themselves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import msgspec

from cds_service.decisions.collector import spare_the_collector
from cds_service.replay.basis import Basis, content_of
from cds_service.replay.chart import ChartReader, Record
from cds_service.replay.coverage import Counted, Counting
from cds_service.replay.judge import Asked, Judge, Site
from cds_service.replay.judgements import Judgement, ShownCard
from cds_service.replay.lines import PATIENT, REQUEST
from cds_service.replay.long_charts import LongCharts
from cds_service.replay.spill import read_patients, replaced

_ENCODER = msgspec.json.Encoder()
_ID_BYTES = 12


class JudgeTask(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    work: Path
    partitions: int
    spills: tuple[Path, ...]
    shared: Path
    site: Site
    basis: Basis
    asked: Asked
    id_key: str = ""
    """Where it is not empty, ids are replaced by hashes under it."""

    @property
    def judged(self) -> Path:
        return self.work / f"judged-{self.number:05}.ndjson"

    @property
    def done(self) -> Path:
        return self.work / f"judged-{self.number:05}.json"


class JudgedTally(msgspec.Struct):
    patients: int = 0
    judgements: int = 0
    orphans: int = 0
    """Lines of patients of whom there is no Patient."""
    not_asked: int = 0
    """Saved requests of hooks that are not asked about."""
    days: tuple[str, str] | None = None
    codes: dict[str, CountedCodes] = {}

    def add(self, other: JudgedTally) -> None:
        self.patients += other.patients
        self.judgements += other.judgements
        self.orphans += other.orphans
        self.not_asked += other.not_asked
        both = [*(self.days or ()), *(other.days or ())]
        self.days = (min(both), max(both)) if both else None


class CountedCodes(msgspec.Struct, frozen=True):
    """Counts as they are written between the stages."""

    entries: int
    known: int
    foreign: int
    unknown: list[tuple[str, str, int]]

    @classmethod
    def of(cls, counted: Counted) -> CountedCodes:
        unknown = [(system, code, count) for (system, code), count in sorted(counted.unknown.items())]
        return cls(counted.entries, counted.known, counted.foreign, unknown)

    def counted(self) -> Counted:
        found = Counted(self.entries, self.known, self.foreign)
        found.unknown.update({(system, code): count for system, code, count in self.unknown})
        return found


def judge_partition(task: JudgeTask) -> JudgedTally:
    """Judges the patients of a partition, in the order of their ids as they are written."""
    judge = _judge(task.site, task.asked, task.basis)
    with closing(SharedLines(task.shared)) as shared:
        return _judge_all(task, judge, judge.reader(shared))


def _judge_all(task: JudgeTask, judge: Judge, reader: ChartReader) -> JudgedTally:
    counting, asked = Counting(judge.known), task.id_key
    long = LongCharts(reader, judge.known)
    by_patient = read_patients(task.spills, task.number, task.partitions, long.shortened)
    held = {_hidden(patient, asked): (patient, records) for patient, records in by_patient.items()}
    tally, lines = JudgedTally(), bytearray()
    for name in sorted(held):
        patient, records = held[name]
        kinds = {record.type for record in records}
        if kinds.isdisjoint((PATIENT, REQUEST)):
            tally.orphans += len(records) + long.lines[patient]
            continue
        if PATIENT in kinds and patient in long.codes:
            counting.add(long.codes[patient])
        tally.patients += 1
        tally.not_asked += sum(one.type == REQUEST and not judge.services_for(one.raw) for one in records)
        for one in judged(patient, records, judge, reader, counting):
            lines += _ENCODER.encode(_with_hidden(one, asked)) + b"\n"
            tally.add(JudgedTally(judgements=1, days=(one.day, one.day)))
    replaced(task.judged, bytes(lines))
    tally.codes = {name: CountedCodes.of(counted) for name, counted in counting.found.items()}
    replaced(task.done, msgspec.json.encode(tally))
    return tally


def judged(
    patient: str, records: Iterable[Record], judge: Judge, reader: ChartReader, counting: Counting
) -> Iterator[Judgement]:
    """The judgements of one patient, whoever brought the records together."""
    requests: list[bytes] = []
    resources: list[Record] = []
    for record in records:
        if record.type == REQUEST:
            requests.append(record.raw)
        else:
            resources.append(record)
    found: list[Judgement] = []
    if any(record.type == PATIENT for record in resources):
        chart = reader.chart(patient, resources)
        counting.take(chart)
        found += judge.judgements(chart)
    found += judge.requests(patient, requests)
    yield from sorted(found, key=lambda one: (one.order, one.service))


def _hidden(name: str, key: str) -> str:
    """An id, or the hash that stands for it."""
    if not key:
        return name
    return blake2b(name.encode(), key=bytes.fromhex(key), digest_size=_ID_BYTES).hexdigest()


def _with_hidden(one: Judgement, key: str) -> Judgement:
    if not key:
        return one
    cards = tuple([msgspec.structs.replace(card, orders=_references(card, key)) for card in one.cards])
    event = _reference(one.event, key) if one.event else None
    of_orders = {_reference(order, key): verdicts for order, verdicts in one.of_orders.items()}
    return msgspec.structs.replace(
        one, patient=_hidden(one.patient, key), event=event, cards=cards, of_orders=dict(sorted(of_orders.items()))
    )


def _references(card: ShownCard, key: str) -> tuple[str, ...]:
    return tuple([_reference(order, key) for order in card.orders])


def _reference(written: str, key: str) -> str:
    kind, slash, name = written.rpartition("/")
    return f"{kind}{slash}{_hidden(name, key)}"


@lru_cache(2)
def _judge(site: Site, asked: Asked, basis: Basis) -> Judge:
    judge = Judge(site, asked, content_of(site.cards, basis))
    spare_the_collector()
    return judge


class SharedLines:
    """Finds what names nobody in a file that several processes read."""

    def __init__(self, path: Path) -> None:
        self._held = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True, check_same_thread=False)

    def __call__(self, name: str) -> Sequence[bytes]:
        return [raw for (raw,) in self._held.execute("SELECT raw FROM shared WHERE name = ? ORDER BY raw", (name,))]

    def close(self) -> None:
        self._held.close()


def gather_shared(parts: Iterable[Path], into: Path) -> None:
    """One file of all that names nobody, whole or not at all."""
    draft = into.with_name(f".{into.name}")
    draft.unlink(missing_ok=True)
    held = sqlite3.connect(draft)
    with held:
        held.execute("CREATE TABLE shared (name TEXT, raw BLOB, PRIMARY KEY (name, raw)) WITHOUT ROWID")
        for part in parts:
            with part.open("rb") as lines:
                rows = (line.rstrip(b"\n").split(b"\t", 1) for line in lines)
                held.executemany("INSERT OR IGNORE INTO shared VALUES (?, ?)", ((n.decode(), raw) for n, raw in rows))
    held.close()
    draft.replace(into)
