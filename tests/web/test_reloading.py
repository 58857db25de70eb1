"""Change without downtime: SIGHUP takes new cards, clients and keys or keeps the old ones, and no call is lost."""

import json
import os
import shutil
import signal
import threading
import time

import httpx
import pytest

from cds_service.content.places import cards
from cds_service.settings import Settings
from tests.processes import eventually, serving
from tests.trust.ehr import BASE, CALL, REQUEST, clients_file, token
from tests.web.test_workers import CALL as SELECT, EXAMPLE, JSON, measured

__all__ = ["clients_file"]
pytestmark = pytest.mark.timing
RELOADED = "rbd_cds_reloads_total{"


@pytest.fixture
def folder(tmp_path):
    """Cards of a site's own."""
    return shutil.copytree(cards(Settings()), tmp_path / "cards")


def value(port, start):
    return sum(float(line.split()[-1]) for line in measured(port, start))


def summary(port):
    """What the card of the example says."""
    answer = httpx.post(f"http://127.0.0.1:{port}{SELECT}", content=EXAMPLE, headers=JSON, timeout=30)
    assert answer.status_code == 200
    return answer.json()["cards"][0]["summary"]


def change(folder, old, new):
    """In the words of the card of the example."""
    path = folder / "clonazepam-dementia" / "card.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


class Caller:
    """Calls one after the other, in several threads, until told to stop; notes every status."""

    def __init__(self, port, threads=3):
        self.statuses, self.over = [], threading.Event()
        self.port = port
        self.threads = [threading.Thread(target=self.call) for _ in range(threads)]

    def call(self):
        with httpx.Client(timeout=30) as client:
            while not self.over.is_set():
                try:
                    answer = client.post(f"http://127.0.0.1:{self.port}{SELECT}", content=EXAMPLE, headers=JSON)
                    self.statuses.append(answer.status_code)
                except httpx.TransportError as fault:
                    self.statuses.append(repr(fault))
                time.sleep(0.005)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_hangup_takes_new_cards_and_refuses_faulty_ones_without_a_call_lost(tmp_path, folder, workers):
    path = tmp_path / "output"
    more = {"CDS_CARDS": str(folder), "CDS_LOG_LEVEL": "info"}
    with (
        path.open("wb") as output,
        serving(tmp_path / "var", "--workers", str(workers), output=output, **more) as (process, port),
    ):
        assert eventually(lambda: value(port, "rbd_cds_last_reload_successful") == 1)
        before = summary(port)
        with Caller(port) as caller:
            change(folder, "risk of confusion", "it may confuse")
            process.send_signal(signal.SIGHUP)
            assert eventually(lambda: value(port, RELOADED + 'outcome="taken"') == workers)
            assert {summary(port) for _ in range(20)} == {before.replace("risk of confusion", "it may confuse")}
            change(folder, 'indicator = "warning"', 'indicator = "loud"')
            process.send_signal(signal.SIGHUP)
            assert eventually(lambda: value(port, RELOADED + 'outcome="refused"') == workers)
            assert value(port, "rbd_cds_last_reload_successful") == 0
            assert "it may confuse" in summary(port)
            assert httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
        assert set(caller.statuses) == {200}
        assert len(caller.statuses) > 20
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    refused = [line for line in lines if line["event"] == "not reloaded"]
    assert len(refused) == workers
    assert any("clonazepam-dementia" in fault and "indicator" in fault for fault in refused[0]["faults"])


def test_a_hangup_takes_new_clients_and_keys(tmp_path, clients_file):
    keys = clients_file.parent / "keys.json"
    known, clients = keys.read_text(), clients_file.read_text()
    keys.write_text(json.dumps({"keys": json.loads(known)["keys"][-1:]}))
    trusted = {"CDS_CLIENTS": str(clients_file), "CDS_PUBLIC_URL": BASE, "CDS_TODAY": "", "CDS_RECORD": "off"}
    with serving(tmp_path / "var", **trusted) as (process, port):

        def status(bearer):
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
            return httpx.post(f"http://127.0.0.1:{port}{CALL}", content=REQUEST, headers=headers).status_code

        def reload(outcome, times):
            process.send_signal(signal.SIGHUP)
            assert eventually(lambda: value(port, f'{RELOADED}outcome="{outcome}"') == times)

        used = token()
        assert status(used) == 401
        keys.write_text(known)
        reload("taken", 1)
        assert [status(used), status(used)] == [200, 401]
        clients_file.write_text(clients + "\nunheard-of = 1\n")
        reload("refused", 1)
        assert status(token()) == 200
        clients_file.write_text(clients)
        reload("taken", 2)
        assert [status(used), status(token())] == [401, 200]


@pytest.mark.parametrize("workers", [1, 2])
def test_readiness_turns_red_before_the_socket_closes(tmp_path, workers):
    with serving(tmp_path, "--workers", str(workers), CDS_DRAIN_SECONDS="2") as (process, port):
        address = f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert eventually(lambda: httpx.get(f"{address}/health/ready").status_code == 503)
        answer = httpx.post(f"{address}{SELECT}", content=EXAMPLE, headers=JSON)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert httpx.get(f"{address}/health/live").status_code == 200
        assert process.wait(60) in (0, -signal.SIGTERM)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_person_who_interrupts_does_not_wait(tmp_path, workers):
    with serving(tmp_path, "--workers", str(workers), CDS_DRAIN_SECONDS="600") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_workers_end_with_the_process_that_watches_them(tmp_path):
    with serving(tmp_path, "--workers", "2") as (process, port):
        assert eventually(lambda: len(measured(port, "rbd_cds_worker_start_timestamp_seconds{")) == 2)
        process.kill()
        assert eventually(lambda: _refuses(port))


def test_a_worker_that_cannot_start_again_for_faulty_cards_costs_the_others_nothing(tmp_path, folder):
    with serving(tmp_path / "var", "--workers", "2", CDS_CARDS=str(folder)) as (_, port):
        start = "rbd_cds_worker_start_timestamp_seconds{"
        assert eventually(lambda: len(measured(port, start)) == 2)
        change(folder, 'indicator = "warning"', 'indicator = "loud"')
        os.kill(int(measured(port, start)[0].split('"')[1]), signal.SIGKILL)
        assert eventually(lambda: len(measured(port, start)) == 1)
        time.sleep(3)
        assert summary(port)
        change(folder, 'indicator = "loud"', 'indicator = "warning"')
        assert eventually(lambda: len(measured(port, start)) == 2)


def _refuses(port):
    try:
        httpx.get(f"http://127.0.0.1:{port}/health/live")
    except httpx.TransportError:
        return True
    return False


def test_everything_that_is_written_is_json(tmp_path):
    path = tmp_path / "output"
    with (
        path.open("wb") as output,
        serving(tmp_path / "var", "--workers", "2", output=output, CDS_LOG_LEVEL="debug") as (_, port),
    ):
        httpx.post(f"http://127.0.0.1:{port}{SELECT}", content=b"{")
        with httpx.Client() as client:
            assert client.get(f"http://127.0.0.1:{port}/health/live").status_code == 200
    events = {json.loads(line)["event"] for line in path.read_bytes().splitlines()}
    assert {"starting", "serving", "library", "call"} <= events
