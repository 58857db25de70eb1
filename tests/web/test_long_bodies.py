"""Whatever a body of 5 MB holds, everyone else is answered meanwhile."""

import asyncio
import threading
import time

import pytest

from cds_service.decisions import service
from cds_service.decisions.decide import judge
from cds_service.web.long_bodies import LongBodies
from tests.bench.charts import CHARTS as CHARTS_OF_BENCH, request
from tests.bench.dearest import post
from tests.lateness import slowness

pytestmark = pytest.mark.anyio

MOST_SECONDS = 0.1
CHARTS = {
    "tiny results that count": "silent view",
    "tiny results in words": "silent view",
    "answers 300 deep": "silent view",
}
"""The chart in which a shape costs most, where that is not an order."""
DEAREST = (
    "diagnoses of 100 codings",
    "drugs named by 1,000 U+FDFA",
    "diagnoses of beginnings of names",
    "tiny diagnoses that count",
    "tiny drugs that count",
    "drugs for 500 reasons",
    "tiny results that count",
    "tiny results in words",
    "diagnoses of nothing",
    "allergies to nothing",
    "entries without a resource",
    "diagnoses with an odd member",
    "procedures with an odd member",
    "answers 300 deep",
)


JSON = {"content-type": "application/json"}


@pytest.mark.timing
@pytest.mark.parametrize("shape", DEAREST)
@pytest.mark.attack("The dearest bodies that the limit lets through", "others are answered meanwhile")
async def test_health_is_answered_within_a_tenth_of_a_second_beside_the_dearest_bodies(shape, client):
    long = post(shape, CHARTS.get(shape, "silent order"))
    allowed = MOST_SECONDS * slowness()
    answering = asyncio.create_task(client.post(long.path, content=long.body, headers=JSON))
    waits = []
    while not answering.done():
        started = time.perf_counter()
        assert (await client.get("/health/live")).status_code == 200
        waits.append(time.perf_counter() - started)
        await asyncio.sleep(0.002)
    assert (await answering).status_code == 200
    assert len(waits) > 1
    assert max(waits) < allowed


@pytest.mark.parametrize(("chart", "size", "aside"), [("silent view", 10_000, False), ("three rules", 400_000, True)])
async def test_only_a_long_body_is_judged_in_another_thread(chart, size, aside, client, monkeypatch):
    threads = set()
    monkeypatch.setattr(service, "judge", lambda *given: threads.add(threading.current_thread()) or judge(*given))
    posted = await client.post(CHARTS_OF_BENCH[chart].path, content=request(chart, size), headers=JSON)
    assert posted.status_code == 200
    assert [thread is not threading.main_thread() for thread in threads] == [aside]


async def test_only_so_many_long_charts_are_held_at_a_time_and_short_ones_never_wait():
    long_bodies, held, most = LongBodies(), 0, []

    async def hold():
        nonlocal held
        async with long_bodies.turn(bytes(300_000)):
            held += 1
            most.append(held)
            await asyncio.sleep(0)
            async with long_bodies.turn(b"{}") as run:
                assert await run(lambda: 1) == 1
            held -= 1

    await asyncio.gather(*(hold() for _ in range(9)))
    assert max(most) == 4
