"""A whole replay: both stages over any executor, what was done before kept, and the results in one order.

The folder of work holds what a run that was stopped has done. It belongs to one export, one set of cards and one
question, and is begun anew for any other.
"""

from __future__ import annotations

import heapq
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from cds_service.decisions.ruleset import Ruleset
from cds_service.errors import NothingToReplay
from cds_service.replay.basis import Basis, hold
from cds_service.replay.coverage import OBSERVATIONS, Counted, codes_of, left_out
from cds_service.replay.judge import Asked, Site
from cds_service.replay.judgements import CODES, JUDGEMENTS, RUN, Damage, Run
from cds_service.replay.lines import NO_PATIENT, NOT_ASKED, REQUEST
from cds_service.replay.partition import JudgedTally, JudgeTask, gather_shared, judge_partition
from cds_service.replay.sources import CHUNK, File, files_of, lies_in, pieces_of
from cds_service.replay.spill import replaced
from cds_service.replay.split import MOST_PLACES, SplitTask, Tally, split

T = TypeVar("T", SplitTask, JudgeTask)
_WORK, _PLAN = ".work", "plan.json"
_PARTITION, _MOST_PARTITIONS, _LEAST_PARTITIONS = 16 * 2**20, 2048, 8
_UNPACKED = 8
"""How much larger a packed file reads, about."""
_AHEAD = 2
_IN_A_FILE = 100_000
_OPEN_AT_ONCE = 200


class Progress(Protocol):
    """Told how much of a stage is done."""

    def __call__(self, stage: str, done: int, of: int) -> None: ...


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is replayed, and how."""

    source: str
    out: Path
    site: Site
    asked: Asked
    push_down: bool = True
    id_key: str = ""
    chunk: int = CHUNK


class _Plan(msgspec.Struct, frozen=True):
    """What a folder of work is about."""

    basis: Basis
    question: str
    files: str
    partitions: int


class Workers(Protocol):
    """Whoever does the tasks of a stage: processes, a cluster, an engine such as Spark."""

    def run(self, work: Callable[[T], object], tasks: Sequence[T]) -> Iterable[T]:
        """Does the work on each task, anywhere, and gives each task back when it is done, in any order.

        A task may be done twice, and its files must be within reach of whoever does the next stage; what the work
        gives back is not needed.
        """


def replay(question: Question, ruleset: Ruleset, executor: Executor | None, workers: int, progress: Progress) -> Run:
    """Replays an export into a folder, and gives what is told of it; without an executor in this process."""
    return replay_with(_Executing(executor, workers), question, ruleset, progress)


def replay_with(workers: Workers, question: Question, ruleset: Ruleset, progress: Progress) -> Run:
    """The same by any workers, to the same bytes."""
    return _Replay(question, ruleset, workers, progress).run()


class _Executing:
    """Runs tasks, no more of them waiting than are needed to keep everybody busy."""

    def __init__(self, executor: Executor | None, workers: int) -> None:
        self._executor, self._most = executor, workers * _AHEAD

    def run(self, work: Callable[[T], object], tasks: Sequence[T]) -> Iterator[T]:
        if self._executor is None:
            for task in tasks:
                work(task)
                yield task
            return
        waiting: dict[Future[object], T] = {}
        try:
            for task in tasks:
                waiting[self._executor.submit(work, task)] = task
                if len(waiting) >= self._most:
                    yield from _finished(waiting)
            while waiting:
                yield from _finished(waiting)
        finally:
            for future in waiting:
                future.cancel()


def _finished(waiting: dict[Future[object], T]) -> Iterator[T]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
        yield waiting.pop(future)


class _Replay:
    def __init__(self, question: Question, ruleset: Ruleset, workers: Workers, progress: Progress) -> None:
        self._question, self._content = question, ruleset.content
        self._basis = hold(question.site.cards, self._content)
        self._workers, self._progress = workers, progress
        self._files, self._others = files_of(question.source)
        if lies_in(question.out, question.source):
            told = f"{question.out} lies in {question.source} and would be read as a part of it"
            raise NothingToReplay([f"{told}: keep the results elsewhere, by --out."])
        self._partitions = _partitions(self._files)
        self._work = question.out / _WORK

    def run(self) -> Run:
        self._begin()
        splits = self._splits()
        self._stage("reading", split, splits)
        shared = self._work / "shared.sqlite"
        if not shared.exists():
            gather_shared([task.shared for task in splits], shared)
        tasks = self._judgings(splits, shared)
        self._stage("judging", judge_partition, tasks)
        totals = _Totals()
        for path in (task.done for task in tasks):
            totals.add_judged(msgspec.json.decode(path.read_bytes(), type=JudgedTally))
        for path in (task.done for task in splits):
            totals.add_split(msgspec.json.decode(path.read_bytes(), type=Tally))
        run = self._told(totals)
        self._finish(run, totals, [task.judged for task in tasks])
        return run

    def _begin(self) -> None:
        """Keeps what was done of the very same; anything else that is left of another run goes."""
        plan, path = msgspec.json.encode(self._plan()), self._work / _PLAN
        if path.exists() and path.read_bytes() == plan:
            return
        shutil.rmtree(self._work, ignore_errors=True)
        self._question.out.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._work.mkdir(mode=0o700)
        replaced(path, plan)

    def _plan(self) -> _Plan:
        question = self._question
        asked = _ORDERED.encode((question.asked, question.site, question.push_down, question.id_key, question.chunk))
        return _Plan(
            basis=self._basis,
            question=sha256(asked).hexdigest(),
            files=sha256(msgspec.json.encode(self._files)).hexdigest(),
            partitions=self._partitions,
        )

    def _splits(self) -> list[SplitTask]:
        question = self._question
        cards = question.site.cards if question.push_down else None
        return [
            SplitTask(number, pieces, self._work, self._partitions, self._basis, cards)
            for number, pieces in enumerate(pieces_of(self._files, question.chunk))
        ]

    def _judgings(self, splits: Iterable[SplitTask], shared: Path) -> list[JudgeTask]:
        question = self._question
        spills = tuple([task.spill for task in splits])
        return [
            JudgeTask(
                number=number,
                work=self._work,
                partitions=self._partitions,
                spills=spills,
                shared=shared,
                site=question.site,
                basis=self._basis,
                asked=question.asked,
                id_key=question.id_key,
            )
            for number in range(self._partitions)
        ]

    def _stage(self, name: str, work: Callable[[T], object], tasks: Sequence[T]) -> None:
        left = [task for task in tasks if not task.done.exists()]
        done = len(tasks) - len(left)
        self._progress(name, done, len(tasks))
        for _ in self._workers.run(work, left):
            done += 1
            self._progress(name, done, len(tasks))

    def _told(self, totals: _Totals) -> Run:
        judged, types, asked = totals.judged, totals.types, self._question.asked
        content = self._content
        dropped = totals.dropped + Counter({NO_PATIENT: judged.orphans, NOT_ASKED: judged.not_asked})
        return Run(
            program=self._basis.program,
            cards=self._basis.cards,
            hooks=asked.hooks,
            services={
                text.id: tuple([name for name in text.rules if content.rules[name].status != "retired"])
                for text in content.services.service
                if text.hook in asked.hooks
            },
            said=dict(sorted(content.said.items())),
            mode="requests" if types and set(types) <= {REQUEST} else asked.mode,
            as_of=asked.day.isoformat(),
            switches={
                "since": asked.since.isoformat() if asked.since else None,
                "as-known-then": asked.is_past or asked.mode == "events",
                "push-down": self._question.push_down,
                "memory": asked.with_memory,
                "hashed-ids": bool(self._question.id_key),
                "not-exported": ", ".join(sorted(asked.not_exported)) or None,
            },
            patients=judged.patients,
            judgements=judged.judgements,
            files=len(self._files),
            files_left_out=self._others,
            lines=totals.lines,
            bytes=totals.bytes,
            types=dict(sorted(types.items())),
            damaged=tuple([totals.damaged[name] for name in sorted(totals.damaged)]),
            dropped=dict(sorted(dropped.items())),
            days=judged.days,
        )

    def _finish(self, run: Run, totals: _Totals, judged: Sequence[Path]) -> None:
        """Puts the results in their place; what lay there of an earlier run goes, and the run is told last."""
        out = self._question.out
        (out / RUN).unlink(missing_ok=True)
        for old in out.glob("judgements-*.ndjson"):
            old.unlink()
        _write_judgements(out, self._work, judged)
        replaced(out / CODES, _pretty(codes_of(totals.codes)))
        replaced(out / RUN, _pretty(run))
        shutil.rmtree(self._work)


class _Totals:
    """What the tasks of both stages counted, added up; each tally is read once and let go of."""

    def __init__(self) -> None:
        self.lines = self.bytes = 0
        self.types: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.damaged: dict[tuple[str, str], Damage] = {}
        """By file and kind."""
        self.judged = JudgedTally()
        self.codes: dict[str, Counted] = {}

    def add_split(self, tally: Tally) -> None:
        self.lines += tally.lines
        self.bytes += tally.bytes
        self.types.update(tally.types)
        self.dropped.update(tally.dropped)
        for one in tally.damaged:
            before = self.damaged.get((one.file, one.kind), Damage(one.file, one.kind, 0))
            places = (*before.at, *one.at)[:MOST_PLACES]
            self.damaged[one.file, one.kind] = Damage(one.file, one.kind, before.count + one.count, places)
        self._codes_of(OBSERVATIONS).add(left_out(tally.strange))

    def add_judged(self, tally: JudgedTally) -> None:
        self.judged.add(tally)
        for name, held in tally.codes.items():
            self._codes_of(name).add(held.counted())

    def _codes_of(self, collection: str) -> Counted:
        return self.codes.setdefault(collection, Counted())


def _partitions(files: Iterable[File]) -> int:
    """By the size of the export alone, so that it is the same on any machine."""
    size = sum(file.size * (_UNPACKED if file.is_gzipped else 1) for file in files)
    return min(max(-(-size // _PARTITION), _LEAST_PARTITIONS), _MOST_PARTITIONS)


def _write_judgements(out: Path, work: Path, parts: Sequence[Path]) -> None:
    """Each part is in order, and no patient is in two."""
    while len(parts) > _OPEN_AT_ONCE:
        groups = [parts[start : start + _OPEN_AT_ONCE] for start in range(0, len(parts), _OPEN_AT_ONCE)]
        parts = [_merged_into(work / f"merged-{len(parts)}-{number}", group) for number, group in enumerate(groups)]
    merged = _merged(parts)
    for number, first in enumerate(merged):
        path = out / JUDGEMENTS.format(number)
        draft = path.with_name(f".{path.name}")
        with draft.open("wb") as file:
            file.write(first)
            file.writelines(islice(merged, _IN_A_FILE - 1))
        draft.replace(path)


def _merged_into(path: Path, parts: Iterable[Path]) -> Path:
    with path.open("wb") as file:
        file.writelines(_merged(parts))
    return path


def _merged(parts: Iterable[Path]) -> Iterator[bytes]:
    return heapq.merge(*map(_lines, parts), key=_patient)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as lines:
        yield from lines


def _patient(line: bytes) -> bytes:
    """The patient of a written judgement: its first member, and no id that would have to be escaped is taken."""
    return line[len(_FIRST) : line.index(b'"', len(_FIRST))]


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


_ORDERED = msgspec.json.Encoder(order="deterministic", enc_hook=str)
_FIRST = b'{"patient":"'
