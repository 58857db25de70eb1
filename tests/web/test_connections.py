"""Every connection ends, whatever its client does with it, and there are never more than may be."""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import pytest

from cds_service.web.metrics import REGISTRY
from cds_service.web.protocol import Limits
from tests.lateness import slowness
from tests.web.test_protocol import BODY, HEAD, STAYS_OPEN, listening, whole

pytestmark = [pytest.mark.anyio, pytest.mark.timing]

KEPT = whole().replace(b"Connection: close\r\n", b"")
PAGE = b"GET /catalogue HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture
async def port(application, anyio_backend):
    """A service in which every time is a fraction of what it is."""
    short = 0.3 * slowness()
    limits = Limits(5, idle_seconds=short, header_seconds=short, call_seconds=2 * short, unread_seconds=short)
    async with listening(application, limits) as port:
        yield port


@asynccontextmanager
async def connected(port):
    """A connection that takes in little at a time, and its halves."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", port))
    line.setblocking(False)
    try:
        yield line
    finally:
        line.close()


async def read_once(port):
    """So that the page is made: that takes longer than a call may here."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(ConnectionError):
        writer.write(PAGE + b"Connection: close\r\n\r\n")
        await reader.read()
    writer.close()


async def dripping(line, first, drop, seconds=0.02):
    """Sends the first and then drop after drop, until the other side has had enough."""
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        await loop.sock_sendall(line, first)
        while True:
            await asyncio.sleep(seconds)
            await loop.sock_sendall(line, drop)


def open_here():
    return REGISTRY.get_sample_value("rbd_cds_connections")


def ended(why):
    return REGISTRY.get_sample_value("rbd_cds_connections_ended_total", {"why": why}) or 0


async def comes(what):
    async with asyncio.timeout(STAYS_OPEN):
        while not what():  # noqa: ASYNC110  # a number has no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (HEAD, b"X-A: b\r\n"),
        (HEAD + b"Content-Length: 100000\r\n\r\n{", b" "),
        (PAGE + b"Content-Length: 100000\r\n\r\n", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (KEPT, b"\r\n"),
        (KEPT, b"P"),
        (KEPT + HEAD, b"X-A: b\r\n"),
        (b"\x16\x03\x01", b"\x00"),
    ],
    ids=["headers", "body", "body of a page", "chunks", "lines between calls", "letters", "second headers", "TLS"],
)
async def test_a_client_that_only_drips_is_cut_off(port, first, drop):
    async with connected(port) as line:
        await asyncio.wait_for(dripping(line, first, drop), STAYS_OPEN)
        await comes(lambda: open_here() == 0)


@pytest.mark.parametrize("sent", [b"", KEPT, HEAD, HEAD + b"Content-Length: 9\r\n\r\n"])
async def test_a_client_that_falls_silent_is_let_go(port, sent):
    async with connected(port) as line:
        await asyncio.get_running_loop().sock_sendall(line, sent)
        await comes(lambda: open_here() == 1)
        await comes(lambda: open_here() == 0)


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"], ids=["kept", "to be closed"])
async def test_a_client_that_never_reads_its_answers_is_cut_off(port, more):
    await read_once(port)
    before = ended("unread")
    async with connected(port) as line:
        asking = (PAGE + b"\r\n") * 11 + PAGE + more + b"\r\n"
        await asyncio.get_running_loop().sock_sendall(line, asking)
        await comes(lambda: ended("unread") == before + 1)
        await comes(lambda: open_here() == 0)


async def test_calls_sent_far_ahead_are_not_gathered(port):
    before = ended("pipelined")
    async with connected(port) as line:
        with suppress(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(line, (PAGE + b"\r\n") * 1_000)
        await comes(lambda: ended("pipelined") == before + 1)
        await comes(lambda: open_here() == 0)


async def test_a_few_calls_sent_ahead_are_answered_in_their_order(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    live = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    writer.write(live * 3 + KEPT + live + whole())
    answered = await asyncio.wait_for(reader.read(), STAYS_OPEN)
    writer.close()
    assert answered.count(b"HTTP/1.1 200") == 6
    assert answered.endswith(b"}")


async def test_the_connection_longest_without_a_call_makes_place_for_the_next(port):
    before = ended("full")
    async with connected(port) as oldest, connected(port), connected(port), connected(port), connected(port):
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(whole())
        assert (await asyncio.wait_for(reader.read(), STAYS_OPEN)).startswith(b"HTTP/1.1 200")
        writer.close()
        assert await asyncio.get_running_loop().sock_recv(oldest, 1) == b""
    assert ended("full") == before + 1


async def test_calls_under_way_are_not_ended_for_another(port):
    asking = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY)
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
    for _, writer in lines:
        writer.write(asking)
    await asyncio.sleep(0.05)
    reader, refused = await asyncio.open_connection("127.0.0.1", port)
    assert (await asyncio.wait_for(reader.read(), STAYS_OPEN)).startswith(b"HTTP/1.1 503")
    refused.close()
    for _, writer in lines:
        writer.write(BODY)
    for reader, writer in lines:
        assert (await asyncio.wait_for(reader.read(16), STAYS_OPEN)).startswith(b"HTTP/1.1 200")
        writer.close()
