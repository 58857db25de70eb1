"""Servers in processes of their own, on loopback."""

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx

ROOT = Path(__file__).parents[1]
_SECONDS = 120
"""Waited for what must happen in the end, on the slowest machine."""
_BYTECODE = tempfile.TemporaryDirectory(prefix="cds-bytecode-")
_COMPILED_ONCE = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": _BYTECODE.name}
"""Where nothing compiled may be kept beside the sources, every start would compile them again: most of its time."""


@contextmanager
def serving(
    folder: Path, *options: str, output: IO[bytes] | None = None, port: int | None = None, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """``cds-service serve`` with nothing in its environment but this, ready to answer; killed on the way out.

    ``output`` takes in all that it writes.
    """
    folder.mkdir(exist_ok=True)
    port = port or free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    quick = {"CDS_LOG_LEVEL": "warning", "CDS_DRAIN_SECONDS": "0", "PYTHONPATH": str(ROOT)}
    quick |= _COMPILED_ONCE if sys.dont_write_bytecode else {}
    given = {"CDS_TODAY": "2026-06-15", "CDS_VAR": str(folder), **quick}
    process = subprocess.Popen(
        [sys.executable, "-m", "cds_service", "serve", "--port", str(port), *options],
        cwd=folder,
        env={**kept, **given, **environment},
        stdout=output or subprocess.DEVNULL,
        stderr=output,
    )
    try:
        assert eventually(lambda: process.poll() is not None or _is_ready(port)), "the server did not start"
        assert process.poll() is None, "the server ended"
        yield process, port
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to whoever connects somewhere meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
    except httpx.TransportError:
        return False
