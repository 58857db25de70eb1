"""One run: the real server with a record, mixed load, samples of the process, and a count of what it kept."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from cds_service.record.store import Store
from cds_service.record.tables import ANSWERS
from tests.bench.servers import Server
from tests.processes import serving
from tests.soak.bounds import Ended, Sample
from tests.soak.load import Load

SAMPLES = 24


def soak(seconds: float) -> Ended:
    """The server on loopback, with a folder of its own, for so long."""
    load = Load()
    with TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/record.sqlite"
        settings = {"CDS_RECORD": "on", "CDS_DATABASE_URL": database, "CDS_LOG_LEVEL": "error"}
        with serving(Path(folder), **settings) as (process, port):
            samples = asyncio.run(_sampled(load, Server(process.pid, port), seconds))
            process.terminate()
            process.wait(60)
        kept = asyncio.run(_kept(database))
    lost = len(load.acknowledged - kept)
    return Ended(tuple(samples), load.calls, dict(load.unexpected), len(load.acknowledged), lost)


async def _sampled(load: Load, server: Server, seconds: float) -> list[Sample]:
    until = time.monotonic() + seconds
    running = asyncio.create_task(load.run(server.port, lambda: time.monotonic() < until))
    samples = []
    while not running.done():
        await asyncio.wait((running,), timeout=seconds / SAMPLES)
        latencies, load.latencies = load.latencies, []
        if latencies:
            samples.append(_sample(server, latencies))
    await running
    return samples


def _sample(server: Server, latencies: list[float]) -> Sample:
    descriptors = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
    return Sample(server.memory()[0], descriptors, 1000 * statistics.median(latencies))


async def _kept(database: str) -> set[str]:
    store = Store(database)
    async with store.engine.connect() as connection:
        found = set(await connection.scalars(select(ANSWERS.c.card)))
    await store.close()
    return found
