"""The public keys of trusted EHRs: given out of band, or fetched from the one address configured for the issuer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cds_service.trust.clients import Client, Clients, public_keys

FRESH_SECONDS = 900.0
LAST_GOOD_SECONDS = 86_400.0
REFETCH_SECONDS = 60.0
LARGEST_SET = 256 * 1024

Fetch = Callable[[str], Awaitable[bytes]]
"""Reads an address without following redirects, bounded in time and size; raises OSError when it cannot."""

_LOG = structlog.get_logger()


class _Held(msgspec.Struct):
    keys: KeySet | None = None
    fetched: float = float("-inf")
    asked: float = float("-inf")


class KeyRing:
    """Keys by issuer, cached; one fetch at a time per issuer, at most one a minute, the last good set kept a day."""

    def __init__(self, clients: Clients, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._fetch = fetch
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def find(self, client: Client, kid: str) -> KeySet | None:
        """A set that holds the key of this id, or None."""
        static = self._clients.static_keys.get(client.issuer)
        if static is not None and _has(static, kid):
            return static
        if client.jku is None:
            return None
        held = self._held.setdefault(client.issuer, _Held())
        if held.keys is not None and _has(held.keys, kid) and self._clock() - held.fetched < FRESH_SECONDS:
            return held.keys
        async with self._locks.setdefault(client.issuer, asyncio.Lock()):
            await self._refresh(client.jku, held)
        usable = held.keys is not None and self._clock() - held.fetched < LAST_GOOD_SECONDS
        return held.keys if usable and held.keys and _has(held.keys, kid) else None

    async def _refresh(self, address: str, held: _Held) -> None:
        """Fetches unless that was done within the last minute; a failure keeps what is held."""
        now = self._clock()
        if now - held.asked < REFETCH_SECONDS:
            return
        held.asked = now
        try:
            held.keys = public_keys(msgspec.json.decode(await self._fetch(address)))
            held.fetched = now
        except (OSError, ValueError, JoseError, msgspec.DecodeError) as fault:
            _LOG.warning("keys not fetched", fault=type(fault).__name__)


def _has(keys: KeySet, kid: str) -> bool:
    return any(key.kid == kid for key in keys.keys)
