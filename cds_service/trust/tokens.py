"""Verification of a client's JWT, in the order that gives a forger nothing (CDS Hooks: Trusting CDS Clients).

Any failure is the same NotAuthenticated; the reason goes to the log only.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from typing import Any, NoReturn, Protocol, TypeGuard

import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from cds_service.errors import NotAuthenticated, NotEntitled
from cds_service.trust.clients import KEY_OF, Client, Clients
from cds_service.trust.jwks import KeyRing

LONGEST_TOKEN = 8 * 1024
LEEWAY = 60
LONGEST_LIFE = 3600
_END_OF_TIME = 2**53
PUBLISHED_KEYS = frozenset({"example-kid", "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f"})
"""Ids of keys whose private halves anyone can read: the example of CDS Hooks and the key of its public sandbox."""

_FOREIGN_KEYS = ("jwk", "x5u", "x5c", "crit")
_LOG = structlog.get_logger()


class Replays(Protocol):
    """Remembers which tokens were used."""

    async def first_use(self, signer: str, token_id: str, until: float) -> bool:
        """Whether this is the first use of a signer's id; the memory may end at ``until``, seconds since the epoch."""


class Verifier:
    """Says who calls; ``on_trial`` lets published keys count, as on a developer's own machine."""

    def __init__(
        self,
        clients: Clients,
        keys: KeyRing,
        replays: Replays,
        bases: tuple[str, ...],
        clock: Callable[[], float] = time.time,
        *,
        on_trial: bool = False,
    ) -> None:
        self._clients = clients
        self._keys = keys
        self._replays = replays
        self._bases = bases
        self._clock = clock
        # RFC 7515, section 4: members of the header that are not understood are passed over.
        self._registries = {
            client.name: JWSRegistry(algorithms=list(client.algorithms), strict_check_header=False)
            for client in clients.by_name.values()
        }
        self._untrusted = frozenset() if on_trial else PUBLISHED_KEYS

    async def verify(self, authorization: list[str], path: str, service: str | None) -> tuple[Client, dict[str, Any]]:
        """The client of a call to ``path`` (its one Authorization header in a list), with what its token claims.

        Raises NotAuthenticated, or NotEntitled where the client may not call this service.
        """
        token = _bearer(authorization)
        header, unverified = _peek(token)
        client = self._said_by(header, unverified)
        if client is None:
            _refuse("no one client has this issuer, tenant and key address")
        kid = _checked_header(header, client)
        if kid in self._untrusted:
            _refuse("a key whose private half is published", client)
        keys = await self._keys.find(client, kid)
        if keys is None:
            _refuse("key not known", client)
        try:
            fitting = KEY_OF[header["alg"][:2]]
            key = next((key for key in keys.keys if (key.kid, key.key_type) == (kid, fitting)), None)
            if key is None:
                _refuse("algorithm does not fit the key", client)
            signed = jwt.decode(token, key, registry=self._registries[client.name])
        except (JoseError, ValueError, TypeError) as fault:
            _refuse(f"signature: {type(fault).__name__}", client)
        claims = signed.claims
        # What chose the key was read before it was signed by anyone.
        if self._said_by(signed.header, claims) is not client:
            _refuse("another issuer, tenant or key address than at first reading", client)
        self._check_claims(claims, client, path)
        signer = _signer(signed.header, claims)
        if not await self._replays.first_use(signer, claims["jti"], claims["exp"] + LEEWAY):
            _refuse("used before", client)
        if client.services and service is not None and service not in client.services:
            raise NotEntitled
        return client, claims

    def _said_by(self, header: dict[str, Any], claims: dict[str, Any]) -> Client | None:
        return self._clients.of(claims.get("iss"), claims.get("tenant"), header.get("jku"))

    def _check_claims(self, claims: dict[str, Any], client: Client, path: str) -> None:
        now = self._clock()
        for name in ("iss", "jti"):
            if not isinstance(claims.get(name), str) or not claims[name]:
                _refuse(f"{name} missing", client)
        for name in ("exp", "iat"):
            if not _is_time(claims.get(name)):
                _refuse(f"{name} missing", client)
        if claims["exp"] <= now - LEEWAY:
            _refuse("expired", client)
        if claims["iat"] > now + LEEWAY or not _is_past(claims.get("nbf", now), now):
            _refuse("not yet valid", client)
        if claims["exp"] - claims["iat"] > LONGEST_LIFE:
            _refuse("lives too long", client)
        if not self._is_for_us(claims.get("aud"), client, path):
            _refuse("audience", client)
        if client.tenants and claims.get("tenant") not in client.tenants:
            _refuse("tenant", client)
        if client.subject is not None and claims.get("sub") != client.subject:
            _refuse("subject", client)

    def _is_for_us(self, audience: object, client: Client, path: str) -> bool:
        """Whether the configured address of this path stands in ``aud``; the Host header is never looked at."""
        named = audience if isinstance(audience, list) else [audience]
        paths = {path, path.removesuffix("/feedback")}
        wanted = {base + one for base in (*self._bases, *client.audiences) for one in paths}
        return any(isinstance(one, str) and one in wanted for one in named)


def _refuse(reason: str, client: Client | None = None) -> NoReturn:
    _LOG.info("call refused", reason=reason, client=client.name if client else None)
    raise NotAuthenticated


def _bearer(authorization: list[str]) -> str:
    if len(authorization) != 1:
        _refuse("no token" if not authorization else "two tokens")
    scheme, _, token = authorization[0].partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token.isascii():
        _refuse("no bearer token")
    if len(token) > LONGEST_TOKEN:
        _refuse(f"longer than {LONGEST_TOKEN} characters")
    if len(token.split(".")) != 3 or not all(token.split(".")):
        _refuse("not a signed token")
    return token


def _peek(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims before the signature is checked: only to look up whose keys to use."""
    header, claims, _ = token.split(".")
    return _part(header), _part(claims)


def _part(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
        _refuse("unreadable")
    if not isinstance(found, dict):
        _refuse("unreadable")
    return found


def _checked_header(header: dict[str, Any], client: Client) -> str:
    """The key's id, once nothing in the header asks for another key, algorithm or meaning."""
    if any(name in header for name in _FOREIGN_KEYS):
        _refuse("header names a key or an extension of its own", client)
    if header.get("typ", "JWT") not in ("JWT", "jwt"):
        _refuse("not a JWT", client)
    if header.get("alg") not in client.algorithms:
        _refuse("algorithm", client)
    # Where the keys are a file, an address beside them is nothing that would be asked.
    if client.jku and "jku" in header and header["jku"] != client.jku:
        _refuse("key address not configured", client)
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        _refuse("no key id", client)
    return kid


def _signer(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Whose ids of tokens are one row: what a tenant uses up must not be lacking to another of its issuer."""
    said = claims["iss"], claims.get("tenant"), header.get("jku")
    return json.dumps([one if isinstance(one, str) else None for one in said])


def _is_time(value: object) -> TypeGuard[float]:
    """Seconds since the epoch; no float can be taken from a whole number of hundreds of digits, so that is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _END_OF_TIME


def _is_past(value: object, now: float) -> bool:
    return _is_time(value) and value <= now + LEEWAY
