"""The same replay by the group-by of Spark, Ray Data and Dask Bag, over the replay's own two stages on the same cores.

Run by hand where they are installed, ``python -m tests.bench.engines``; one that is not is named and left out. Each way
runs in a process of its own, right after the two stages, and its judgements are compared with theirs. What counts is
the time and the processor time of the whole tree of processes once the engine has started.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from cds_service.content.load import load
from cds_service.content.places import fhir_examples, shipped_cards
from cds_service.decisions.collector import spare_the_collector
from cds_service.decisions.ruleset import assemble
from cds_service.hooks.hooks import HOOKS
from cds_service.replay.chart import ChartReader, Record
from cds_service.replay.coverage import Counting
from cds_service.replay.demo import DAY, write_demo
from cds_service.replay.judge import Asked, Judge, Site
from cds_service.replay.judgements import JUDGEMENTS
from cds_service.replay.lines import LineReader
from cds_service.replay.partition import judged
from cds_service.replay.run import Question, replay

_RESULTS, _PROCESSES = 160, 2
_AIM = 4
"""Times as many patients a second."""
_LINES_A_FILE = 10_000
_PARTITIONS = 16
_TICKS = os.sysconf("SC_CLK_TCK")
_ENVIRONMENT = {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, "RAY_USAGE_STATS_ENABLED": "0"}
_INSIDE = "from tests.bench.engines import main; main()"
"""What is sent to the processes of an engine has to be of a module that they can import, and not of the program."""
_ROOT = Path(__file__).parents[2]
Steps = Iterator[None]
"""Stops twice: when the engine is up, and when the work is done and its processes still live."""


def own(export: Path, out: Path, every_line: bool) -> Steps:
    question = Question(
        source=str(export), out=out, site=Site(shipped_cards()), asked=_asked(), push_down=not every_line
    )
    ruleset = assemble(load(shipped_cards()))
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        yield
        replay(question, ruleset, pool, _PROCESSES, lambda *_: None)
        yield


def spark_rdd(export: Path, out: Path, every_line: bool) -> Steps:
    with _spark() as session:
        yield
        lines = session.sparkContext.textFile(f"{export}/*.ndjson", _PARTITIONS, use_unicode=False)
        grouped = lines.flatMap(partial(keyed, every_line)).groupByKey(_PARTITIONS)
        _write(out, grouped.map(judgements_of).collect())
        yield


def spark_frame(export: Path, out: Path, every_line: bool) -> Steps:
    with _spark() as session:
        yield
        lines = session.read.text(f"{export}/*.ndjson")
        rows = lines.mapInArrow(partial(_keyed_in_arrow, every_line), "patient string, kind string, raw string")
        done = rows.groupBy("patient").applyInArrow(_judged_in_arrow, "patient string, judgements string")
        _write(out, [(row.patient, row.judgements.encode()) for row in done.collect()])
        yield


def ray_data(export: Path, out: Path, every_line: bool) -> Steps:
    import ray

    ray.init(num_cpus=_PROCESSES, include_dashboard=False)
    yield
    lines = ray.data.read_text(str(export), file_extensions=["ndjson"])
    rows = lines.flat_map(lambda row: [_as_row(*one) for one in keyed(every_line, row["text"].encode())])
    done = rows.groupby("patient", num_partitions=_PARTITIONS).map_groups(_judged_in_ray)
    _write(out, [(row["patient"], row["judgements"]) for row in done.take_all()])
    yield
    ray.shutdown()


def dask_bag(export: Path, out: Path, every_line: bool) -> Steps:
    from dask import bag

    yield
    lines = bag.read_text(f"{export}/*.ndjson")
    grouped = lines.map(str.encode).map(partial(keyed, every_line)).flatten().groupby(_patient_of)
    done = grouped.map(lambda group: judgements_of((group[0], (record for _, record in group[1]))))
    _write(out, done.compute(scheduler="processes", num_workers=_PROCESSES))
    yield


WAYS: dict[str, tuple[str, Callable[[Path, Path, bool], Steps]]] = {
    "Spark, groupByKey": ("pyspark", spark_rdd),
    "Spark, groupBy.applyInArrow": ("pyspark", spark_frame),
    "Ray Data, groupby.map_groups": ("ray", ray_data),
    "Dask Bag, groupby": ("dask", dask_bag),
}
_OWN = "own two stages"


def _asked() -> Asked:
    return Asked(hooks=tuple(HOOKS), day=DAY, is_past=True)


@cache
def _reader(every_line: bool) -> LineReader:
    return LineReader(None if every_line else load(shipped_cards()).vocabulary)


@cache
def _judging() -> tuple[Judge, ChartReader, Counting]:
    """What a process needs to judge; the export holds nothing that names nobody."""
    judge = Judge(Site(shipped_cards()), _asked())
    spare_the_collector()
    return judge, judge.reader(lambda _: ()), Counting(judge.known)


def keyed(every_line: bool, line: bytes) -> Sequence[tuple[str, tuple[str, str, bytes]]]:
    """A line with its patient; nothing for one that no rule reads."""
    named = _reader(every_line).read(line.strip())
    return () if named.dropped else ((named.patient, (named.type, "", line.strip())),)


def judgements_of(group: tuple[str, Iterable[tuple[str, str, bytes]]]) -> tuple[str, bytes]:
    """The judgements of a patient, a line each."""
    patient, records = group
    found = judged(patient, [Record(*one) for one in records], *_judging())
    return patient, b"".join([msgspec.json.encode(one) + b"\n" for one in found])


def _patient_of(one: tuple[str, Any]) -> str:
    return one[0]


def _as_row(patient: str, record: tuple[str, str, bytes]) -> dict[str, Any]:
    return {"patient": patient, "kind": record[0], "raw": record[2]}


def _judged_in_ray(group: dict[str, Any]) -> dict[str, Any]:
    """A group of Ray Data: a column of each."""
    records = [(kind, "", bytes(raw)) for kind, raw in zip(group["kind"], group["raw"], strict=True)]
    patient, found = judgements_of((str(group["patient"][0]), records))
    return {"patient": [patient], "judgements": [found]}


def _keyed_in_arrow(every_line: bool, batches: Iterable[Any]) -> Iterator[Any]:
    import pyarrow

    for batch in batches:
        rows = [one for line in batch.column(0) for one in keyed(every_line, line.as_py().encode())]
        columns = [[p for p, _ in rows], [kind for _, (kind, _, _) in rows], [raw.decode() for _, (_, _, raw) in rows]]
        yield pyarrow.RecordBatch.from_arrays(list(map(pyarrow.array, columns)), ["patient", "kind", "raw"])


def _judged_in_arrow(group: Any) -> Any:
    import pyarrow

    rows = group.to_pylist()
    patient, found = judgements_of((rows[0]["patient"], [(row["kind"], "", row["raw"].encode()) for row in rows]))
    return pyarrow.table({"patient": [patient], "judgements": [found.decode()]})


def _spark() -> Any:
    from pyspark.sql import SparkSession

    made = SparkSession.builder.master(f"local[{_PROCESSES}]").config("spark.ui.enabled", "false")
    return made.config("spark.driver.memory", "4g").config("spark.sql.shuffle.partitions", _PARTITIONS).getOrCreate()


def _write(out: Path, found: Iterable[tuple[str, bytes]]) -> None:
    out.mkdir()
    (out / JUDGEMENTS.format(0)).write_bytes(b"".join(lines for _, lines in sorted(found)))


def _measured(way: str, export: Path, out: Path, every_line: bool) -> dict[str, float]:
    """In this process: seconds of the start, of the work, and of processor time of the work."""
    began = time.monotonic()
    steps = _way(way)(export, out, every_line)
    next(steps)
    started, before = time.monotonic(), _cpu_of_tree()
    next(steps)
    figures = {"start": started - began, "wall": time.monotonic() - started, "cpu": _cpu_of_tree() - before}
    next(steps, None)
    return figures


def _way(name: str) -> Callable[[Path, Path, bool], Steps]:
    return own if name == _OWN else WAYS[name][1]


def _cpu_of_tree() -> float:
    """Seconds of CPU of this process, of all below it, and of those of them that have ended."""
    parents, spent = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
        spent[int(path.parent.name)] = sum(map(int, fields[11:15])) / _TICKS
    return sum(cpu for pid, cpu in spent.items() if os.getpid() in _above(pid, parents))


def _above(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    """The process itself, its parent, and so on."""
    while pid:
        yield pid
        pid = parents.get(pid, 0)


def _apart(way: str, export: Path, folder: Path, every_line: bool) -> tuple[dict[str, float], bytes]:
    """What a way takes in a process of its own, and what it judged."""
    with TemporaryDirectory(dir=folder) as work:
        command = [sys.executable, "-c", _INSIDE, "--way", way, "--export", str(export), "--out", work]
        command += ["--every-line"] if every_line else []
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), **_ENVIRONMENT}
        with Path(work, "errors").open("w+") as errors:
            done = subprocess.run(command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors)
            if done.returncode:
                errors.seek(0)
                sys.exit(f"{way} ended with {done.returncode}: {errors.read()[-3000:]}")
        return json.loads(done.stdout.splitlines()[-1]), Path(work, "out", JUDGEMENTS.format(0)).read_bytes()


def _compare(patients: int, names: Sequence[str]) -> None:
    with TemporaryDirectory() as folder:
        export = Path(folder, "export")
        write_demo(patients, Path(folder, "whole"), fhir_examples(), results=_RESULTS)
        _cut(Path(folder, "whole"), export)
        print(f"{patients:,} patients, {sum(path.stat().st_size for path in export.iterdir()) / 1e6:,.0f} MB;")
        print(f"runnable processes {os.getloadavg()[0]:.1f}; {_versions()}\n")
        print(
            "| way | lines | start, s | patients/s | ours, patients/s | ours over it | | CPU over ours | judgements |"
        )
        print("| --- | --- | ---: | ---: | ---: | ---: | --- | ---: | --- |")
        for every_line in (True, False):
            for name in names:
                ours, wanted = _apart(_OWN, export, Path(folder), every_line)
                its, found = _apart(name, export, Path(folder), every_line)
                cells = [name, "all" if every_line else "dropped", f"{its['start']:.0f}"]
                times = its["wall"] / ours["wall"]
                cells += [f"{patients / one['wall']:,.0f}" for one in (its, ours)]
                cells += [f"{times:.1f}", "met" if times >= _AIM else "not met"]
                cells += [f"{its['cpu'] / ours['cpu']:.1f}", "the same" if found == wanted else "DIFFERENT"]
                print(f"| {' | '.join(cells)} |", flush=True)
        print(f"\nrunnable processes then {os.getloadavg()[0]:.1f}")


def _cut(whole: Path, export: Path) -> None:
    """The same export in files of some megabytes, since engines read a file in one task."""
    export.mkdir()
    for path in whole.glob("*.ndjson"):
        lines = path.read_bytes().splitlines(keepends=True)
        for start in range(0, len(lines), _LINES_A_FILE):
            part = export / f"{path.stem}.{start // _LINES_A_FILE:03}.ndjson"
            part.write_bytes(b"".join(lines[start : start + _LINES_A_FILE]))


def _versions() -> str:
    held = {name: _version(name) for name in ("pyspark", "ray", "dask", "pyarrow", "pandas")}
    return ", ".join(f"{name} {version}" for name, version in held.items())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engines", description=__doc__)
    parser.add_argument("--patients", type=int, default=1_000)
    parser.add_argument("--only", choices=WAYS, action="append", help="this engine alone; may be given again")
    for inner in ("--way", "--export", "--out"):
        parser.add_argument(inner, help=argparse.SUPPRESS)
    parser.add_argument("--every-line", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way:
        figures = _measured(chosen.way, Path(chosen.export), Path(chosen.out, "out"), chosen.every_line)
        print(json.dumps(figures))
        return
    asked = chosen.only or WAYS
    _compare(chosen.patients, [name for name in asked if _version(WAYS[name][0]) != "not installed"])


if __name__ == "__main__":
    main()
