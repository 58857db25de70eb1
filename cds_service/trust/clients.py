"""The trusted EHRs of ``clients.toml``: who they are, how they sign, what they may name and how they speak."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cds_service.errors import SettingsError
from cds_service.hooks.profiles import PROFILES

ALGORITHMS = ("ES384", "RS384", "ES256", "RS256", "PS384", "ES512", "RS512", "EdDSA")
"""What a client may be allowed; never ``none`` or a symmetric algorithm (CDS Hooks: JWT Signing Algorithm)."""

RECOMMENDED = ("ES384", "RS384")


class Client(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """One trusted EHR."""

    name: str
    """Its key in logs and in the record."""
    issuer: str
    jwks: str | None = None
    """A file with its JWK Set, relative to clients.toml."""
    jku: str | None = None
    """The https address of its JWK Set; a token may name this one and no other."""
    algorithms: tuple[str, ...] = RECOMMENDED
    audiences: tuple[str, ...] = ()
    """Further public base addresses under which it knows this service."""
    tenants: tuple[str, ...] = ()
    subject: str | None = None
    fhir_servers: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    profile: str = "default"
    services: tuple[str, ...] = ()
    """Ids of the services it may call; empty for all."""
    calls_per_minute: int = 600


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    client: tuple[Client, ...]


class Clients(msgspec.Struct, frozen=True):
    """All trusted EHRs by issuer, with the keys that were given out of band."""

    by_issuer: dict[str, Client]
    static_keys: dict[str, KeySet]

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(origin for client in self.by_issuer.values() for origin in client.origins)


def read_clients(path: Path) -> Clients:
    """The clients of a file; raises SettingsError with every fault."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).client
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError([f"{path.name}: {error}"]) from None
    faults = [f"{path.name}: {fault}" for fault in _faults(found)]
    keys: dict[str, KeySet] = {}
    for client in found:
        if client.jwks:
            try:
                keys[client.issuer] = _key_set(path.parent / client.jwks)
            except (OSError, ValueError, JoseError) as error:
                faults.append(f"{path.name}: {client.name}: jwks: {type(error).__name__}, the file is no JWK Set")
    if faults:
        raise SettingsError(faults)
    return Clients({client.issuer: client for client in found}, keys)


def _key_set(path: Path) -> KeySet:
    return public_keys(json.loads(path.read_text(encoding="utf-8")))


def public_keys(document: object) -> KeySet:
    """The asymmetric keys of a JWK Set that have a ``kid``; raises ValueError without any."""
    listed = document.get("keys") if isinstance(document, dict) else None
    keys = [key for key in listed or () if isinstance(key, dict) and key.get("kty") in ("EC", "RSA", "OKP")]
    named = [key for key in keys if isinstance(key.get("kid"), str) and key.get("use", "sig") == "sig"]
    if not named:
        raise ValueError("no usable key")
    return KeySet.import_key_set({"keys": named})


def _faults(clients: Iterable[Client]) -> Iterator[str]:
    found = list(clients)
    for field in ("name", "issuer"):
        values = [getattr(client, field) for client in found]
        for twice in sorted({value for value in values if values.count(value) > 1}):
            yield f"{field}: {twice!r} stands twice"
    for client in found:
        yield from (f"{client.name}: {fault}" for fault in _client_faults(client))


def _client_faults(client: Client) -> Iterator[str]:
    if not client.jwks and not client.jku:
        yield "give jwks (a file) or jku (an address)"
    if client.jku and not client.jku.startswith("https://"):
        yield "jku: must begin with https://"
    for name in client.algorithms:
        if name not in ALGORITHMS:
            yield f"algorithms: {name!r} is none of {', '.join(ALGORITHMS)}"
    if client.profile not in PROFILES:
        yield f"profile: {client.profile!r} is none of {', '.join(PROFILES)}"
    for field in ("audiences", "fhir_servers", "origins"):
        for address in getattr(client, field):
            if not _is_plain_https(address):
                yield f"{field.replace('_', '-')}: {address!r} must be an https address without user, query or fragment"
    if client.calls_per_minute < 1:
        yield "calls-per-minute: must be at least 1"


def _is_plain_https(address: str) -> bool:
    parts = urlsplit(address)
    loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    plain = not (parts.query or parts.fragment or parts.username)
    return bool(parts.hostname) and plain and (parts.scheme == "https" or loopback)
