"""What an unknown caller may hold open or send, over a real socket."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvicorn

from cds_service.web.app import create_app
from cds_service.web.protocol import BoundedProtocol, Limits
from tests.calling import application_with
from tests.lateness import slowness
from tests.trust.ehr import REQUEST, clients_file, token
from tests.web.test_calls import VIEW

__all__ = ["clients_file"]
pytestmark = pytest.mark.anyio

STAYS_OPEN = 20
"""Seconds after which a connection is believed to stay open."""
BODY = json.dumps(VIEW).encode()
HEAD = b"POST /cds-services/rbd-patient-view HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def listening(application, limits=None):
    """The port of the application behind a real server."""
    limits = limits or Limits()
    http, idle = partial(BoundedProtocol, limits=limits), limits.idle_seconds
    config = uvicorn.Config(
        create_app(application), port=0, http=http, ws="none", log_config=None, timeout_keep_alive=idle
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # it has no event
        await asyncio.sleep(0.01)
    (listener,) = server.servers[0].sockets
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # what nobody reads is soon more than that
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def port(application, anyio_backend):
    async with listening(application) as port:
        yield port


@pytest.fixture
async def impatient_port(application, anyio_backend):
    async with listening(application, Limits(header_seconds=0.3 * slowness())) as port:
        yield port


@pytest.fixture
async def guarded_port(clients_file, anyio_backend):
    """The same of a service that lets in one EHR."""
    environment = {"CDS_CLIENTS": str(clients_file), "CDS_TODAY": "", "CDS_VAR": str(clients_file.parent)}
    async with listening(application_with(**environment)) as port:
        yield port


async def said(port, *pieces, pause=0.0):
    """What comes back before the connection is closed, or None if it stays open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), STAYS_OPEN)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""
    finally:
        writer.close()


def whole(*more):
    return HEAD + b"".join(more) + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


async def test_a_call_is_answered_however_it_is_cut(port):
    for size in (1, 7, 100, 10_000):
        pieces = [whole()[start : start + size] for start in range(0, len(whole()), size)]
        assert (await said(port, *pieces)).startswith(b"HTTP/1.1 200")


async def test_a_long_body_does_not_count_as_headers(port):
    padded = BODY[:-1] + b" " * 300_000 + b"}"
    head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r" % len(padded)
    assert (await said(port, head + b"\n" + padded)).startswith(b"HTTP/1.1 200")
    assert (await said(port, head, b"\n" + padded, pause=0.05)).startswith(b"HTTP/1.1 200")


@pytest.mark.attack("Headers without end", "431, and the connection is closed")
async def test_headers_without_end_are_refused_and_the_connection_is_closed(port):
    answered = await said(port, HEAD, *[b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(200)])
    assert answered.startswith(b"HTTP/1.1 431")
    assert answered.count(b"HTTP/1.1") == 1
    assert (await said(port, whole(b"X-Long: %s\r\n" % (b"y" * 20_000)))).startswith(b"HTTP/1.1 200")


@pytest.mark.timing
@pytest.mark.parametrize("sent", [b"", b"P", HEAD], ids=["nothing", "a letter", "half a head"])
@pytest.mark.attack("A connection that is opened and does not ask", "closed")
async def test_a_connection_that_does_not_ask_is_closed(impatient_port, sent):
    assert await said(impatient_port, sent) == b""


@pytest.mark.timing
async def test_a_second_head_on_a_kept_connection_has_to_come_in_time_too(impatient_port):
    answered = await said(impatient_port, whole().replace(b"Connection: close\r\n", b""), HEAD)
    assert answered.startswith(b"HTTP/1.1 200")


async def test_an_upgrade_is_not_waited_for(port):
    upgrade = b"Connection: close, Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n"
    answered = await said(port, HEAD + upgrade)
    assert answered is not None


async def test_a_body_that_nobody_reads_is_not_waited_for(guarded_port):
    answered = await said(guarded_port, HEAD + b"Content-Length: 1000000\r\n\r\n{")
    assert answered.startswith(b"HTTP/1.1 401")
    assert b"connection: close" in answered


@pytest.mark.attack("A token in the trailer of a chunked body", "401")
async def test_headers_after_the_body_are_not_taken_for_headers(guarded_port):
    """A token that would let the caller in comes in the trailer of a chunked body."""
    chunked = b"Connection: close\r\nTransfer-Encoding: chunked\r\n"
    body = b"\r\n%x\r\n%s\r\n0\r\n" % (len(REQUEST), REQUEST.encode())
    for before, after, status in ((b"", bearer(), 401), (bearer(), b"", 200)):
        answered = await said(guarded_port, HEAD + chunked + before + body + after + b"\r\n")
        assert answered.startswith(b"HTTP/1.1 %d" % status)


def bearer():
    audience = "http://127.0.0.1:8000/cds-services/rbd-patient-view"
    return b"Authorization: Bearer %s\r\n" % token(aud=audience).encode()
