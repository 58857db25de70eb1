"""Mixed calls to one server for as long as told: all hooks, feedback on what was shown, and calls that are refused."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec

from tests.calling import requests

CONNECTIONS = 4
MOST_CALLS = 2_000_000
"""Where a run ends however long it was told to take."""
AT = "2026-06-15T09:00:00Z"
HOOKS = ("patient-view", "order-select", "order-sign")
REFUSED: tuple[tuple[str, bytes, int], ...] = (
    ("/cds-services/rbd-order-sign", b"{", 400),
    ("/cds-services/rbd-order-sign", b'{"hook": "order-sign"}', 422),
    ("/cds-services/rbd-order-sign", b"[" * 5_000, 400),
    ("/cds-services/nothing-here", b"{}", 404),
    ("/cds-services/rbd-order-sign/feedback", b'{"feedback": [{"card": 1}]}', 422),
)
"""Calls that break the contract, each with its status."""


class Load(msgspec.Struct):
    """What was sent and what came of it."""

    calls: int = 0
    unexpected: Counter[str] = msgspec.field(default_factory=Counter)
    """By path and status, what was not the answer that the call should get."""
    latencies: list[float] = []
    """Of the hooks since they were last looked at."""
    acknowledged: set[str] = set()
    """The cards whose feedback was answered 200."""

    async def run(self, port: int, goes_on: Callable[[], bool]) -> None:
        """Calls over several connections until told to end, or after very many."""
        numbers = itertools.count()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            await asyncio.gather(*(self._one_after_the_other(client, numbers, goes_on) for _ in range(CONNECTIONS)))

    async def _one_after_the_other(
        self, client: httpx.AsyncClient, numbers: Iterator[int], goes_on: Callable[[], bool]
    ) -> None:
        bodies = EXAMPLES
        while goes_on() and self.calls < MOST_CALLS:
            number = next(numbers)
            path, body = bodies[number % len(bodies)]
            cards = await self._hook(client, path, about(f"soak-{number}", body))
            if cards:
                await self._feedback(client, path, cards[0])
            if number % 5 == 0:
                bad, content, status = REFUSED[number // 5 % len(REFUSED)]
                await self._post(client, bad, content, status)

    async def _hook(self, client: httpx.AsyncClient, path: str, body: bytes) -> list[dict[str, Any]]:
        started = time.perf_counter()
        answer = await self._post(client, path, body, 200)
        self.latencies.append(time.perf_counter() - started)
        return answer.json().get("cards", []) if answer.status_code == 200 else []

    async def _feedback(self, client: httpx.AsyncClient, path: str, card: dict[str, Any]) -> None:
        entry = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": AT}
        answer = await self._post(client, f"{path}/feedback", json.dumps({"feedback": [entry]}).encode(), 200)
        if answer.status_code == 200:
            self.acknowledged.add(str(uuid.UUID(card["uuid"])))

    async def _post(self, client: httpx.AsyncClient, path: str, body: bytes, status: int) -> httpx.Response:
        self.calls += 1
        try:
            answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})
        except httpx.TransportError as fault:
            self.unexpected[f"{path} {type(fault).__name__}"] += 1
            await asyncio.sleep(0.1)
            return httpx.Response(503)
        if answer.status_code != status:
            self.unexpected[f"{path} {answer.status_code}"] += 1
        return answer


def about(patient: str, body: tuple[str, bytes]) -> bytes:
    """The request about another patient, so that nothing is muted and the record grows as it would."""
    of, content = body
    return content.replace(f'"{of}"'.encode(), f'"{patient}"'.encode()).replace(
        f"Patient/{of}".encode(), f"Patient/{patient}".encode()
    )


def _examples() -> Iterator[tuple[str, tuple[str, bytes]]]:
    for example in requests().values():
        if example["hook"] in HOOKS:
            yield (
                f"/cds-services/rbd-{example['hook']}",
                (example["context"]["patientId"], json.dumps(example).encode()),
            )


EXAMPLES = list(_examples())
