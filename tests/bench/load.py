"""A closed loop of clients: each connection sends the next request when the answer to the last one is there."""

from __future__ import annotations

import asyncio
import gc
import itertools
import re
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, cast

import msgspec
import uvloop

from tests.bench.servers import PATH, Server

_MOST_SECONDS = 60
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


class Measured(msgspec.Struct, frozen=True):
    """Requests to one server: how long each took, how long all took, and the server's CPU for one; in seconds."""

    latencies: tuple[float, ...]
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    @property
    def p50(self) -> float:
        return statistics.median(self.latencies)

    @property
    def p99(self) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]


class Connection(asyncio.Protocol):
    """Sends requests over one kept-alive connection, one after the other, until ``go_on`` says no."""

    def __init__(self, requests: Iterator[bytes], go_on: Callable[[], bool], done: asyncio.Future[list[float]]) -> None:
        self._requests, self._go_on, self._done = requests, go_on, done
        self._latencies: list[float] = []
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, received: bytes) -> None:
        self._received += received
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or length is None or len(body) < int(length[1]):
            return
        self._latencies.append(time.perf_counter() - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self._end(RuntimeError(f"the server answered {head[:200]!r}"))
        elif self._go_on():
            self._send()
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        self._received = b""
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))

    def _end(self, fault: Exception | None) -> None:
        if fault:
            self._done.set_exception(fault)
        else:
            self._done.set_result(self._latencies)
        self._transport.close()


def for_seconds(server: Server, bodies: list[bytes], connections: int, seconds: float) -> Measured:
    """Requests for about so long; those under way are awaited."""
    end = time.perf_counter() + seconds
    return _measured(server, bodies, connections, lambda: time.perf_counter() < end)


def signed(server: Server, body: bytes, tokens: list[str]) -> Measured:
    """One request for each token, one after the other."""
    left = iter(range(len(tokens) - 1))
    requests = (_head(server, body, f"Authorization: Bearer {token}\r\n") + body for token in tokens)

    async def all_of_them() -> list[float]:
        return await _sending(server, requests, lambda: next(left, None) is not None)

    return _timed(server, all_of_them)


def in_sequence(server: Server, bodies: list[bytes], count: int) -> Measured:
    """So many requests, one after the other."""
    left = iter(range(count - 1))
    return _measured(server, bodies, 1, lambda: next(left, None) is not None)


def beside(server: Server, body: bytes, other: bytes, posters: int, seconds: float) -> Measured:
    """Requests over one connection while others post ``other`` without pause."""
    end = time.perf_counter() + seconds

    def go_on() -> bool:
        return time.perf_counter() < end

    async def both() -> list[float]:
        background = [asyncio.ensure_future(_connection(server, [other], go_on)) for _ in range(posters)]
        found = await _connection(server, [body], go_on)
        await asyncio.gather(*background)
        return found

    return _timed(server, both)


def _measured(server: Server, bodies: list[bytes], connections: int, go_on: Callable[[], bool]) -> Measured:
    async def all_of_them() -> list[float]:
        found = await asyncio.gather(*(_connection(server, bodies, go_on) for _ in range(connections)))
        return [latency for latencies in found for latency in latencies]

    return _timed(server, all_of_them)


def _timed(server: Server, load: Callable[[], Coroutine[Any, Any, list[float]]]) -> Measured:
    gc.collect()
    gc.freeze()
    before, started = server.cpu(), time.perf_counter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        latencies = runner.run(asyncio.wait_for(load(), _MOST_SECONDS))
    seconds, used = time.perf_counter() - started, server.cpu() - before
    return Measured(tuple(latencies), seconds, used / len(latencies))


async def _connection(server: Server, bodies: list[bytes], go_on: Callable[[], bool]) -> list[float]:
    return await _sending(server, itertools.cycle([_head(server, body) + body for body in bodies]), go_on)


async def _sending(server: Server, requests: Iterator[bytes], go_on: Callable[[], bool]) -> list[float]:
    done: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
    await asyncio.get_running_loop().create_connection(
        lambda: Connection(requests, go_on, done), "127.0.0.1", server.port
    )
    return await done


def _head(server: Server, body: bytes, more: str = "") -> bytes:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAccept: application/json\r\n"
        f"Content-Type: application/json\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode()
