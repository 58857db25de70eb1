"""Reads the key set of a trusted EHR from the address that its configuration names, and from no other."""

from __future__ import annotations

import asyncio
import zlib

import httpx

from cds_service.fhir_client.heads import HeadTooLong
from cds_service.fhir_client.tls import trusted
from cds_service.fhir_client.transport import BoundedNetwork, BoundedTransport, give_way, unpacking

_SECONDS = 3.0
_LARGEST_SET = 256 * 1024
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip"}


async def fetch_key_set(address: str) -> bytes:
    """The body at an https address: no redirect, bounded in size and time; OSError when it cannot be had."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await _read(address)
    except (httpx.HTTPError, HeadTooLong, zlib.error) as fault:
        raise OSError(f"{type(fault).__name__} {fault}".strip()) from None


async def _read(address: str) -> bytes:
    await asyncio.to_thread(trusted)
    transport = BoundedTransport(BoundedNetwork())
    async with (
        httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=_SECONDS) as client,
        client.stream("GET", address, headers=_HEADERS) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise OSError(f"status {answer.status_code}")
        unpack = unpacking(answer.headers.get("content-encoding", "identity"))
        if unpack is None:
            raise OSError("the key set is packed in a way that was not asked for")
        parts: list[bytes] = []
        size = 0
        async for packed in answer.aiter_raw():
            parts.append(unpack(packed, _LARGEST_SET + 1))
            size += len(parts[-1])
            if size > _LARGEST_SET:
                raise OSError("the key set is too large")
            await give_way(len(parts))
        return b"".join(parts)
