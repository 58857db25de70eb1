"""How many calls are answered at once, and what the next one is told."""

import asyncio
import json
from contextlib import ExitStack

import httpx
import pytest

from cds_service.errors import NotAuthenticated, TooBusy
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.capacity import Capacity
from tests.web.test_calls import VIEW

pytestmark = pytest.mark.anyio
CALL = "/cds-services/rbd-patient-view"


@pytest.fixture
async def narrow(stand_in, anyio_backend):
    """A service that answers two calls at once, and whose answers wait until they are let go."""
    stand_in.settings = Settings(max_concurrent=2)
    stand_in.go = asyncio.Event()
    answer = stand_in.answer

    async def waiting(*args):
        await stand_in.go.wait()
        return await answer(*args)

    stand_in.answer = waiting
    app = create_app(stand_in)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8000") as client:
        yield client


async def two_under_way(client):
    calls = [asyncio.create_task(client.post(CALL, json=VIEW)) for _ in range(2)]
    await asyncio.sleep(0.05)
    return calls


async def test_a_call_too_many_is_told_to_come_back(narrow, stand_in):
    under_way = await two_under_way(narrow)
    refused = await narrow.post(CALL, json=VIEW)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["issue"][0]["code"] == "throttled"
    assert refused.headers["access-control-allow-origin"] == "*"
    assert (await narrow.post(f"{CALL}/feedback", json={"feedback": []})).status_code == 503
    assert (await narrow.get("/health/live")).status_code == 200
    assert (await narrow.get("/cds-services")).status_code == 200
    stand_in.go.set()
    assert [(await call).status_code for call in under_way] == [200, 200]
    assert (await narrow.post(CALL, json=VIEW)).status_code == 200


async def test_a_body_on_its_way_takes_room_and_one_given_up_gives_it_back(narrow, stand_in):
    stand_in.go.set()
    slow = asyncio.Event()

    async def body():
        yield json.dumps(VIEW).encode()[:10]
        await slow.wait()
        yield json.dumps(VIEW).encode()[10:]

    uploads = [asyncio.create_task(narrow.post(CALL, content=body())) for _ in range(2)]
    await asyncio.sleep(0.05)
    assert (await narrow.post(CALL, json=VIEW)).status_code == 503
    uploads[0].cancel()
    await asyncio.gather(uploads[0], return_exceptions=True)
    assert (await narrow.post(CALL, json=VIEW)).status_code == 200
    slow.set()
    assert (await uploads[1]).status_code == 200


async def test_refused_and_failing_calls_give_their_room_back(narrow, stand_in, monkeypatch):
    stand_in.go.set()

    async def broken(*_):
        raise RuntimeError

    with monkeypatch.context() as fault:
        fault.setattr(stand_in, "answer", broken)
        assert [(await narrow.post(CALL, json=VIEW)).status_code for _ in range(3)] == [500] * 3
    assert [(await narrow.post(CALL, json={})).status_code for _ in range(3)] == [422] * 3
    assert (await narrow.post(CALL, json=VIEW)).status_code == 200


async def test_a_caller_who_is_not_known_takes_no_room(narrow, stand_in, monkeypatch):
    await two_under_way(narrow)

    async def nobody(_):
        raise NotAuthenticated

    monkeypatch.setattr(stand_in, "authenticate", nobody)
    assert (await narrow.post(CALL, json=VIEW)).status_code == 401
    stand_in.go.set()


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
