"""The way to FHIR servers that the rest of the service sees; what speaks HTTP is loaded when it is first needed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.fhir_client.egress import Base, Resolver, Servers

if TYPE_CHECKING:
    from cds_service.fhir_client.http import FhirClient

Why: TypeAlias = Literal[
    "not in time",
    "not authorised for this data",
    "not found",
    "the server refused",
    "the server failed",
    "redirected",
    "no connection",
    "answer too large",
    "answer unreadable",
    "more pages",
    "more pages elsewhere",
]
"""Why an answer was not had, or not all of it; short words that go into logs and name nobody."""

Closed: TypeAlias = Literal["no FHIR server", "FHIR server not allowed", "token not usable", "no token"]
"""Why a server is not asked at all."""

_TOKEN = re.compile(r"[!-~]+")

REFERENCES = "references"
"""The key under which stands what other resources refer to and nobody had sent."""


class Target(msgspec.Struct, frozen=True):
    """A server that may be called in one request, with the token for it and for no other."""

    base: Base
    token: str | None = None

    def __repr__(self) -> str:
        return f"Target({self.base.url!r})"


class FhirQuery(msgspec.Struct, frozen=True):
    """What is asked for under one key: relative to the server, or a page's address as the server gave it."""

    kind: type[fhir.Resource]
    address: str
    page: bool = False


class Fetched(msgspec.Struct, frozen=True):
    """What came for one query: a resource, or the entries of all pages in one Bundle; ``why`` it may not be all."""

    value: fhir.Resource | None = None
    why: Why | None = None


class Bounds(msgspec.Struct, frozen=True):
    """What is taken from a server in one request, and how many calls may be under way to it."""

    pages: int = 20
    entries: int = 5_000
    bytes: int = 8 * 1_048_576
    page_bytes: int = 4 * 1_048_576
    references: int = 300
    calls: int = 128


class FhirAccess:
    """Fetches within a deadline. One for the whole process, shared by all clients."""

    def __init__(self, seconds: float, resolver: Resolver | None = None, bounds: Bounds | None = None) -> None:
        self.seconds = seconds
        self._resolver = resolver or Resolver()
        self._bounds = bounds or Bounds()
        self._opening: asyncio.Task[FhirClient] | None = None

    async def fetch(
        self, target: Target, queries: Mapping[str, FhirQuery], held: Iterable[fhir.Resource] = (), *, seconds: float
    ) -> dict[str, Fetched]:
        """The answer to every query, and under ``REFERENCES`` what is referred to by them and by the resources held.

        After so many seconds it returns whatever the servers do, with what has come.
        """
        until = asyncio.get_running_loop().time() + seconds
        opening = self._open()
        await asyncio.wait((opening,), timeout=seconds)
        if not opening.done():
            return {key: Fetched(why="not in time") for key in queries}
        return await opening.result().fetch(target, queries, held, until=until)

    async def ready(self) -> None:
        """Loads what speaks HTTP now rather than at the first fetch, whose time it would take."""
        await asyncio.shield(self._open())

    async def aclose(self) -> None:
        if self._opening is not None:
            await (await self._opening).aclose()
            self._opening = None

    def _open(self) -> asyncio.Task[FhirClient]:
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(self._opened))
        return self._opening

    def _opened(self) -> FhirClient:
        from cds_service.fhir_client.http import FhirClient

        return FhirClient(self._resolver, self._bounds)


class FhirGrant(msgspec.Struct, frozen=True):
    """What one client lets the service reach: the servers that it may name, by the way that all share."""

    access: FhirAccess
    servers: Servers

    def target(self, server: str | None, token: str | None, *, authorized: bool) -> Target | Closed:
        """The server of a request, or why it is not asked.

        ``authorized`` tells whether the client sent an authorization at all: one that cannot be used is not
        replaced by asking without.
        """
        if not server:
            return "no FHIR server"
        base = self.servers.base(server)
        if base is None:
            return "FHIR server not allowed"
        if authorized:
            return Target(base, token) if token and _TOKEN.fullmatch(token) else "token not usable"
        return Target(base) if self.servers.open else "no token"
