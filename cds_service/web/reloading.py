"""The application of the moment: cards, clients and keys are read anew beside the calls, and taken whole or not at all.

A call is answered from beginning to end by the application that it met.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

import structlog
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from cds_service.errors import FaultsFound
from cds_service.settings import Settings
from cds_service.web import metrics, tuning
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from cds_service.web.logs import traced

_LOG = structlog.get_logger()


class ReloadableApp:
    """What the server calls; the application inside is another after a reload."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._app = create_app(Application(settings))
        self._reloading: asyncio.Task[None] | None = None
        self._again = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def leave(self) -> None:
        """From now on it is not ready, and answers all the same."""
        self._app.state.ready = False

    def reload_soon(self) -> None:
        """Begins a reload, or another one once the one under way is done."""
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._reload())
        else:
            self._again = True

    async def _reload(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            await self._reload_once()

    async def _reload_once(self) -> None:
        started = perf_counter()
        try:
            # Beside the calls, which go on meanwhile.
            renewed = await asyncio.to_thread(self._renewed)
        except FaultsFound as found:
            metrics.reloaded(well=False)
            _LOG.error("not reloaded", faults=found.faults)
            return
        except Exception as fault:
            metrics.reloaded(well=False)
            _LOG.error("not reloaded", **traced(fault))
            return
        service: Application = renewed.state.service
        renewed.state.ready = self._app.state.ready
        self._app = renewed
        renewed.state.capacity.share_among(len(service.callers))
        service.begin()
        metrics.reloaded(well=True)
        _LOG.info("reloaded", ms=round((perf_counter() - started) * 1000), **service.told)
        await asyncio.to_thread(tuning.settle_again)

    def _renewed(self) -> Starlette:
        service: Application = self._app.state.service
        return create_app(service.renewed(), self._app.state.capacity)
