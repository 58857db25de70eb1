"""What the web layer asks of the service behind it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
from starlette.requests import Request

from cds_service.hooks.feedback import Report
from cds_service.hooks.requests import HookRequest
from cds_service.hooks.responses import Response
from cds_service.hooks.services import Service
from cds_service.settings import Settings
from cds_service.trust.clients import Client


class Caller(msgspec.Struct, frozen=True):
    """Who calls: the key under which a trusted EHR is configured, or ``anyone`` in open mode.

    ``tenant`` and ``token`` are the organization and the id that its token names, where they may be written down.
    """

    name: str
    client: Client | None = None
    tenant: str | None = None
    token: str | None = None

    @property
    def told(self) -> dict[str, str]:
        """What the line of a call says of its caller."""
        said = {"caller": self.name, "tenant": self.tenant, "token": self.token}
        return {name: value for name, value in said.items() if value}


ANYONE = Caller("anyone")


class Answered(msgspec.Struct, frozen=True):
    """A hook's answer.

    ``timings`` are seconds by phase (gather, decide), in the order of their course; ``outcomes`` goes into the log
    and holds ids of rules, never patient data.
    """

    body: bytes | Response
    timings: Mapping[str, float] = {}
    outcomes: Mapping[str, Any] = {}


class Assembled(Protocol):
    """The service behind the web layer: what it may do, who may call it, and how a hook is decided."""

    @property
    def settings(self) -> Settings: ...

    @property
    def services(self) -> Mapping[str, Service]:
        """The services by id, in the order of discovery."""

    @property
    def callers(self) -> int:
        """How many may call: the trusted EHRs, or one for anyone."""

    @property
    def origins(self) -> frozenset[str] | None:
        """The browser origins that may call; None for any."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Holds open what the service needs while it answers."""

    async def authenticate(self, request: Request) -> Caller:
        """The caller; NotAuthenticated or NotEntitled otherwise."""

    async def answer(self, hook: HookRequest, service: Service, caller: Caller) -> Answered:
        """Gathers the facts and decides; DataMissing when nothing could be judged."""

    def called(self, line: Mapping[str, Any], seconds: float) -> None:
        """Is told of every call once its answer has left: the line that is written of it."""

    def sample(self) -> None:
        """Brings what is measured, rather than counted, up to date."""

    def reasons(self, report: Report) -> Mapping[str, int]:
        """How often each of our own reasons to override was given; any other counts as ``other``."""

    async def take(self, report: Report, service: Service, caller: Caller) -> None:
        """Keeps what became of cards; once it returns, a crash does not lose it. NotReady if it cannot be kept."""
