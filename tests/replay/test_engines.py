"""The examples of docs/engines: over any engine the same bytes; where an engine is installed, over that itself."""

import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
from datetime import date
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from cds_service.content.places import shipped_cards
from cds_service.hooks.hooks import HOOKS
from cds_service.replay.judge import Asked, Site
from cds_service.replay.judgements import read_run
from cds_service.replay.run import Question, replay_with
from tests.bench import engines
from tests.real_parts import left_out
from tests.replay.test_replay import found

EXAMPLES = Path(__file__).parents[2] / "docs" / "engines"
SECONDS = 180
LOCAL = {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, "RAY_USAGE_STATS_ENABLED": "0"}


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def travelled(task):
    """As it arrives in another process."""
    return pickle.loads(pickle.dumps(task))  # noqa: S301 - our own


class LoopOfSpark:
    """What the example uses of a SparkContext, as a loop over the partitions, the last first."""

    def parallelize(self, tasks, partitions):
        self._parts = [[travelled(task) for task in tasks[number::partitions]] for number in range(partitions)]
        return self

    def mapPartitions(self, function):
        self._function = travelled(function)
        return self

    def collect(self):
        return [done for part in reversed(self._parts) for done in self._function(iter(part))]


class LoopOfRay:
    """What the example uses of ray: the last task is done first, and each twice, as one is whose result was lost."""

    def remote(self, work):
        return RemoteFunction(work)

    def wait(self, waiting):
        return waiting[-1:], waiting[:-1]

    def get(self, done):
        done()
        done()


class RemoteFunction:
    def __init__(self, work):
        self._work = work

    def remote(self, task):
        return partial(self._work, travelled(task))


def answered(workers, bulk, ruleset, out):
    asked = Asked(hooks=tuple(HOOKS), day=date(2026, 6, 15), is_past=True)
    question = Question(source=str(bulk), out=out, site=Site(shipped_cards()), asked=asked, chunk=100_000)
    told = replay_with(workers, question, ruleset, lambda *_: None)
    return told, found(out)


@pytest.fixture
def on_spark(monkeypatch):
    """The example as a module that its own function can be sent from."""
    module = example("on_spark")
    monkeypatch.setitem(sys.modules, "on_spark", module)
    return module


def test_the_function_for_each_partition_gives_the_same_bytes_in_a_loop(on_spark, bulk, judged, ruleset, tmp_path):
    told, results = answered(on_spark.Spark(LoopOfSpark()), bulk, ruleset, tmp_path / "spark")
    assert results == found(judged[1])
    assert told == judged[0]


def test_tasks_done_one_by_one_and_twice_give_the_same_bytes(bulk, judged, ruleset, tmp_path):
    told, results = answered(example("on_ray").Ray(LoopOfRay()), bulk, ruleset, tmp_path / "ray")
    assert results == found(judged[1])
    assert told == judged[0]


@pytest.mark.parametrize("is_every_line", [True, False])
def test_lines_that_an_engine_has_brought_together_by_patient_give_the_same_bytes(is_every_line, bulk, judged):
    lines = reversed([line for path in bulk.glob("*.ndjson") for line in path.read_bytes().splitlines()])
    keyed = [one for line in lines for one in engines.keyed(is_every_line, line)]
    groups = {}
    for patient, record in keyed:
        groups.setdefault(patient, []).append(record)
    found = b"".join(lines for _, lines in sorted(map(engines.judgements_of, groups.items())))
    assert found == b"".join(path.read_bytes() for path in sorted(judged[1].glob("judgements-*.ndjson")))


@pytest.mark.parametrize(("name", "engine"), [("on_spark", "pyspark"), ("on_ray", "ray")])
def test_an_engine_gives_the_same_bytes(name, engine, bulk, judged, tmp_path):
    if find_spec(engine) is None:
        pytest.skip(
            f"{engine} is not installed: some 600 MB or more, and needed for nothing else (pip install {engine})"
        )
    if engine == "pyspark" and shutil.which("java") is None:
        left_out("Java is not installed (Debian: apt-get install openjdk-17-jdk-headless)")
    out = tmp_path / "out"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **LOCAL}
    command = [sys.executable, EXAMPLES / f"{name}.py", bulk, "2026-06-15", out]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    assert found(out) == found(judged[1])
    assert read_run(out) == judged[0]
