"""What recording costs: CPU of the whole process per request with and without it, every request about another patient.

In process, without sockets and tokens: of a request over HTTP it is a smaller share. Run it as a module.
"""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import time
from contextlib import AsyncExitStack
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from starlette.types import ASGIApp

from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from tests.bench import charts

_ROUNDS, _REQUESTS = 7, 400
_PATH = "/cds-services/rbd-order-sign"
_MODES: dict[str, dict[str, str]] = {
    "nothing": {"CDS_RECORD": "off"},
    "record": {"CDS_MEMORY": "off"},
    "record and memory": {},
}


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    async with AsyncExitStack() as stack:
        apps = {}
        for name, environment in _MODES.items():
            folder = stack.enter_context(TemporaryDirectory())
            app = create_app(Application(Settings.read({"CDS_TODAY": "2026-06-15", "CDS_VAR": folder, **environment})))
            await stack.enter_async_context(app.router.lifespan_context(app))
            apps[name] = app
        print("| chart | body | " + " | ".join(f"{name}, us" for name in _MODES) + " | record over nothing | both |")
        print("| --- | --- " + "| ---: " * (len(_MODES) + 2) + "|")
        for chart in charts.CHARTS:
            for size in ("10 KB", "140 KB"):
                await _compare(apps, chart, size)


async def _compare(apps: dict[str, ASGIApp], chart: str, size: str) -> None:
    taken: dict[str, list[float]] = {name: [] for name in apps}
    for turn in range(_ROUNDS + 1):
        bodies = _bodies(chart, size, turn)
        for name, app in apps.items():
            taken[name].append(await _seconds(app, bodies) / len(bodies) * 1e6)
    without = taken["nothing"][1:]
    cells = [f"{statistics.median(found[1:]):.0f}" for found in taken.values()]
    shares = []
    for name in ("record", "record and memory"):
        ratio = statistics.median(a / b for a, b in zip(taken[name][1:], without, strict=True))
        shares.append(f"{ratio - 1:+.1%}")
    print(f"| {chart} | {size} | {' | '.join(cells)} | {' | '.join(shares)} |", flush=True)


def _bodies(chart: str, size: str, turn: int) -> list[bytes]:
    """The same chart of as many patients as there are requests."""
    body = charts.request(chart, charts.SIZES[size])
    known = json.loads(body)["context"]["patientId"].encode()
    return [body.replace(known, b"p%03d%05d" % (turn, number)) for number in range(_REQUESTS)]


async def _seconds(app: ASGIApp, bodies: list[bytes]) -> float:
    """CPU seconds of all threads, until everything is written."""
    started = time.process_time()
    for body in bodies:
        await _call(app, body)
    await asyncio.sleep(0.8)
    return time.process_time() - started


async def _call(app: ASGIApp, body: bytes) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_: Any) -> None:
        return

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": _PATH, "headers": headers, "query_string": b""}
    await app(scope, receive, send)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
