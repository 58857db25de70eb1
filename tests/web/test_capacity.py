"""How many calls are answered at once, and what the next one is told."""

import asyncio
import json
from contextlib import ExitStack, asynccontextmanager

import pytest

from cds_service.errors import TooBusy
from cds_service.web.capacity import Capacity
from tests.calling import application_with
from tests.contract import speaking_to
from tests.fhir_client import misbehaving
from tests.trust.ehr import REQUEST, call, clients_file, guarding, token
from tests.web.test_calls import VIEW

__all__ = ["clients_file"]
pytestmark = pytest.mark.anyio
CALL = "/cds-services/rbd-patient-view"
PATIENCE = 60
"""Seconds until a test that waits for something to happen gives up."""


@pytest.fixture(scope="module")
def narrow_application():
    """A service that answers two calls at once, and waits long for the data that they lack."""
    return application_with(CDS_MAX_CONCURRENT="2", CDS_DEADLINE_MS="5000")


@pytest.fixture
async def narrow(narrow_application, anyio_backend):
    async with speaking_to(narrow_application) as client:
        yield client


@asynccontextmanager
async def two_under_way(client):
    """Two calls that lack something, for as long as the FHIR server keeps its answers back."""
    go, asked = asyncio.Event(), asyncio.Semaphore(0)

    async def waits(*question):
        asked.release()
        await go.wait()
        await misbehaving.empty(*question)

    async with misbehaving.running() as ehr:
        ehr.answers["Procedure"] = waits
        given = {key: value for key, value in VIEW["prefetch"].items() if key != "procedures"}
        lacking = VIEW | {"prefetch": given, "fhirServer": ehr.url}
        calls = [asyncio.create_task(client.post(CALL, json=lacking)) for _ in range(2)]
        async with asyncio.timeout(PATIENCE):
            await asked.acquire()
            await asked.acquire()
        yield calls
        go.set()
        assert [(await one).status_code for one in calls] == [200, 200]


class Upload:
    """A body of which the second half is kept back until it may go."""

    def __init__(self, body):
        self._body = body
        self._awaited = asyncio.Event()
        self.go = asyncio.Event()

    async def under_way(self):
        async with asyncio.timeout(PATIENCE):
            await self._awaited.wait()

    async def pieces(self):
        yield self._body[:10]
        self._awaited.set()
        await self.go.wait()
        yield self._body[10:]


async def test_a_call_too_many_is_told_to_come_back(narrow):
    async with two_under_way(narrow):
        refused = await narrow.post(CALL, json=VIEW)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["issue"][0]["code"] == "throttled"
        assert refused.headers["access-control-allow-origin"] == "*"
        assert (await narrow.post(f"{CALL}/feedback", json={"feedback": []})).status_code == 503
        assert (await narrow.get("/health/live")).status_code == 200
        assert (await narrow.get("/cds-services")).status_code == 200
    assert (await narrow.post(CALL, json=VIEW)).status_code == 200


async def test_a_body_on_its_way_takes_room_and_one_given_up_gives_it_back(narrow):
    bodies = [Upload(json.dumps(VIEW).encode()) for _ in range(2)]
    uploads = [asyncio.create_task(narrow.post(CALL, content=body.pieces())) for body in bodies]
    for body in bodies:
        await body.under_way()
    assert (await narrow.post(CALL, json=VIEW)).status_code == 503
    uploads[0].cancel()
    await asyncio.gather(uploads[0], return_exceptions=True)
    assert (await narrow.post(CALL, json=VIEW)).status_code == 200
    bodies[1].go.set()
    assert (await uploads[1]).status_code == 200


async def test_refused_and_failing_calls_give_their_room_back(narrow, narrow_application, monkeypatch):
    async def broken(*_):
        raise RuntimeError

    with monkeypatch.context() as fault:
        fault.setattr(narrow_application, "answer", broken)
        assert [(await narrow.post(CALL, json=VIEW)).status_code for _ in range(3)] == [500] * 3
    assert [(await narrow.post(CALL, json={})).status_code for _ in range(3)] == [422] * 3
    assert (await narrow.post(CALL, json=VIEW)).status_code == 200


@pytest.mark.attack("A stranger who holds places of a worker with slow bodies", "401, no place taken")
async def test_a_caller_who_is_not_known_takes_no_room(clients_file):
    async with guarding(clients_file, max_concurrent=1) as guarded:
        body = Upload(REQUEST.encode())
        known = {"Authorization": f"Bearer {token()}"}
        upload = asyncio.create_task(guarded.post(CALL, content=body.pieces(), headers=known))
        await body.under_way()
        assert (await call(guarded, None)).status_code == 401
        assert (await call(guarded, token())).status_code == 503
        body.go.set()
        assert (await upload).status_code == 200


@pytest.mark.attack("One EHR that takes all places of a worker", "503 for it, room for the others")
def test_one_of_several_callers_leaves_room_for_the_others():
    capacity = Capacity(8, callers=2)
    with ExitStack() as held:
        for _ in range(6):
            held.enter_context(capacity.taken_by("one"))
        with pytest.raises(TooBusy):
            held.enter_context(capacity.taken_by("one"))
        for _ in range(2):
            held.enter_context(capacity.taken_by("other"))
        with pytest.raises(TooBusy):
            held.enter_context(capacity.taken_by("other"))
    with capacity.taken_by("one"):
        pass
