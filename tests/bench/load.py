"""A closed loop of clients: each connection sends the next request when the answer to the last one is there."""

from __future__ import annotations

import asyncio
import gc
import itertools
import re
import statistics
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, cast

import msgspec
import uvloop

from tests.bench.servers import PATH, Server

_MOST_SECONDS = 120
_STATUS = slice(len("HTTP/1.1 "), len("HTTP/1.1 200"))
ANSWERED = frozenset({b"200"})
ANSWERED_OR_REFUSED = ANSWERED | {b"400", b"412", b"422"}
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


class Post(msgspec.Struct, frozen=True):
    """A request to be sent."""

    body: bytes
    path: str = PATH
    token: str | None = None


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
        return p99(self.latencies)


def p99(latencies: Iterable[float]) -> float:
    ordered = sorted(latencies)
    return ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]


class Connection(asyncio.Protocol):
    """Sends requests over one kept-alive connection, one after the other, until ``go_on`` says no."""

    def __init__(
        self,
        requests: Iterator[bytes],
        go_on: Callable[[], bool],
        done: asyncio.Future[list[float]],
        statuses: frozenset[bytes],
    ) -> None:
        self._requests, self._go_on, self._done, self._statuses = requests, go_on, done, statuses
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
        if head[_STATUS] not in self._statuses:
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


def for_seconds(server: Server, posts: list[Post], connections: int, seconds: float) -> Measured:
    """Requests for about so long; those under way are awaited."""
    end = time.perf_counter() + seconds
    return _measured(server, posts, connections, lambda: time.perf_counter() < end)


def in_sequence(server: Server, posts: list[Post], count: int, statuses: frozenset[bytes] = ANSWERED) -> Measured:
    """So many requests, one after the other."""
    left = iter(range(count - 1))
    return _measured(server, posts, 1, lambda: next(left, None) is not None, statuses)


def beside(server: Server, post: Post, other: Post, posters: int, seconds: float) -> Measured:
    """Requests over one connection while others post ``other`` without pause."""
    end = time.perf_counter() + seconds

    def go_on() -> bool:
        return time.perf_counter() < end

    async def both() -> list[float]:
        background = [asyncio.ensure_future(_connection(server, [other], go_on)) for _ in range(posters)]
        found = await _connection(server, [post], go_on)
        await asyncio.gather(*background)
        return found

    return _timed(server, both)


def _measured(
    server: Server,
    posts: list[Post],
    connections: int,
    go_on: Callable[[], bool],
    statuses: frozenset[bytes] = ANSWERED,
) -> Measured:
    async def all_of_them() -> list[float]:
        found = await asyncio.gather(*(_connection(server, posts, go_on, statuses) for _ in range(connections)))
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


async def _connection(
    server: Server, posts: list[Post], go_on: Callable[[], bool], statuses: frozenset[bytes] = ANSWERED
) -> list[float]:
    done: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
    requests = itertools.cycle([_written(server, post) for post in posts])
    await asyncio.get_running_loop().create_connection(
        lambda: Connection(requests, go_on, done, statuses), "127.0.0.1", server.port
    )
    return await done


def _written(server: Server, post: Post) -> bytes:
    token = f"Authorization: Bearer {post.token}\r\n" if post.token else ""
    head = (
        f"POST {post.path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAccept: application/json\r\n"
        f"Content-Type: application/json\r\n{token}Content-Length: {len(post.body)}\r\n\r\n"
    )
    return head.encode() + post.body
