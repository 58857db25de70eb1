"""A FHIR server on loopback that answers as it is told to, well or badly, and remembers what it was asked."""

import asyncio
import gzip
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

ENDLESS = 500 * 1024 * 1024


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def name(self) -> str:
        """The resource type that it was about."""
        return self.path.partition("?")[0].removeprefix("/fhir/").partition("/")[0]


@dataclass
class FhirServer:
    """``answers`` maps a resource type to what is done with a question about it, if that is not :func:`empty`."""

    port: int = 0
    answers: dict[str, "Answer"] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    under_way: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.under_way.add(task)
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    question = await _read(reader)
                    self.asked.append(question)
                    await self.answers.get(question.name, empty)(self, question, writer)
                    await writer.drain()
                    if writer.is_closing():
                        break
        finally:
            self.under_way.discard(task)
            writer.close()


Answer = Callable[[FhirServer, Asked, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None) -> AsyncIterator[FhirServer]:
    there = FhirServer()
    server = await asyncio.start_server(there.serve, "127.0.0.1", 0, limit=1024 * 1024, ssl=tls)
    there.port = server.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        server.close()
        for task in list(there.under_way):
            task.cancel()
        await asyncio.gather(*there.under_way, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body.decode())


def searchset(*resources: dict, **members) -> dict:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **members}


def head(status: int = 200, **headers: object) -> bytes:
    given = {"Content-Type": "application/fhir+json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status} There\r\n{lines}\r\n".encode()


def sends(content: object, status: int = 200, **headers: object) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    async def answer(_: FhirServer, __: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head(status, Content_Length=len(body), **headers) + body)

    return answer


async def empty(there: FhirServer, asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An empty search, or a patient of whom no more than the id is known."""
    patient = {"resourceType": "Patient", "id": asked.path.rpartition("/")[2]}
    await sends(patient if asked.name == "Patient" else searchset(total=0))(there, asked, writer)


def after(seconds: float, then: Answer = empty) -> Answer:
    async def answer(there: FhirServer, asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await then(there, asked, writer)

    return answer


async def hangs(_: FhirServer, __: Asked, ___: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def drips(_: FhirServer, __: Asked, writer: asyncio.StreamWriter) -> None:
    """A byte a second, each of them in time for any limit on a single read."""
    writer.write(head(Content_Length=1_000))
    await _drop_by_drop(writer, b" ")


async def drips_headers(_: FhirServer, __: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    await _drop_by_drop(writer, b"x", 0.01)


def floods(first: bytes, more: bytes) -> Answer:
    """Sends the first, and then more and more, as fast as it is taken."""

    async def answer(_: FhirServer, __: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while not writer.is_closing():
            writer.write(more * 500)
            await writer.drain()
            await asyncio.sleep(0.001)

    return answer


async def _drop_by_drop(writer: asyncio.StreamWriter, drop: bytes, seconds: float = 1.0) -> None:
    while not writer.is_closing():
        writer.write(drop)
        await writer.drain()
        await asyncio.sleep(seconds)


async def resets(_: FhirServer, __: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(head(Content_Length=1_000) + b'{"resourceType')
    await writer.drain()
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hangs_up(_: FhirServer, __: Asked, writer: asyncio.StreamWriter) -> None:
    writer.close()


def redirects(to: str) -> Answer:
    return sends(b"", 302, Location=to)


async def is_huge(_: FhirServer, __: Asked, writer: asyncio.StreamWriter) -> None:
    """500 MB that do not say beforehand how many they are."""
    writer.write(head(Transfer_Encoding="chunked"))
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    for _ in range(ENDLESS // 0x10000):
        writer.write(chunk)
        await writer.drain()


def bomb() -> Answer:
    """100 MB in 100 KB."""
    return sends(gzip.compress(b" " * 100_000_000, compresslevel=6), Content_Encoding="gzip")


async def chains(there: FhirServer, asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Every page names another one."""
    number = int(asked.path.partition("page=")[2] or "0") + 1
    link = [{"relation": "next", "url": f"{there.url}/{asked.name}?page={number}"}]
    await sends(searchset(link=link))(there, asked, writer)


FAULTS: dict[str, Answer] = {
    "hangs": hangs,
    "drips a byte a second": drips,
    "drips its headers": drips_headers,
    "floods with what is no answer yet": floods(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "floods with headers": floods(b"HTTP/1.1 200 OK\r\n", b"a:b\r\n"),
    "floods with headers of what is no answer yet": floods(b"HTTP/1.1 103 Early Hints\r\n", b"a:b\r\n"),
    "floods with single bytes": floods(head(Transfer_Encoding="chunked"), b"1\r\n \r\n"),
    "resets": resets,
    "hangs up": hangs_up,
    "redirects": redirects("http://127.0.0.1:1/elsewhere"),
    "sends 500 MB": is_huge,
    "sends invalid JSON": sends(b'{"resourceType": "Bundle", "entry": ['),
    "sends what is not packed as packed": sends(b"not packed", Content_Encoding="gzip"),
    "sends HTML": sends(b"<html><body>Sign in</body></html>", Content_Type="text/html"),
    "sends HTML as JSON": sends(b"<html><body>Sign in</body></html>"),
    "sends an endless chain of pages": chains,
    "fails": sends({"resourceType": "OperationOutcome", "issue": [{"severity": "fatal"}]}, 500),
}
