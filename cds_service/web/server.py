"""Puts the service together from its settings, and runs it with uvicorn."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request

from cds_service import places
from cds_service.answering import DecisionService
from cds_service.hooks.requests import HookRequest
from cds_service.hooks.services import Service
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembled import ANYONE, Answered, Caller
from cds_service.web.logs import configure


class House:
    """The service that the web layer asks, made of the settings and the cards."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._decisions = DecisionService.of(
            places.cards(settings), settings.today, silent=settings.mode == "silent"
        )

    @property
    def services(self) -> Mapping[str, Service]:
        return self._decisions.services

    @property
    def origins(self) -> frozenset[str] | None:
        return None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield

    async def authenticate(self, request: Request) -> Caller:
        """Open mode: anyone, and only on a loopback address (the settings see to that)."""
        return ANYONE

    async def answer(self, hook: HookRequest, service: Service) -> Answered:
        done = await self._decisions.answer(hook, service)
        outcomes = {
            "cards": len(done.response.cards),
            "found": done.decision.found,
            "undetermined": list(done.decision.undetermined),
            "gate": done.decision.gate,
        }
        return Answered(done.response, {"gather": done.gathered, "decide": done.decided}, outcomes)


def application() -> Starlette:
    """The application with the settings of the environment, for a server that imports it by name."""
    settings = Settings.read(os.environ)
    configure(settings.log_level)
    return create_app(House(settings))


def run(settings: Settings, *, workers: int = 1) -> None:
    """Serves until it is told to stop; requests under way are answered first."""
    uvicorn.run(
        "cds_service.web.server:application",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=workers,
        http="httptools",
        loop="uvloop",
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=10,
    )
