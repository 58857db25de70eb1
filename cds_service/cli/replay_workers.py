"""Who does the work of a replay, and how far it is: the processes of this machine or a cluster, and a bar."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

import click

from cds_service.cli.start import fail

if TYPE_CHECKING:
    from concurrent.futures import Executor

Workers: TypeAlias = "tuple[Executor | None, int]"
_EVERY_SECONDS = 0.2
_WIDTH = 24
_AGAIN = "The same command goes on where it was."

processes_option = click.option(
    "--processes", type=click.IntRange(1), help="Processes of this machine.  [default: one a core]"
)

cluster_option = click.option(
    "--cluster", metavar="tcp://...", help="A dask scheduler, whose workers see SOURCE and --out too."
)


@contextmanager
def executor_of(processes: int | None, cluster: str | None = None) -> Iterator[Workers]:
    """What runs tasks, and how many at once; without an executor they run in this process.

    Ends with a sentence where the disk is full or a process is lost.
    """
    from concurrent.futures import BrokenExecutor

    try:
        with _executor(processes, cluster) as found:
            yield found
    except BrokenExecutor:
        fail(f"A process was ended from outside, perhaps for want of memory: fewer --processes need less. {_AGAIN}")
    except OSError as fault:
        fail(f"The replay cannot go on: {fault.strerror or fault}. {_AGAIN}")


@contextmanager
def _executor(processes: int | None, cluster: str | None) -> Iterator[Workers]:
    workers = processes or _cores()
    if cluster:
        with _cluster(cluster) as found:
            yield found
    elif workers == 1:
        yield None, 1
    else:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(workers, get_context(_way_to_start())) as pool:
            yield pool, workers


def _way_to_start() -> Literal["fork", "spawn"]:
    """A forked process has the program and the cards already; it is safe on Linux, and beside no other thread."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@contextmanager
def _cluster(address: str) -> Iterator[tuple[Executor, int]]:
    try:
        from distributed import Client
    except ImportError:
        fail("--cluster needs dask.distributed: pip install 'rbd-cds[cluster]'.")
    with Client(address) as client:
        yield client.get_executor(), max(1, sum(client.nthreads().values()))


class Bar:
    """How far a stage is, how fast it goes and how long it may last; in one line where there is a terminal."""

    def __init__(self) -> None:
        self._stage, self._began, self._told, self._before = "", 0.0, 0.0, 0

    def __call__(self, stage: str, done: int, of: int) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._before = stage, now, done
        is_last = done == of
        if not (is_last or now - self._told >= _EVERY_SECONDS) or not sys.stderr.isatty():
            return
        self._told = now
        filled = _WIDTH * done // of if of else _WIDTH
        passed, fresh = now - self._began, done - self._before
        left = f"{_spelled(passed / fresh * (of - done))} left" if fresh and not is_last else _spelled(passed)
        rate = f"{fresh / passed:.1f}/s" if passed > 0 else ""
        line = f"\r{stage:8} [{'#' * filled}{'.' * (_WIDTH - filled)}] {done} of {of} parts, {rate}, {left}   "
        click.echo(line, err=True, nl=is_last)


def _spelled(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
