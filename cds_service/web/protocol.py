"""Bounds on what an unknown caller may hold open or send before the application sees anything of it."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_HEADER_BYTES = 64 * 1024
_END = b"\r\n\r\n"
HEADER_SECONDS = 10.0


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's own, but a connection is closed that sends endless headers or none in time.

    Headers that follow the body are not taken among those before it.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._header_bytes = 0
        self._tail = b""
        self._in_headers = True
        self._patience: asyncio.TimerHandle | None = None
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > _MOST_HEADER_BYTES and not 0 <= (self._tail + data).find(_END) < _MOST_HEADER_BYTES:
                self.transport.close()
                return
            self._tail = data[-3:]
        super().data_received(data)
        if self._in_headers and self._patience is None:
            self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._header_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._patience = asyncio.get_running_loop().call_later(HEADER_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience:
            self._patience.cancel()
        self._patience = None

    def _give_up(self) -> None:
        self.transport.close()
