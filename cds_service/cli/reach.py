"""What `check --try` tries: the database, the keys and the FHIR servers of a site, as the service would reach them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable

import msgspec

from cds_service.errors import FaultsFound
from cds_service.fhir_client.egress import Base, Resolver, networks
from cds_service.fhir_client.fetch import ByteBudget, FhirReply, FhirRequest
from cds_service.fhir_client.http import FhirClient
from cds_service.fhir_client.target import Bounds, Deadline
from cds_service.hiding import hidden
from cds_service.settings import Settings
from cds_service.trust.clients import KEY_OF, Client, Clients, public_keys
from cds_service.trust.fetching import fetch_key_set

_SECONDS = 5.0
"""For each; they are tried side by side."""
_WITHOUT_TOKEN = (401, 403)


class Tried(msgspec.Struct, frozen=True):
    """One thing that was tried: what was found, or what is wrong."""

    what: str
    found: str
    fault: bool = False

    def __str__(self) -> str:
        return f"  {self.what}: {'FAULT: ' if self.fault else ''}{self.found}"


def tried(settings: Settings, clients: Clients | None) -> list[Tried]:
    """Everything outside that the settings name, each within seconds."""
    return asyncio.run(_tried(settings, clients))


async def _tried(settings: Settings, clients: Clients | None) -> list[Tried]:
    http = FhirClient(Resolver(networks(settings.fhir_servers)), Bounds())
    trusted = list(clients.by_name.values()) if clients else []
    servers = sorted({one for client in trusted for one in client.fhir_servers})
    if clients is None:
        servers = [one for one in settings.fhir_servers if "://" in one]
    try:
        return await asyncio.gather(
            *([_in_time("Database", _database(settings))] if settings.record == "on" or clients else []),
            *(_in_time(f"Keys of {one.name}", _keys(one)) for one in trusted if one.jku),
            *(_in_time(f"FHIR server {one}", _server(http, one)) for one in servers),
        )
    finally:
        await http.aclose()


async def _in_time(what: str, attempt: Awaitable[str]) -> Tried:
    try:
        async with asyncio.timeout(_SECONDS):
            return Tried(what, await attempt)
    except TimeoutError:
        return Tried(what, f"no answer within {_SECONDS:g} seconds", fault=True)
    except _Fault as fault:
        return Tried(what, str(fault), fault=True)
    except FaultsFound as found:
        return Tried(what, " ".join(found.faults), fault=True)


class _Fault(Exception):
    """What is wrong with the thing that was tried, as a phrase."""


async def _database(settings: Settings) -> str:
    from cds_service.record.reached import found_at
    from cds_service.record.recorder import store_of

    store = store_of(settings)
    try:
        return await found_at(store)
    except store.lost as fault:
        if isinstance(fault, TimeoutError):
            raise
        raise _Fault(f"cannot be used ({_reason(fault)})") from None
    finally:
        await store.close()


def _reason(fault: BaseException) -> str:
    """Its innermost words, in one line: of a wrapped one those of the driver."""
    from cds_service.record.store import cause_of

    inner = cause_of(fault)
    return " ".join(f"{type(inner).__name__} {inner}".split())


async def _keys(client: Client) -> str:
    where = hidden(client.jku or "")
    try:
        found = public_keys(json.loads(await fetch_key_set(client.jku or "")))
    except TimeoutError:
        raise
    except OSError as fault:
        raise _Fault(f"{where} could not be fetched ({fault})") from None
    except (ValueError, RecursionError):
        raise _Fault(f"{where} holds no usable key") from None
    fitting = {KEY_OF[name[:2]] for name in client.algorithms}
    usable = sorted(f"{ascii(key.kid)[1:-1]} ({key.key_type})" for key in found.keys if key.key_type in fitting)
    if not usable:
        raise _Fault(f"{where} holds no key for {', '.join(client.algorithms)}")
    return f"{where} holds {', '.join(usable)}"


async def _server(http: FhirClient, address: str) -> str:
    base = Base.of(address)
    url = base.address("metadata") if base else None
    if base is None or url is None:
        raise _Fault("is no address that is called")
    reply = await http.ask(FhirRequest(base.origin, url), ByteBudget(Bounds()), Deadline(_SECONDS))
    if reply.why:
        raise _Fault(reply.why)
    if reply.status in _WITHOUT_TOKEN:
        return f"is reached, and tells nothing without a token (status {reply.status})"
    return _statement(reply)


def _statement(reply: FhirReply) -> str:
    if reply.status != 200:
        raise _Fault(f"status {reply.status} for /metadata")
    try:
        told = msgspec.json.decode(reply.body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or told.get("resourceType") != "CapabilityStatement":
        raise _Fault("what it has under /metadata is no CapabilityStatement")
    release = ascii(told.get("fhirVersion")).strip("'")
    if not release.startswith("4.0"):
        raise _Fault(f"it speaks FHIR {release}, not R4")
    return f"FHIR {release}"
