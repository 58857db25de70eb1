"""The servers that are compared, each in a process of its own on a loopback port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.processes import free_port

ROOT = Path(__file__).parents[2]
BARE, CEILING, SERVICE, RECORDING = "a", "b", "c", "c, recording"
SIGNED_CEILING, SIGNED_SERVICE = "b, signed", "c, signed"
BASE = "http://127.0.0.1:8000"
"""What the service is called by in tokens, wherever it listens."""

CLIENTS = """
[[client]]
name = "measured-ehr"
issuer = "https://ehr.example"
jwks = "keys.json"
calls-per-minute = 100000000
"""
PATH = "/cds-services/rbd-order-sign"
_SERVE = ("-m", "cds_service", "serve")
_UVICORN = ("-m", "uvicorn", "--factory", "--http", "httptools", "--loop", "uvloop", "--no-access-log")
_PLAIN = (*_UVICORN, "--no-server-header", "--host", "127.0.0.1", "--log-level", "warning")
_COMMANDS = {
    BARE: (*_PLAIN, "tests.bench.endpoints:bare"),
    CEILING: (*_PLAIN, "tests.bench.endpoints:ceiling"),
    SIGNED_CEILING: (*_PLAIN, "tests.bench.endpoints:signed_ceiling"),
    SERVICE: _SERVE,
    RECORDING: _SERVE,
    SIGNED_SERVICE: _SERVE,
}
_START_SECONDS = 120
_MIB = 1024


class Server(msgspec.Struct, frozen=True):
    """A running server, with what the kernel counts about its process."""

    pid: int
    port: int

    def cpu(self) -> float:
        """Seconds of CPU that the process has used, user and system."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def forget_peak(self) -> None:
        """The peak of memory counts from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def memory(self) -> tuple[float, float]:
        """Resident now and at the peak, in MB of a million bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        kibibytes = {line.partition(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}
        return kibibytes["VmRSS"] * _MIB / 1e6, kibibytes["VmHWM"] * _MIB / 1e6


@contextmanager
def running(*names: str, keys: bytes = b"") -> Iterator[list[Server]]:
    """Fresh servers, ended on the way out; ``keys`` is the JWK Set of those that look at signatures."""
    with ExitStack() as stack:
        yield [stack.enter_context(_running(name, keys)) for name in names]


@contextmanager
def _running(name: str, keys: bytes) -> Iterator[Server]:
    port = free_port()
    with environment(name, keys) as set_so:
        process = subprocess.Popen(
            [sys.executable, *_COMMANDS[name], "--port", str(port)],
            cwd=ROOT,
            env={**without_settings(), **set_so},
            stdout=subprocess.DEVNULL,
        )
        try:
            _await(port, process)
            yield Server(process.pid, port)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def environment(name: str, keys: bytes = b"") -> Iterator[dict[str, str]]:
    """The settings of a server, with a folder of its own.

    One patient who is asked about a thousand times would be recalled and muted, so recording is measured apart.
    """
    with TemporaryDirectory() as folder:
        Path(folder, "keys.json").write_bytes(keys)
        Path(folder, "clients.toml").write_text(CLIENTS)
        signed = {"CDS_CLIENTS": f"{folder}/clients.toml", "CDS_PUBLIC_URL": BASE} if name == SIGNED_SERVICE else {}
        recorded = {"CDS_TODAY": "2026-06-15", "CDS_RECORD": "on" if name == RECORDING else "off", "CDS_VAR": folder}
        yield {**recorded, **signed, "BENCH_KEYS": f"{folder}/keys.json"}


def without_settings() -> dict[str, str]:
    """The environment of this process, as far as it sets nothing of the service."""
    return {variable: value for variable, value in os.environ.items() if not variable.startswith("CDS_")}


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("A server did not start; what it said is above.")
