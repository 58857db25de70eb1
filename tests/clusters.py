"""A dask cluster on loopback: a scheduler and workers, processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.processes import eventually, free_port

_SECONDS = 60
_WAIT = "import sys; from distributed import Client; Client(sys.argv[1]).wait_for_workers(int(sys.argv[2]))"


@contextmanager
def dask(folder: Path, workers: int) -> Iterator[tuple[str, list[int]]]:
    """The address of a scheduler to which so many workers have come, and the ids of all its processes."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    alike = ("--host", "127.0.0.1", "--no-dashboard")
    worker = ("dask_worker", address, *alike, "--nthreads", "1", "--no-nanny")
    with ExitStack() as stack:
        scheduler = stack.enter_context(_running(folder, "dask_scheduler", *alike, "--port", str(port)))
        assert eventually(lambda: _answers(port)), "the scheduler did not start"
        started = [stack.enter_context(_running(folder, *worker)) for _ in range(workers)]
        subprocess.run([sys.executable, "-c", _WAIT, address, str(workers)], check=True, timeout=_SECONDS)
        yield address, [one.pid for one in (scheduler, *started)]


@contextmanager
def _running(folder: Path, name: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{name}", *words],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
