"""The way to FHIR servers that the rest of the service sees; what speaks HTTP is loaded when it is first needed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.fhir.sources import FhirQuery, Source
from cds_service.fhir_client.egress import Resolver, Servers
from cds_service.fhir_client.target import Bounds, Closed, Deadline, Target

if TYPE_CHECKING:
    from cds_service.fhir_client.http import FhirClient

_TOKEN = re.compile(r"[!-~]+")


class FhirAccess:
    """Fetches within a deadline. One for the whole process, shared by all clients."""

    def __init__(self, deadline_seconds: float, resolver: Resolver | None = None, bounds: Bounds | None = None) -> None:
        self._deadline_seconds = deadline_seconds
        self._resolver = resolver or Resolver()
        self._bounds = bounds or Bounds()
        self._opening: asyncio.Task[FhirClient] | None = None

    def deadline(self, token_seconds: float | None = None) -> Deadline:
        """The deadline of a request that begins now, or the end of its token where that comes first."""
        allowed = self._deadline_seconds
        return Deadline(allowed if token_seconds is None else min(allowed, token_seconds))

    async def fetch(
        self,
        target: Target,
        queries: Mapping[str, FhirQuery],
        held: Iterable[fhir.Resource] = (),
        *,
        deadline: Deadline,
    ) -> dict[str, Source]:
        """The answer to every query, and under ``REFERENCES`` what is referred to by them and by the resources held.

        At the deadline it returns whatever the servers do, with what has come. Raises OtherRelease for what is not R4.
        """
        opening = self._open()
        await asyncio.wait((opening,), timeout=deadline.remaining)
        if not opening.done():
            return {key: query.unanswered("not in time") for key, query in queries.items()}
        return await opening.result().fetch(target, queries, held, deadline)

    async def ready(self) -> None:
        """Loads what speaks HTTP now rather than at the first fetch, whose time it would take."""
        client = await asyncio.shield(self._open())
        await client.ready()

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
    not_served: frozenset[str] = frozenset()
    """The keys whose data do not exist at this client: nothing is missing where they are."""

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
