"""The way to a server that may do anything: bounds on what it sends, whatever it is asked for."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterable

import httpcore
import httpx

from cds_service.fhir_client.heads import BoundedHeads
from cds_service.fhir_client.tls import trusted

_IDLE_SECONDS = 30.0
_IDLE_CONNECTIONS = 64
_TURN = 64


class BoundedTransport(httpx.AsyncHTTPTransport):
    """httpx's own, but with connections of a network of ours.

    The pool has no limit of its own: nobody ever queues in it, as the slots are handed out before.
    """

    def __init__(self, network: httpcore.AsyncNetworkBackend) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusted(),
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=network,
        )


class BoundedNetwork(httpcore.AnyIOBackend):
    """Connects where it is told to; the heads of answers have an end."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the interface has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return BoundedHeads(await super().connect_tcp(host, port, timeout, local_address, socket_options))


async def give_way(pieces: int) -> None:
    """After some pieces of a body others may go on: a server may send single bytes, faster than they can be taken."""
    if pieces % _TURN == 0:
        await asyncio.sleep(0)


def unpacking(encoding: str) -> Callable[[bytes, int], bytes] | None:
    """Unpacks chunk by chunk, never to more than asked for; None for what was not offered to the server."""
    if encoding == "identity":
        return lambda chunk, _: chunk
    return zlib.decompressobj(wbits=31).decompress if encoding in ("gzip", "x-gzip") else None
