"""One process that answers: it says that it is leaving before it closes, and takes new cards between two calls."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

import structlog
import uvicorn

from cds_service.errors import FaultsFound
from cds_service.settings import Settings
from cds_service.web import logs
from cds_service.web.protocol import BoundedProtocol, Limits
from cds_service.web.reloading import ReloadableApp

Beat = Callable[[], None]
"""Tells whoever watches the process that its loop turns; raises OSError where nobody watches any more."""

_BEAT_SECONDS = 1.0
_CALLS_END_SECONDS = 10
_LOG = structlog.get_logger()


class Server(uvicorn.Server):
    """uvicorn's own, with a time to take leave on SIGTERM, and a reload on SIGHUP."""

    def __init__(self, config: uvicorn.Config, app: ReloadableApp, leaving: threading.Event, beat: Beat | None) -> None:
        super().__init__(config)
        self._app = app
        self._leaving = leaving
        self._at_once = False
        self._beat = beat

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._app.reload_soon)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        _LOG.info("serving", pid=os.getpid())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._at_once |= sig == signal.SIGINT

    async def main_loop(self) -> None:
        beating = asyncio.create_task(self._beat_on()) if self._beat else None
        await super().main_loop()
        await self._take_leave(self._app.settings.drain_seconds)
        if beating:
            beating.cancel()

    async def _take_leave(self, seconds: float) -> None:
        """Answers calls and asks for no more: who watches readiness looks elsewhere, and kept connections are closed.

        SIGINT is a person who waits.
        """
        self._app.leave()
        self._leaving.set()
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._at_once:
            await self.on_tick(0)
            await asyncio.sleep(0.05)

    async def _beat_on(self) -> None:
        while True:
            try:
                self._beat()  # type: ignore[misc]  # only run where there is one
            except OSError:
                # Nobody is left to stop or replace this process.
                os.kill(os.getpid(), signal.SIGTERM)
                return
            await asyncio.sleep(_BEAT_SECONDS)


def reserved(host: str, port: int) -> socket.socket:
    """A socket on which nobody listens before somebody answers: until then a proxy asks elsewhere.

    OSError where the address is taken.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def hold_reloads() -> None:
    """Until the process can reload: by itself the signal would end it, also in what it starts meanwhile."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def work(settings: Settings, listener: socket.socket, beat: Beat | None = None) -> int:
    """Answers on the socket until told to stop; requests under way are answered first. The exit code."""
    logs.configure(settings.log_level)
    logs.speak_json()
    try:
        app = ReloadableApp(settings)
    except FaultsFound as found:
        _LOG.critical("not started", faults=found.faults)
        return 1
    leaving = threading.Event()
    limits = Limits(settings.max_connections, settings.idle_seconds)
    config = uvicorn.Config(
        app,
        http=partial(BoundedProtocol, limits=limits, leaving=leaving.is_set),  # type: ignore[arg-type]  # called like it
        ws="none",
        loop="uvloop",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=settings.idle_seconds,  # type: ignore[arg-type]  # a fraction will do
        timeout_graceful_shutdown=_CALLS_END_SECONDS,
    )
    server = Server(config, app, leaving, beat)
    try:
        server.run([listener])
    except KeyboardInterrupt:
        return 0
    return 0 if server.started else 1
