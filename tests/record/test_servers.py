"""Server processes: what one was told the other knows, and what one acknowledged outlives it."""

import asyncio
import json
import resource
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from cds_service.content.places import fhir_examples
from cds_service.record.store import Store
from cds_service.record.tables import ANSWERS, CARDS
from tests.lateness import slowness
from tests.processes import eventually, serving
from tests.trust.ehr import BASE, CALL, REQUEST, clients_file, token

__all__ = ["clients_file"]
pytestmark = pytest.mark.timing

ENOUGH = 300
"""Posts before the kill, of a thousand that are under way."""
SELECT = json.loads((fhir_examples() / "requests" / "order-select-rbd-dementia.json").read_text())
AT = "2026-06-15T09:00:00Z"


class Server:
    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

    def select(self):
        answer = self.client.post("/cds-services/rbd-order-select", json=SELECT)
        assert answer.status_code == 200
        return answer.json()["cards"]

    def feedback(self, card, **members):
        entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": AT, **members}
        return self.client.post("/cds-services/rbd-order-select/feedback", json={"feedback": [entry]})

    def view(self, bearer):
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        return self.client.post(CALL, content=REQUEST, headers=headers).status_code

    def stop(self):
        self.client.close()
        self.process.terminate()
        assert self.process.wait(60) is not None


@pytest.fixture
def start(tmp_path, database_url) -> Iterator:
    """Starts servers on one database and one folder."""
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(server_on(tmp_path, CDS_DATABASE_URL=database_url, **more))


@contextmanager
def server_on(folder: Path, **environment: str) -> Iterator[Server]:
    with serving(folder, **environment) as (process, port):
        server = Server(port, process)
        yield server
        server.client.close()


def counted(database_url, table):
    async def count():
        store = Store(database_url)
        async with store.engine.connect() as connection:
            found = await connection.scalar(select(func.count()).select_from(table))
        await store.close()
        return found

    return asyncio.run(count())


def test_what_one_process_was_told_the_other_knows(start, database_url):
    one, other = start(), start()
    (card,) = one.select()
    time.sleep(slowness())  # the showing is written soon, not at once
    assert other.feedback(card["uuid"]).content == b"{}"
    assert one.select() == []
    assert other.select() == []
    assert other.feedback(card["uuid"]).status_code == 200
    one.stop()
    other.stop()
    assert counted(database_url, ANSWERS) == 1
    assert counted(database_url, CARDS) == 1
    assert start().select() == []


def test_a_token_used_at_one_process_is_used_at_the_other(database_url, tmp_path, clients_file):
    """On one host with a SQLite file, and on two hosts, of which each has a folder of its own, with PostgreSQL."""
    environment = {
        "CDS_DATABASE_URL": database_url,
        "CDS_CLIENTS": str(clients_file),
        "CDS_PUBLIC_URL": BASE,
        "CDS_SECRET": "s" * 32,
        "CDS_TODAY": "",
    }
    with server_on(tmp_path / "one", **environment) as one, server_on(tmp_path / "other", **environment) as other:
        for first, second in ((one, other), (other, one)):
            bearer = token()
            assert first.view(bearer) == 200
            assert [server.view(bearer) for server in (second, first)] == [401, 401]
            assert second.view(token()) == 200


def test_every_acknowledged_post_outlives_a_killed_process(start, database_url):
    server = start()
    acknowledged = asyncio.run(_post_until_killed(server))
    assert len(acknowledged) >= ENOUGH
    start().stop()

    async def stored():
        store = Store(database_url)
        async with store.engine.connect() as connection:
            found = set(await connection.scalars(select(ANSWERS.c.card)))
        await store.close()
        return found

    assert acknowledged <= asyncio.run(stored())


async def _post_until_killed(server: Server) -> set[str]:
    """A thousand posts, sixteen at a time; the process is killed in their midst."""
    acknowledged: set[str] = set()
    waiting = [str(uuid.uuid4()) for _ in range(1000)]

    async def post(client: httpx.AsyncClient) -> None:
        while waiting:
            card = waiting.pop()
            entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": AT}
            answer = await client.post("/cds-services/rbd-order-select/feedback", json={"feedback": [entry]})
            assert answer.status_code == 200
            acknowledged.add(card)
            if len(acknowledged) == ENOUGH:
                server.process.send_signal(signal.SIGKILL)

    async with httpx.AsyncClient(base_url=server.client.base_url, timeout=60) as client:
        ended = await asyncio.gather(*(post(client) for _ in range(16)), return_exceptions=True)
    assert all(isinstance(end, httpx.TransportError) for end in ended)
    return acknowledged


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are Linux's")
def test_a_full_disk_costs_no_answer_and_loses_nothing_acknowledged(tmp_path):
    """No file of the server may grow over 1 KB: neither the database nor the journal can be written."""
    database_url = f"sqlite:///{tmp_path}/cds-service.sqlite"
    with server_on(tmp_path, CDS_DATABASE_URL=database_url) as server:
        (card,) = server.select()
        assert server.feedback(str(uuid.uuid4())).status_code == 200
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        assert server.select()
        refused = server.feedback(card["uuid"])
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert server.select()
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert eventually(lambda: server.feedback(card["uuid"]).status_code == 200)
        assert eventually(lambda: server.select() == [])
        server.stop()
    assert counted(database_url, ANSWERS) == 2
