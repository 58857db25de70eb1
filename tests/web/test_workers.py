"""The command as a site runs it: several workers that count together, and calls under way that are still answered."""

import json
import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.processes import ROOT, eventually, serving

EXAMPLE = (ROOT / "fhir_examples/requests/order-select-rbd-dementia.json").read_bytes()
CALL = "/cds-services/rbd-order-select"
JSON = {"Content-Type": "application/json"}


def measured(port: int, start: str) -> list[str]:
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    return [line for line in lines if line.startswith(start)]


def workers(port: int) -> set[int]:
    lines = measured(port, "rbd_cds_worker_start_timestamp_seconds{")
    return {int(line.split('"')[1]) for line in lines}


@pytest.mark.timing
def test_workers_count_together_and_one_that_was_killed_is_replaced_and_counts_no_longer(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as (_, port):
        assert eventually(lambda: len(workers(port)) == 2)
        for _ in range(20):
            assert httpx.post(f"http://127.0.0.1:{port}{CALL}", content=EXAMPLE, headers=JSON).status_code == 200
        calls = "rbd_cds_calls_total{"
        for _ in range(6):
            (line,) = measured(port, calls)
            assert float(line.split()[-1]) == 20
        killed = min(workers(port))
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: len(workers(port) - {killed}) == 2)
        assert killed not in workers(port)
        assert float(measured(port, calls)[0].split()[-1]) == 20


@pytest.mark.timing
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_call_under_way_is_answered_before_the_service_ends(tmp_path: Path, ending: signal.Signals) -> None:
    fields = f"Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(EXAMPLE)}"
    head = f"POST {CALL} HTTP/1.1\r\n{fields}\r\n\r\n"
    with serving(tmp_path) as (process, port), socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(head.encode() + EXAMPLE[:100])
        assert eventually(lambda: measured(port, "rbd_cds_calls_under_way") == ["rbd_cds_calls_under_way 1.0"])
        process.send_signal(ending)
        assert eventually(lambda: refuses(port))
        assert process.poll() is None
        line.sendall(EXAMPLE[100:])
        answer = b"".join(iter(lambda: line.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["cards"]
        assert process.wait(60) in (0, -ending)


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.timing
@pytest.mark.parametrize("number", [1, 2])
def test_each_process_tells_what_it_takes_of_the_machine(tmp_path: Path, number: int) -> None:
    with serving(tmp_path, "--workers", str(number)) as (_, port):
        assert eventually(lambda: len(measured(port, "rbd_cds_process_open_fds{")) == number)
        for name, least in (("cpu_seconds_total", 0.1), ("resident_memory_bytes", 1e7), ("max_fds", 100)):
            lines = measured(port, f"rbd_cds_process_{name}{{")
            assert len(lines) == number
            assert all(float(line.split()[-1]) > least for line in lines)
