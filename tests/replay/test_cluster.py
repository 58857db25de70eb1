"""Beyond one machine: a scheduler and two workers of dask, processes of their own, and not a line of other code."""

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.replay.test_replay import found

SECONDS = 60


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def scheduler(tmp_path):
    """The address of a scheduler with two workers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    worker = ("dask_worker", address, "--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1", "--no-nanny")
    commands = [("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"), worker, worker]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with ExitStack() as stack:
        for name, *words in commands:
            one = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{name}", *words],
                env=environment,
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(one.wait)
            stack.callback(one.terminate)
            until = time.monotonic() + SECONDS
            while not answers(port) and time.monotonic() < until:
                time.sleep(0.05)
        yield address


def test_a_cluster_gives_the_same(scheduler, bulk, judged, tmp_path):
    out = tmp_path / "cluster"
    program = Path(sys.executable).with_name("cds-service")
    command = [program, "replay", bulk, "--as-of", "2026-06-15", "--cluster", scheduler, "--out", out]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=tmp_path, timeout=SECONDS)
    assert found(out) == found(judged[1])
