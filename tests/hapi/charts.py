"""The example patients on a server, and a chart of any length: one of them with all its resources again and again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from typing import Any

from cds_service.facts.queries import TEMPLATES
from cds_service.fhir_client.access import FhirAccess, FhirGrant
from cds_service.fhir_client.egress import Resolver, Servers, networks
from cds_service.fhir_client.http import post_bundle
from tests.calling import EXAMPLES, searchset

Json = dict[str, Any]
_AT_ONCE = 500
_SECONDS = 60.0
"""Longer than any request takes: what is looked at is what comes, and when."""


def load_examples(server: str) -> None:
    """The example patients, as ``cds-service examples upload`` loads them."""
    for path in sorted((EXAMPLES / "patients").glob("*.json")):
        _post(server, path.read_bytes())


def lengthened(request: Json, copies: int, keys: Container[str] = TEMPLATES) -> Json:
    """A request whose prefetch holds so many times, under as many ids, all that it holds under these keys."""
    made = dict(request["prefetch"])
    for key in made.keys() - {"patient"}:
        own = [entry["resource"] for entry in made[key].get("entry", ()) if key in keys]
        more = [one | {"id": f"{one['id']}-{number}"} for number in range(1, copies) for one in own]
        made[key] = searchset(own + more) if more else made[key]
    return request | {"prefetch": made}


def load(server: str, request: Json) -> None:
    """Puts on the server what the prefetch of a request holds besides the patient, who is there already."""
    held = [entry["resource"] for value in request["prefetch"].values() for entry in value.get("entry", ())]
    for start in range(0, len(held), _AT_ONCE):
        entries = [_put(one) for one in held[start : start + _AT_ONCE]]
        _post(server, json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode())


def unsent(request: Json, server: str) -> Json:
    """The request of a client that prefetches nothing and names the server."""
    return request | {"fhirServer": server, "prefetch": {}}


@asynccontextmanager
async def granted(server: str) -> AsyncIterator[FhirGrant]:
    """Leave to fetch from the server."""
    access = FhirAccess(_SECONDS, Resolver(networks(("127.0.0.0/8",))))
    await access.ready()
    try:
        yield FhirGrant(access, Servers.listed([server], open=True))
    finally:
        await access.aclose()


def _put(resource: Json) -> Json:
    address = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": address}}


def _post(server: str, bundle: bytes) -> None:
    refusal = asyncio.run(post_bundle(server, bundle))
    assert refusal is None, refusal
