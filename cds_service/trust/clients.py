"""The trusted EHRs of ``clients.toml``: who they are, how they sign, what they may name and how they speak."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet, RSAKey

from cds_service.errors import SettingsError
from cds_service.facts.queries import MAY_BE_UNSERVED, TEMPLATES
from cds_service.fhir_client.egress import Base
from cds_service.hiding import hidden
from cds_service.hooks.profiles import PROFILES
from cds_service.record.entries import BENCH, MADE_UP
from cds_service.settings import PrefetchSet
from cds_service.trust.vendors import CodeForm, code_form, vendors

ALGORITHMS = ("ES384", "RS384", "ES256", "RS256", "PS384", "ES512", "RS512", "EdDSA")
"""What a client may be allowed; never ``none`` or a symmetric algorithm (CDS Hooks: JWT Signing Algorithm)."""

RECOMMENDED = ("ES384", "RS384")
_RESERVED = ("anyone", "unknown")
_LEAST_RSA_BITS = 2048
KEY_OF = {"ES": "EC", "RS": "RSA", "PS": "RSA", "Ed": "OKP"}
"""The type of key for an algorithm, by the first letters of its name."""

_PARAMETERS = re.compile(r"[\w:.-]+=[^\s&=?#{}]+(&[\w:.-]+=[^\s&=?#{}]+)*", re.ASCII)
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})


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
    """Empty for any; two clients of one issuer are told apart by these, or by their ``jku``."""
    subject: str | None = None
    fhir_servers: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    profile: str = "default"
    services: tuple[str, ...] = ()
    """Ids of the services it may call; empty for all."""
    calls_per_minute: int = 600
    vendor: str | None = None
    """Of its FHIR server; what is publicly known of that one holds unless it is said here."""
    not_served: tuple[str, ...] | None = None
    """The prefetch keys whose data do not exist there; in place of the vendor's, if given."""
    observation_codes: CodeForm | None = None
    observation_search: Literal["code", "combo-code"] = "code"
    """Whether results are found by the codes of their components too."""
    search_parameters: dict[str, str] | None = None
    """By prefetch key, what a search must have beside the patient there; in place of the vendor's, if given."""
    diagnostic_reports: Literal["coded", "all"] = "coded"
    """Whether reports are asked for by the codes of sleep studies, or all there are."""
    prefetch: PrefetchSet = "full"
    """What discovery asks of it; what it does not ask for is fetched from one of ``fhir_servers``."""
    probe: bool = False
    """Whether it is no EHR but the site's own probe: what it asks about synthetic patients is not recorded."""

    def may_have_said(self, tenant: object, jku: object) -> bool:
        """Whether what a token says is not another's of the same issuer."""
        return (not self.tenants or tenant in self.tenants) and (not self.jku or jku in (None, self.jku))

    def is_of_other_tenants(self, other: Client) -> bool:
        return bool(self.tenants and other.tenants) and set(self.tenants).isdisjoint(other.tenants)

    @property
    def keys_not_served(self) -> frozenset[str]:
        if self.not_served is not None:
            return frozenset(self.not_served)
        return vendors()[self.vendor].keys_not_served if self.vendor else frozenset()

    @property
    def parameters(self) -> dict[str, str]:
        if self.search_parameters is not None:
            return self.search_parameters
        return vendors()[self.vendor].parameters if self.vendor else {}

    @property
    def code_form(self) -> CodeForm:
        return self.observation_codes or code_form(self.vendor, self.profile)


class Clients(msgspec.Struct, frozen=True):
    """All trusted EHRs, with the keys that were given out of band, both by the EHR's name."""

    by_name: dict[str, Client]
    static_keys: dict[str, KeySet]

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(origin for client in self.by_name.values() for origin in client.origins)

    def of(self, issuer: object, tenant: object, jku: object) -> Client | None:
        """The only client whose key may have signed a token that says this; None where it leaves that open.

        The keys of the others of its issuer never count for it, whatever their ids are.
        """
        found = [client for client in self.by_name.values() if client.issuer == issuer]
        if len(found) > 1:
            found = [client for client in found if client.may_have_said(tenant, jku)]
        return found[0] if len(found) == 1 else None

    def namespace(self, client: Client) -> str:
        """Within which an id of a patient is that of one patient, given the tenant or the FHIR server."""
        others = (one for one in self.by_name.values() if one.issuer == client.issuer and one.name != client.name)
        return client.issuer if all(map(client.is_of_other_tenants, others)) else f"{client.issuer} {client.jku}"


def read_clients(path: Path, services: Container[str] | None = None) -> Clients:
    """The clients of a file; raises SettingsError with every fault, unknown ids of ``services`` among them."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError([f"{path.name}: {error}"]) from None
    reading = _Reading(path.parent, services)
    found = [client for client in reading.clients(document) if client]
    reading.faults += [*_repeated(found), *_not_told_apart(found)]
    if reading.faults:
        raise SettingsError([f"{path.name}: {fault}" for fault in reading.faults])
    return Clients({client.name: client for client in found}, reading.keys)


class _Reading:
    """Reads a clients.toml and collects what is wrong with it."""

    def __init__(self, folder: Path, services: Container[str] | None) -> None:
        self._folder = folder
        self._services = services
        self.keys: dict[str, KeySet] = {}
        self.faults: list[str] = []

    def clients(self, document: dict[str, object]) -> Iterator[Client | None]:
        tables = document.get("client")
        self.faults += [f"{name}: unknown; every client is a table [[client]]" for name in document if name != "client"]
        if not isinstance(tables, list) or not tables:
            self.faults.append("no client is named: write a table [[client]] for each EHR")
            return
        for number, table in enumerate(tables, 1):
            yield self._client(number, table if isinstance(table, dict) else {})

    def _client(self, number: int, table: dict[str, object]) -> Client | None:
        label = table["name"] if isinstance(table.get("name"), str) and table["name"] else f"client {number}"
        faults = list(_member_faults(table))
        client = None if faults else msgspec.convert(table, Client)
        if client:
            faults += [*_client_faults(client), *self._service_faults(client), *self._key_faults(client)]
        self.faults += [f"{label}: {fault}" for fault in faults]
        return client

    def _service_faults(self, client: Client) -> Iterator[str]:
        for name in client.services:
            if self._services is not None and name not in self._services:
                yield f"services: there is no service {name!r}"

    def _key_faults(self, client: Client) -> Iterator[str]:
        if not client.jwks:
            return
        try:
            document = json.loads((self._folder / client.jwks).read_bytes())
            self.keys[client.name] = public_keys(document)
        except (OSError, ValueError) as error:
            yield f"jwks: {type(error).__name__}, the file is no JWK Set"
            return
        fitting = {KEY_OF[name[:2]] for name in client.algorithms if name[:2] in KEY_OF}
        if not any(key.key_type in fitting for key in self.keys[client.name].keys):
            yield f"jwks: no key of the file fits {', '.join(client.algorithms)}"
        if any("d" in key for key in document["keys"] if isinstance(key, dict)):
            yield "jwks: the file holds a private key; ask the EHR for a new pair and its public half"


def require_known(not_served: Iterable[str]) -> None:
    """That the keys that no EHR serves in open mode are keys; raises SettingsError."""
    faults = [f"CDS_NOT_SERVED: {fault}." for fault in _unservable(not_served)]
    if faults:
        raise SettingsError(faults)


def _unservable(keys: Iterable[str]) -> Iterator[str]:
    for key in sorted(set(keys) - MAY_BE_UNSERVED):
        yield f"{key!r} is none of {', '.join(sorted(MAY_BE_UNSERVED))}"


def _unsearchable(parameters: Mapping[str, str]) -> Iterator[str]:
    yield from _unservable(parameters)
    for key, said in parameters.items():
        if not _PARAMETERS.fullmatch(said):
            yield f"{key}: {said!r} must be written as in an address, such as 'intent=order,plan'"
        names = {one.partition("=")[0] for one in said.split("&")}
        for name in sorted(names & {"_count", *_parameters_of(TEMPLATES.get(key, ""))}):
            yield f"{key}: {name!r} is a part of the query already"


def _parameters_of(template: str) -> Iterator[str]:
    yield from (one.partition("=")[0] for one in template.partition("?")[2].split("&"))


def public_keys(document: object) -> KeySet:
    """The asymmetric keys of a JWK Set that have a ``kid`` and can be read; raises ValueError without any."""
    listed = document.get("keys") if isinstance(document, dict) else None
    found = [key for key in map(_public_key, listed if isinstance(listed, list) else ()) if key]
    if not found:
        raise ValueError("no usable key")
    return KeySet(found)


def _public_key(jwk: object) -> Key | None:
    """One that cannot be read does not cost its neighbours (RFC 7517, section 5)."""
    if not isinstance(jwk, dict) or jwk.get("kty") not in ("EC", "RSA", "OKP"):
        return None
    if not isinstance(jwk.get("kid"), str) or jwk.get("use", "sig") != "sig":
        return None
    try:
        key = JWKRegistry.import_key({name: jwk[name] for name in jwk if name not in _PRIVATE})
        return None if isinstance(key, RSAKey) and key.public_key.key_size < _LEAST_RSA_BITS else key
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _member_faults(table: dict[str, object]) -> Iterator[str]:
    """What keeps a table from being a client at all, member by member."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(Client)}
    for name in table.keys() - fields.keys():
        yield f"{name}: unknown field"
    for name, field in fields.items():
        if name not in table:
            if field.required:
                yield f"{name}: missing"
            continue
        try:
            if msgspec.convert(table[name], field.type) == "":
                yield f"{name}: empty"
        except msgspec.ValidationError as error:
            yield f"{name}: {error}"


def _repeated(clients: Iterable[Client]) -> Iterator[str]:
    for name, times in Counter(client.name for client in clients).items():
        if times > 1:
            yield f"name: {name!r} stands twice"


def _not_told_apart(clients: Iterable[Client]) -> Iterator[str]:
    """Of two of one issuer it must be plain whose key counts, before any is looked up."""
    for one, other in combinations(clients, 2):
        by_address = one.jku and other.jku and one.jku != other.jku
        if one.issuer == other.issuer and not by_address and not one.is_of_other_tenants(other):
            yield (
                f"{one.name}, {other.name}: issuer: {one.issuer!r} stands twice, and no token would say whose it is: "
                "give each its own tenants, or each its own jku"
            )


def _client_faults(client: Client) -> Iterator[str]:
    if client.name == BENCH:
        yield f"name: {BENCH} is the name of the test bench in the record"
    if client.name.startswith(MADE_UP):
        yield f"name: {MADE_UP} begins the names under which `cds-service demo-data` writes"
    if not client.jwks and not client.jku:
        yield "give jwks (a file) or jku (an address)"
    if client.jku and not _is_https(client.jku):
        yield "jku: must begin with https://, or name a loopback address"
    if client.jku and _is_https(client.jku) and not _is_plain_https(client.jku.partition("?")[0]):
        yield "jku: must have no user and no fragment"
    if not client.algorithms:
        yield "algorithms: name at least one"
    for name in client.algorithms:
        if name not in ALGORITHMS:
            yield f"algorithms: {name!r} is none of {', '.join(ALGORITHMS)}"
    if client.profile not in PROFILES:
        yield f"profile: {client.profile!r} is none of {', '.join(PROFILES)}"
    if client.vendor is not None and client.vendor not in vendors():
        yield f"vendor: {client.vendor!r} is none of {', '.join(vendors())}"
    yield from (f"not-served: {fault}" for fault in _unservable(client.not_served or ()))
    yield from (f"search-parameters: {fault}" for fault in _unsearchable(client.search_parameters or {}))
    for field in ("audiences", "fhir_servers", "origins"):
        for address in getattr(client, field):
            if not _is_plain_https(address):
                named = f"{field.replace('_', '-')}: {hidden(address)!r}"
                yield f"{named} must be an https address without user, query or fragment"
    for address in client.fhir_servers:
        if _is_plain_https(address) and Base.of(address) is None:
            yield f"fhir-servers: {address!r} is no address that is called: write it plainly, a number as 192.0.2.1"
    for field in ("audiences", "origins"):
        for address in getattr(client, field):
            if address.endswith("/"):
                yield f"{field}: {address!r} must not end with a slash"
    for address in client.audiences:
        if address.endswith("/cds-services"):
            yield f"audiences: {address!r} must be the address before /cds-services"
    for address in client.origins:
        if _is_https(address) and not _is_origin(address):
            yield f"origins: {address!r} must be written as browsers do: in lower case, without path or usual port"
    if client.prefetch == "lean" and not client.fhir_servers:
        yield "prefetch: 'lean' needs fhir-servers, from which what discovery does not ask for is fetched"
    if client.probe and client.fhir_servers:
        yield "probe: it asks about synthetic patients only, so name no fhir-servers"
    if client.name in _RESERVED or not client.name.isprintable():
        yield f"name: {client.name!r} cannot be used"
    if client.calls_per_minute < 1:
        yield "calls-per-minute: must be at least 1"


def _is_origin(address: str) -> bool:
    parts = urlsplit(address)
    usual = {"https": 443, "http": 80}[parts.scheme] == parts.port
    return address == address.lower() and not usual and parts.path in ("", "/")


def _is_plain_https(address: str) -> bool:
    if not _is_https(address):
        return False
    parts = urlsplit(address)
    return not (parts.query or parts.fragment or parts.username)


def _is_https(address: str) -> bool:
    """Or http on this very machine, for a trial."""
    try:
        parts = urlsplit(address)
        loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
        return bool(parts.hostname) and parts.port != 0 and (parts.scheme == "https" or loopback)
    except ValueError:
        return False
