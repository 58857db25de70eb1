"""What fetching costs in time: five missing keys against one, and a server that hangs against the deadline.

The FHIR server is a process of its own; run as a program, this module is that server.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from cds_service.facts.queries import TEMPLATES
from cds_service.fhir.sources import FhirQuery, query
from cds_service.fhir_client.access import FhirAccess
from cds_service.fhir_client.egress import Base
from cds_service.fhir_client.target import Deadline, Target
from cds_service.hooks.prefetch import resolve
from tests.bench.figures import Figure
from tests.fhir_client import misbehaving

_LATENCY = 0.02
_DEADLINE = 0.4
_FIVE = ("conditions", "medicationRequests", "observations", "procedures", "allergies")
_QUERIES = {key: query(resolve(TEMPLATES[key], "pat-1")) for key in TEMPLATES}


def figures(repeats: int) -> Iterator[Figure]:
    """F1 and F2 of the aims."""
    one, five = {"conditions": _QUERIES["conditions"]}, {key: _QUERIES[key] for key in _FIVE}
    with _server("slow") as slow, _server("hangs") as hanging:
        alone, together = uvloop.run(_walls(slow, [one, five], 20 * repeats))
        late = uvloop.run(_walls(hanging, [_QUERIES], repeats))[0]
    name = f"five missing keys at {_LATENCY * 1000:.0f} ms: wall over that of one"
    yield Figure(name, statistics.median(together) / statistics.median(alone), 1.25)
    yield Figure("a FHIR server that hangs: longest wait over the deadline", max(late) / _DEADLINE, 1.1)


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
        server.answers = {asked.kind.__name__: answer for asked in _QUERIES.values()}
        print(server.url, flush=True)
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
