"""Reads the key set of a trusted EHR from the address that its configuration names, and from no other."""

from __future__ import annotations

import asyncio

import httpx

from cds_service.fhir_client.tls import trusted

_SECONDS = 3.0
_LARGEST_SET = 256 * 1024


async def fetch_key_set(address: str) -> bytes:
    """The body at an https address: no redirect, bounded in size and time; OSError when it cannot be had."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await _read(address)
    except httpx.HTTPError as fault:
        raise OSError(f"{type(fault).__name__} {fault}".strip()) from None


async def _read(address: str) -> bytes:
    context = await asyncio.to_thread(trusted)
    async with (
        httpx.AsyncClient(verify=context, trust_env=False, follow_redirects=False, timeout=_SECONDS) as client,
        client.stream("GET", address, headers={"Accept": "application/json"}) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise OSError(f"status {answer.status_code}")
        found = bytearray()
        async for part in answer.aiter_bytes():
            found += part
            if len(found) > _LARGEST_SET:
                raise OSError("the key set is too large")
        return bytes(found)
