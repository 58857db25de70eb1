"""Bounds on what an unknown caller may hold open or send before the application sees anything of it.

Every connection has an end that no byte of the client moves: only what it completes does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cds_service.web import metrics

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

_MOST_HEADER_BYTES = 64 * 1024
_MOST_PIPELINED = 16
_END = b"\r\n\r\n"
_LISTENING_SECONDS = 1.0
_REFUSED = "content-length: 0\r\ncache-control: no-store\r\nconnection: close\r\n"
_TOO_LARGE = f"HTTP/1.1 431 Request Header Fields Too Large\r\n{_REFUSED}\r\n".encode()
_FULL = f"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n{_REFUSED}\r\n".encode()


class Limits(msgspec.Struct, frozen=True):
    """What a connection may last, and how many there may be in one process."""

    connections: int = 500
    idle_seconds: float = 75.0
    """Between two calls; longer than proxies keep a connection, so that none sends a call into one that is closing."""
    header_seconds: float = 10.0
    call_seconds: float = 30.0
    """From the headers to the answer; a body has ten of them, and what is fetched at most nine."""
    unread_seconds: float = 20.0
    """How long an answer may wait for its reader."""


class _TooManyAhead(Exception):
    """More calls are sent ahead than will be looked at."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's own, but endless headers are refused (431), and every connection is closed in the end.

    Where there are as many as may be, the one that has been without a call for longest makes place for a new one.
    Headers that follow the body are not taken among those before it.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits | None = None,
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.limits = limits or Limits()
        self._leaving = leaving
        self._header_bytes = 0
        self._tail = b""
        self._in_headers = True
        self._refused = False
        self._answering = False
        self._since = self.loop.time()
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        metrics.CONNECTIONS.inc()
        self._ends_in(self.limits.header_seconds)
        if len(self.connections) > self.limits.connections:
            self._make_place()

    def connection_lost(self, exc: Exception | None) -> None:
        metrics.CONNECTIONS.dec()
        if self._end:
            self._end.cancel()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > _MOST_HEADER_BYTES and not 0 <= (self._tail + data).find(_END) < _MOST_HEADER_BYTES:
                self._refuse()
                return
            self._tail = data[-3:]
        super().data_received(data)

    def _refuse(self) -> None:
        """Says so, and lets what is still coming go by for a while: a closed door would take the answer with it."""
        if not self._refused:
            self._refused = True
            self.transport.write(_TOO_LARGE)
            self.transport.write_eof()
            self.loop.call_later(_LISTENING_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        if not self._answering:
            self._ends_in(self.limits.header_seconds)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._header_bytes = 0
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._break_off("pipelined")
            raise _TooManyAhead
        super().on_headers_complete()
        if self._leaving() and not self.pipeline:
            self.cycle.keep_alive = False
        if not self._answering:
            self._answering = True
            self._ends_in(self.limits.call_seconds)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._answering = bool(self.pipeline) or not self.cycle.response_complete
        self._ends_in(self._patience())

    def _patience(self) -> float:
        """Seconds for what is to come next."""
        if self._answering and not self.transport.is_closing():
            return self.limits.call_seconds
        if self.transport.get_write_buffer_size():
            return self.limits.unread_seconds
        unfinished = self._in_headers or self.cycle.more_body
        return self.limits.header_seconds if unfinished else self.limits.idle_seconds

    def _ends_in(self, seconds: float) -> None:
        if self._end:
            self._end.cancel()
        self._since = self.loop.time()
        self._end = self.loop.call_later(seconds, self._end_it)

    def _end_it(self) -> None:
        if self.transport.get_write_buffer_size():
            self._break_off("unread")
        elif self._answering:
            self._break_off("call")
        else:
            metrics.connection_ended("idle")
            self.transport.close()

    def _break_off(self, why: metrics.End) -> None:
        """Without waiting for what is still to be written: nobody reads it."""
        metrics.connection_ended(why)
        self.transport.abort()

    def _make_place(self) -> None:
        idle = [one for one in self.connections if isinstance(one, BoundedProtocol) and one.may_go(self)]
        if idle:
            min(idle, key=lambda one: one._since)._break_off("full")
        else:
            metrics.connection_ended("full")
            self.transport.write(_FULL)
            self.transport.close()

    def may_go(self, other: BoundedProtocol) -> bool:
        """Whether it has no call under way, and is not on its way out already."""
        return self is not other and not self._answering and not self.transport.is_closing()
