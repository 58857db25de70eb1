"""No request waits for the record; ``make bench GROUP=recording`` measures what it costs."""

import asyncio
import statistics
import time

import pytest

from cds_service.record.entries import Call
from tests.charts import ALZHEIMER, CLONAZEPAM, condition, draft, patient
from tests.lateness import slowness
from tests.record.site import site

pytestmark = [pytest.mark.anyio, pytest.mark.timing]

CALL = Call("rbd-order-sign", "order-sign", "ehr", "https://ehr.example", "", "Practitioner/p1", "example", "e1")


async def test_a_request_waits_for_no_commit(tmp_path):
    async with site(tmp_path) as place:
        stuck = asyncio.Event()

        async def hangs(*_):
            await stuck.wait()

        place.recorder.store.apply = hangs
        started = time.monotonic()
        for _ in range(20):
            await place.ask("order-select", patient(), condition(ALZHEIMER), drafts=(draft(CLONAZEPAM),))
        assert time.monotonic() - started < 2 * slowness()
        assert place.recorder.writer.depth >= 20
        stuck.set()


async def test_a_call_without_a_card_is_noted_in_microseconds(tmp_path):
    async with site(tmp_path) as place:
        await place.ask("order-sign", patient(), drafts=())
        decision = place.answered.decision
        taken = []
        for _ in range(500):
            started = time.thread_time()
            place.recorder.attend(CALL).note(decision)
            taken.append(time.thread_time() - started)
        assert statistics.median(taken) < 50e-6
