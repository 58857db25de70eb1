"""Bounds on what an unknown caller may hold open or send before the application sees anything of it."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_HEADER_BYTES = 64 * 1024
_END = b"\r\n\r\n"
HEADER_SECONDS = 10.0
_LISTENING_SECONDS = 1.0
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's own, but endless headers are refused (431), and a connection is closed that sends none in time.

    Headers that follow the body are not taken among those before it.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._header_bytes = 0
        self._tail = b""
        self._in_headers = True
        self._refused = False
        self._patience: asyncio.TimerHandle | None = None
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > _MOST_HEADER_BYTES and not 0 <= (self._tail + data).find(_END) < _MOST_HEADER_BYTES:
                self._refuse()
                return
            self._tail = data[-3:]
        super().data_received(data)
        if self._in_headers and self._patience is None:
            self._wait()

    def _refuse(self) -> None:
        """Says so, and lets what is still coming go by for a while: a closed door would take the answer with it."""
        if not self._refused:
            self._refused = True
            self.transport.write(_TOO_LARGE)
            self.transport.write_eof()
            asyncio.get_running_loop().call_later(_LISTENING_SECONDS, self.transport.close)

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
