"""Whole replays of an export with long charts, and of a quarter of its size, over the typed decode of every line.

A round replays in every way, one after the other. The difference of the two sizes is what a replay costs without its
start: that of Python, of the program with its cards in each process, and the report.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import msgspec

from cds_service.content.load import load
from cds_service.content.places import fhir_examples, shipped_cards
from cds_service.decisions.ruleset import assemble
from cds_service.fhir import elements as fhir
from cds_service.hooks.hooks import HOOKS
from cds_service.replay.demo import DAY, write_demo
from cds_service.replay.judge import Asked, Site
from cds_service.replay.run import Question, replay
from tests.bench.cells import Cell, Found, Run
from tests.bench.in_process import dearest_functions
from tests.bench.servers import without_settings
from tests.clusters import dask

_PROGRAM = Path(sys.executable).with_name("cds-service")
_RESULTS = 160
"""Of a patient, about: with the rest of a chart some 130 KB."""
_SMALLER = 4
"""Times smaller is the other export."""
_HOOKS = ("all", "patient-view", "order-sign")
_PROCESSES = 2
_PROFILED = 100
_MB = 1e6
_METER = """
import os, resource, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
with open(f"/proc/{process.pid}/stat") as stat:
    user, system = map(int, stat.read().rpartition(")")[2].split()[11:13])
code = process.wait()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, (user + system) / os.sysconf("SC_CLK_TCK"), used.ru_maxrss)
sys.exit(code)
"""
"""Runs a command from a small process: the peak of a new one is never below that of the process that started it."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Way(msgspec.Struct, frozen=True):
    """How an export is replayed."""

    hooks: str = "all"
    every_line: bool = False
    """Whether results that no rule reads are kept, too."""
    processes: int = _PROCESSES
    on_dask: bool = False

    @property
    def name(self) -> str:
        return f"{self.hooks} hooks" if self.hooks == "all" else self.hooks

    @property
    def lines(self) -> str:
        return "all lines" if self.every_line else "lines dropped"


class Spent(msgspec.Struct, frozen=True):
    """What one replay took, its processes together."""

    cpu: float
    led: float
    """Of it, that of the process that hands out the work."""
    wall: float
    peak: float
    """Resident MB of the largest of its processes."""
    others: float
    """The share of the machine's cores that everybody else used meanwhile."""


class Size(msgspec.Struct, frozen=True):
    """What was spent on an export of one size."""

    patients: int
    floor: float
    spent: Mapping[Way, Spent]


Rounds: TypeAlias = list[tuple[Size, Size]]
"""Each the smaller export, and the larger one."""
_LINES = (True, False)
_LOCAL = tuple(Way(hooks, every_line) for every_line in _LINES for hooks in _HOOKS)
_ALONE = tuple(Way(every_line=every_line, processes=1) for every_line in _LINES)
_CLUSTER = Way(on_dask=True)


def cells() -> Iterator[Cell]:
    seconds = 240.0
    for way in _LOCAL:
        name, goal, profiled = f"{way.name}, {way.lines}", 5.0 if way.every_line else 1.3, partial(_profile, way)
        for what, take in (("CPU over the floor", _whole), ("CPU over the floor, without the start", _slope)):
            yield Cell("replay", name, what, goal, partial(_over_floor, way, take), seconds, profiled)
            seconds = 0
    for alone in _ALONE:
        for what, take in (("time of one process over that of two", _whole), ("the same without the start", _slope)):
            name = f"{alone.name}, {alone.lines}"
            yield Cell("replay", name, what, 1.7, partial(_speed_up, alone, take), 0, at_least=True)
    for place, told in enumerate(("a quarter of the export", "the whole export")):
        yield Cell("replay", told, "peak MB of the largest process, in any local way", 150, partial(_peak, place), 0)
    what = "processor time over that on local processes, without the start"
    yield Cell("replay", f"{_CLUSTER.name}, {_CLUSTER.lines}, on a local dask", what, 1.8, _over_local, 0)


_Take: TypeAlias = Callable[[tuple[Size, Size], Callable[[Size], float]], float]


def _whole(sizes: tuple[Size, Size], figure: Callable[[Size], float]) -> float:
    return figure(sizes[1])


def _slope(sizes: tuple[Size, Size], figure: Callable[[Size], float]) -> float:
    return figure(sizes[1]) - figure(sizes[0])


def _over_floor(way: Way, take: _Take, run: Run) -> Found:
    rounds = run.once(_measured)
    cpu = statistics.median(take(sizes, lambda size: size.spent[way].cpu) for sizes in rounds)
    floor = statistics.median(take(sizes, lambda size: size.floor) for sizes in rounds)
    patients = take(rounds[0], lambda size: size.patients)
    ratio = _median(rounds, take, lambda size: size.spent[way].cpu, lambda size: size.floor)
    return Found(ratio, f"{cpu / patients * 1e3:.2f} ms a patient over {floor / patients * 1e3:.2f} ms")


def _speed_up(alone: Way, take: _Take, run: Run) -> Found:
    rounds, both = run.once(_measured), msgspec.structs.replace(alone, processes=_PROCESSES)
    ratio = _median(rounds, take, lambda size: size.spent[alone].wall, lambda size: size.spent[both].wall)
    others = statistics.median(larger.spent[way].others for _, larger in rounds for way in (alone, both))
    wall = statistics.median(larger.spent[both].wall for _, larger in rounds)
    best = _median(rounds, take, lambda size: size.spent[alone].cpu, lambda size: _shortest(size.spent[both]))
    rate = f"{rounds[0][1].patients / wall:,.0f} patients/s on {_PROCESSES}, with the start"
    return Found(ratio, f"{best:.2f} by processor time; {rate}; others used {others:.0%} of {os.cpu_count()} cores")


def _shortest(spent: Spent) -> float:
    """Seconds that it would take where every process has a core, and all but the first as much to do as the other."""
    return spent.led + (spent.cpu - spent.led) / _PROCESSES


def _over_local(run: Run) -> Found:
    rounds, local = run.once(_measured), Way()
    ratio = _median(rounds, _slope, lambda size: size.spent[_CLUSTER].cpu, lambda size: size.spent[local].cpu)
    whole = _median(rounds, _whole, lambda size: size.spent[_CLUSTER].cpu, lambda size: size.spent[local].cpu)
    peak = max(larger.spent[_CLUSTER].peak for _, larger in rounds)
    return Found(
        ratio, f"{whole:.2f} with the start of the program, not of the cluster; at most {peak:.0f} MB a process"
    )


def _median(rounds: Rounds, take: _Take, figure: Callable[[Size], float], other: Callable[[Size], float]) -> float:
    return statistics.median(take(sizes, figure) / take(sizes, other) for sizes in rounds)


def _peak(place: int, run: Run) -> Found:
    rounds = run.once(_measured)
    peaks = [spent.peak for sizes in rounds for way, spent in sizes[place].spent.items() if not way.on_dask]
    return Found(max(peaks), f"{rounds[0][place].patients:,} patients")


def _measured(run: Run) -> Rounds:
    folder = Path(run.open(TemporaryDirectory()))
    whole = run.effort.patients
    exports = {number: _written(folder / str(number), number) for number in (whole // _SMALLER, whole)}
    rounds: Rounds = []
    for turn in range(run.effort.rounds):
        print(f"replay: round {turn + 1} of {run.effort.rounds}", file=sys.stderr, flush=True)
        smaller, larger = (_all_ways(export, patients, folder) for patients, export in exports.items())
        rounds.append((smaller, larger))
    return rounds


def _written(export: Path, patients: int) -> Path:
    command = (_PROGRAM, "demo-bulk", str(patients), "--results", str(_RESULTS), "--out", export)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return export


def _all_ways(export: Path, patients: int, folder: Path) -> Size:
    ways = (*_LOCAL, *_ALONE, _CLUSTER)
    return Size(patients, floor(export), {way: replayed(export, way, folder) for way in ways})


def floor(export: Path) -> float:
    """Seconds of CPU for the typed decode of every line, one that cannot be decoded counting as read."""
    started = time.process_time()
    for path in sorted(export.glob("*.ndjson")):
        with path.open("rb") as lines:
            for line in lines:
                try:
                    _RESOURCE.decode(line)
                except msgspec.ValidationError:
                    continue
    return time.process_time() - started


def replayed(export: Path, way: Way, folder: Path) -> Spent:
    with (
        TemporaryDirectory(dir=folder) as out,
        dask(folder, _PROCESSES) if way.on_dask else nullcontext(("", [])) as (address, workers),
    ):
        command = [_PROGRAM, "replay", export, "--as-of", DAY.isoformat(), "--hook", way.hooks, "--out", f"{out}/out"]
        command += ["--cluster", address] if way.on_dask else ["--processes", str(way.processes)]
        command += ["--keep-all-lines"] if way.every_line else []
        busy, before, started = _busy(), sum(map(_cpu, workers)), time.monotonic()
        metered = [sys.executable, "-c", _METER, *command]
        told = subprocess.run(metered, env=without_settings(), check=True, stdout=subprocess.PIPE).stdout
        wall, (used, led, peak) = time.monotonic() - started, map(float, told.split())
        cpu = used + sum(map(_cpu, workers)) - before
        others = max(0.0, _busy() - busy - cpu) / (wall * (os.cpu_count() or 1))
        return Spent(cpu, led, wall, max(peak, *map(_peak_of, workers), 0) * 1024 / _MB, others)


def _cpu(pid: int) -> float:
    """Seconds of CPU of a running process, user and system."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS


def _peak_of(pid: int) -> float:
    """Resident KiB of a running process at its peak."""
    return float(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])


def _busy() -> float:
    """Seconds that the cores of the machine were at work since it started."""
    user, nice, system, _, _, irq, softirq, *_ = Path("/proc/stat").read_text().split()[1:]
    return sum(map(int, (user, nice, system, irq, softirq))) / _TICKS


def _profile(way: Way) -> Iterator[str]:
    """Of a replay in this process, after a short one, so that the loading of the cards is not in it."""
    site, hooks = Site(shipped_cards()), tuple(HOOKS) if way.hooks == "all" else (way.hooks,)
    asked, ruleset = Asked(hooks=hooks, day=DAY, is_past=True), assemble(load(shipped_cards()))
    with TemporaryDirectory() as folder:

        def replay_of(patients: int) -> None:
            source, out = f"{folder}/{patients}", Path(folder, "out")
            question = Question(source=source, out=out, site=site, asked=asked, push_down=not way.every_line)
            replay(question, ruleset, None, 1, lambda *_: None)

        for patients in (1, _PROFILED):
            write_demo(patients, Path(folder, str(patients)), fhir_examples(), results=_RESULTS)
        replay_of(1)
        yield from dearest_functions(partial(replay_of, _PROFILED), _PROFILED)


_RESOURCE = msgspec.json.Decoder(fhir.AnyResource)
