"""The public keys of trusted EHRs: given out of band, or fetched from the one address that is configured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

import msgspec
import structlog
from joserfc.jwk import KeySet

from cds_service.trust.clients import Client, Clients, public_keys

FRESH_SECONDS = 900.0
LAST_GOOD_SECONDS = 86_400.0
REFETCH_SECONDS = 60.0

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]
"""Reads an address without following redirects, bounded in time and size; raises OSError when it cannot."""

Told: TypeAlias = Callable[[str, Literal["fetched", "failed"]], None]
"""Is told of every fetch: the client's name and how it went."""

_LOG = structlog.get_logger()


class _Held(msgspec.Struct):
    """The set of one address, and the names of the clients that have it there."""

    address: str
    clients: list[str] = []
    keys: KeySet | None = None
    fetched: float = float("-inf")
    asked: float = float("-inf")
    fetching: asyncio.Task[None] | None = None


class KeyRing:
    """Keys by client: fetched at most once a minute, anew in the background after a while, the last good kept a day.

    A call waits for a fetch only if its key is not held: one whose key was held before is not slowed by the age of
    the set or by an address that fails.
    """

    def __init__(
        self,
        clients: Clients,
        fetch: Fetch,
        clock: Callable[[], float] = time.monotonic,
        told: Told = lambda _, __: None,
    ) -> None:
        self._clients = clients
        self._fetch = fetch
        self._clock = clock
        self._told = told
        self._held: dict[str, _Held] = {}
        for client in clients.by_name.values():
            if client.jku:
                self._held.setdefault(client.jku, _Held(client.jku)).clients.append(client.name)

    def renewed(self, clients: Clients) -> KeyRing:
        """For other clients: what was fetched is good until it is fetched anew, which may be at once."""
        other = KeyRing(clients, self._fetch, self._clock, self._told)
        for address, held in other._held.items():
            before = self._held.get(address)
            if before:
                held.keys, held.fetched = before.keys, before.fetched
        return other

    def prepare(self) -> None:
        """Begins to fetch what is configured, so that no clinician waits for it."""
        for held in self._held.values():
            self._renewal(held)

    async def find(self, client: Client, kid: str) -> KeySet | None:
        """A set that holds the key of this id, or None."""
        static = self._clients.static_keys.get(client.name)
        if static is not None and _has(static, kid):
            return static
        held = self._held.get(client.jku or "")
        if held is None:
            return None
        if not self._usable(held, kid) or self._clock() - held.fetched >= FRESH_SECONDS:
            renewal = self._renewal(held)
            if renewal and not self._usable(held, kid):
                await asyncio.wait([renewal])
        return held.keys if self._usable(held, kid) else None

    def _usable(self, held: _Held, kid: str) -> bool:
        recent = self._clock() - held.fetched < LAST_GOOD_SECONDS
        return recent and held.keys is not None and _has(held.keys, kid)

    def _renewal(self, held: _Held) -> asyncio.Task[None] | None:
        """The fetch under way, a new one, or None where one was made within the last minute."""
        if held.fetching is None or held.fetching.done():
            now = self._clock()
            if now - held.asked < REFETCH_SECONDS:
                return None
            held.asked = now
            held.fetching = asyncio.create_task(self._renew(held))
        return held.fetching

    async def _renew(self, held: _Held) -> None:
        """A failure keeps what is held."""
        try:
            held.keys = public_keys(msgspec.json.decode(await self._fetch(held.address)))
            held.fetched = held.asked
            self._tell(held, "fetched")
        except (OSError, ValueError, RecursionError) as fault:
            self._tell(held, "failed")
            _LOG.warning("keys not fetched", client=", ".join(held.clients), fault=type(fault).__name__)

    def _tell(self, held: _Held, outcome: Literal["fetched", "failed"]) -> None:
        for name in held.clients:
            self._told(name, outcome)


def _has(keys: KeySet, kid: str) -> bool:
    return any(key.kid == kid for key in keys.keys)
