"""A connection on which the head of an answer has an end: also one with answers before it that are not the answer.

A server may send any number of them (1xx), and of lines in each; the library would read them all.
"""

from __future__ import annotations

import re
import ssl
from typing import Any

import httpcore

_MOST_LINES = 256
_MOST_BYTES = 64 * 1024
_END = re.compile(rb"\r?\n\r?\n")
_BEFORE_THE_ANSWER = re.compile(rb"HTTP/1\.[01] 1(?!01)")


class HeadTooLong(Exception):
    """What comes before the body of an answer has more lines or bytes than is looked at."""


class BoundedHeads(httpcore.AsyncNetworkStream):
    """One connection; each request that is written on it begins a new count."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._head: bytearray | None = None
        self._lines = self._bytes = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # the interface
        data = await self._stream.read(max_bytes, timeout)
        if self._head is not None:
            self._head += data
            self._count()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._head = bytearray()
        self._lines = self._bytes = 0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return BoundedHeads(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _count(self) -> None:
        head = self._head
        while head:
            end = _END.search(head)
            length = end.end() if end else len(head)
            lines = self._lines + head.count(b"\n", 0, length)
            if lines > _MOST_LINES or self._bytes + length > _MOST_BYTES:
                raise HeadTooLong
            if end is None:
                return
            self._lines, self._bytes = lines, self._bytes + length
            if not _BEFORE_THE_ANSWER.match(head):
                self._head = None
                return
            del head[:length]
