"""What is asked of the EHR's FHIR server, how often, and what that costs in time.

The FHIR server that is slow or hangs is a process of its own; run as a program, this module is that server.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvloop

from cds_service.facts.queries import TEMPLATES
from cds_service.fhir.sources import FhirQuery, query
from cds_service.fhir_client.access import FhirAccess
from cds_service.fhir_client.egress import Base
from cds_service.fhir_client.target import Deadline, Target
from cds_service.hooks.prefetch import resolve
from tests.bench import charts
from tests.bench.cells import Cell, Found, Run
from tests.bench.in_process import log_nowhere
from tests.calling import application_with
from tests.contract import speaking_to
from tests.fhir_client import misbehaving

_LATENCY = 0.02
_DEADLINE = 0.4
_TIMES = 3
_FIVE = ("conditions", "medicationRequests", "observations", "procedures", "allergies")
_QUERIES = {key: query(resolve(TEMPLATES[key], "pat-1")) for key in TEMPLATES}
_KINDS = frozenset({"Medication", *(asked.kind.__name__ for asked in _QUERIES.values())})
_GOALS: Mapping[str, tuple[int, int]] = {
    "unrelated order": (0, 0),
    "silent order": (11, 1),
    "one rule": (11, 1),
    "three rules": (11, 1),
    "silent view": (8, 1),
    "view with a card": (12, 2),
}
"""Requests and rounds, by chart."""


def cells() -> Iterator[Cell]:
    for chart, goals in _GOALS.items():
        for place, (what, goal) in enumerate(zip(("FHIR requests", "rounds of them"), goals, strict=True)):
            yield Cell("fetching", f"{chart}, no prefetch", what, goal, partial(_asked, chart, place), 1)
    name = f"five missing keys, {_LATENCY * 1000:.0f} ms a request"
    yield Cell("fetching", name, "time over that of one key", 1.25, _five, 6)
    name = f"a FHIR server that hangs, {_DEADLINE:g} s allowed"
    yield Cell("fetching", name, "longest wait over what is allowed", 1.1, _hanging, 5)


class Counting:
    """Lets a FHIR server answer after a while, and counts how often it was asked, and how often after a pause."""

    def __init__(self, server: misbehaving.FhirServer, prefetch: Mapping[str, Any]) -> None:
        self.requests = self.rounds = self._under_way = 0
        self._held = {_QUERIES[key].kind.__name__: misbehaving.sends(value) for key, value in prefetch.items()}
        server.answers = dict.fromkeys(_KINDS, self.answer)

    async def answer(
        self, there: misbehaving.FhirServer, asked: misbehaving.Asked, writer: asyncio.StreamWriter
    ) -> None:
        self.requests += 1
        self.rounds += not self._under_way
        self._under_way += 1
        try:
            await asyncio.sleep(_LATENCY)
        finally:
            self._under_way -= 1
        await self._held.get(asked.name, misbehaving.empty)(there, asked, writer)


def _asked(chart: str, place: int, run: Run) -> Found:
    return Found(run.once(_counted)[chart][place])


def _counted(_: Run) -> dict[str, tuple[int, int]]:
    return uvloop.run(counted())


async def counted() -> dict[str, tuple[int, int]]:
    """Requests and rounds by chart; a machine that is late can only split a round."""
    log_nowhere()
    found = {}
    async with misbehaving.running() as server, speaking_to(application_with(CDS_DEADLINE_MS="5000")) as service:
        for chart in _GOALS:
            whole = charts.document(chart)
            tries = []
            for _ in range(_TIMES):
                counting = Counting(server, whole["prefetch"])
                asking = whole | {"prefetch": {}, "fhirServer": server.url}
                answer = await service.post(charts.CHARTS[chart].path, json=asking)
                assert "unavailable" not in answer.text
                tries.append((counting.requests, counting.rounds))
            found[chart] = min(tries)
    return found


def _five(run: Run) -> Found:
    one, five = {"conditions": _QUERIES["conditions"]}, {key: _QUERIES[key] for key in _FIVE}
    with _server("slow") as slow:
        alone, together = uvloop.run(_walls(slow, [one, five], 20 * run.effort.repeats))
    return Found(statistics.median(together) / statistics.median(alone))


def _hanging(run: Run) -> Found:
    with _server("hangs") as hanging:
        (late,) = uvloop.run(_walls(hanging, [_QUERIES], run.effort.repeats))
    return Found(max(late) / _DEADLINE)


async def _walls(target: Target, asked: list[dict[str, FhirQuery]], times: int) -> list[list[float]]:
    """The seconds that each set of queries takes, by turns."""
    access = FhirAccess(_DEADLINE)
    await access.ready()
    found: list[list[float]] = [[] for _ in asked]
    for _ in range(times):
        for queries, walls in zip(asked, found, strict=True):
            started = time.perf_counter()
            await access.fetch(target, queries, deadline=Deadline(_DEADLINE))
            walls.append(time.perf_counter() - started)
    await access.aclose()
    return found


@contextmanager
def _server(manner: str) -> Iterator[Target]:
    command = [sys.executable, "-m", "tests.bench.fetching", manner]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = Base.of(process.stdout.readline().strip())
        assert base is not None
        yield Target(base)
        process.terminate()


async def _serve(manner: str) -> None:
    answer = misbehaving.hangs if manner == "hangs" else misbehaving.after(_LATENCY)
    async with misbehaving.running() as server:
        server.answers = dict.fromkeys(_KINDS, answer)
        print(server.url, flush=True)
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
