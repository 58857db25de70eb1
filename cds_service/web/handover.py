"""What is exchanged with an EHR before it is connected: what it gets from us, and what we need of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cds_service.content.model import Content
from cds_service.decisions.service import DecisionService
from cds_service.fhir_client.references import REFERRING
from cds_service.hooks.profiles import PROFILES
from cds_service.hooks.services import Service
from cds_service.trust.clients import Client
from cds_service.trust.vendors import Known, Statement, Vendor, vendors
from cds_service.web.offers import Asking, Offer

NEEDED = {
    "issuer": "the `iss` of its tokens, as it stands in them",
    "jku": "the address of its JWK Set; or the set itself, as a file, under `jwks`",
    "algorithms": "the algorithms that its tokens are signed with",
    "audiences": "what `aud` it will send, if that is not the address that it calls",
    "tenants": "the `tenant` of its tokens, if they have one",
    "subject": "the `sub` of its tokens, if they have one",
    "fhir-servers": "the base address of its FHIR R4 server, as in `fhirServer`",
    "origins": "the origins of its pages, if browsers call",
}
"""What an EHR has to tell, by the key of clients.toml."""


class Setup(msgspec.Struct, frozen=True, rename="kebab"):
    """One service as it is entered by hand where discovery is not read."""

    id: str
    hook: str
    title: str
    description: str
    address: str
    feedback: str
    prefetch: dict[str, str]
    lean: tuple[str, ...]
    """The keys that suffice where the FHIR server may be called."""


class Reason(msgspec.Struct, frozen=True):
    code: str
    system: str
    display: str


class Suggested(msgspec.Struct, frozen=True, rename="kebab"):
    """A resource that a suggestion creates."""

    resource_type: str
    text: str
    system: str
    code: str


class Told(msgspec.Struct, frozen=True):
    """A key of clients.toml, what it has to say, and what is publicly known of it."""

    key: str
    what: str
    known: tuple[Known, ...]


class Handover(msgspec.Struct, frozen=True, rename="kebab"):
    vendor: str
    title: str
    base: str
    """The public address of this service."""
    services: tuple[Setup, ...]
    scopes: tuple[str, ...]
    """The types that are read, each as a SMART scope of version 2."""
    older_scopes: tuple[str, ...]
    link_hosts: tuple[str, ...]
    override_reasons: tuple[Reason, ...]
    suggested: tuple[Suggested, ...]
    needed: tuple[Told, ...]
    known: tuple[Known, ...]
    unknown: tuple[str, ...]
    profile: str
    client: dict[str, str | tuple[str, ...]]
    """What is publicly known for clients.toml."""


def handover(decisions: DecisionService, client: Client, base: str) -> Handover:
    """For a client of a vendor, whose public base address for this service is ``base``."""
    content, vendor = decisions.ruleset.content, vendors()[client.vendor or ""]
    offered = Offer.of(decisions.services, client.keys_not_served, Asking.of(client)).discovery("").services
    services = tuple(_setup(one, content, base) for one in offered if one.id in (client.services or decisions.services))
    types = sorted(_types(services))
    needed = tuple(
        Told(key, what, tuple(one for one in vendor.known if one.about == key)) for key, what in NEEDED.items()
    )
    return Handover(
        vendor=client.vendor or "",
        title=vendor.title,
        base=base,
        services=services,
        scopes=tuple(f"patient/{name}.rs" for name in types),
        older_scopes=tuple(f"patient/{name}.read" for name in types),
        link_hosts=(urlsplit(base).netloc, *sorted(_hosts(content))),
        override_reasons=tuple(Reason(code, text.system, text.display) for code, text in content.overrides.items()),
        suggested=tuple(_suggested(content, PROFILES[client.profile].takes)),
        needed=needed,
        known=(*(one for one in vendor.known if one.about not in NEEDED), *_asking(vendor)),
        unknown=vendor.unknown,
        profile=client.profile,
        client=vendor.client,
    )


def _asking(vendor: Vendor) -> Iterator[Known]:
    """What makes our queries what they are there."""
    said: list[tuple[str, Statement]] = [(f"{one.key}, not asked for", one) for one in vendor.not_served]
    said += [(f"searches of {one.key}", one) for one in vendor.search_parameters]
    if vendor.observation_codes:
        said.append(("codes in searches", vendor.observation_codes))
    for about, one in said:
        yield Known(about=about, says=one.says, source=one.source, read=one.read)


def _setup(service: Service, content: Content, base: str) -> Setup:
    address = f"{base}/cds-services/{service.id}"
    lean = tuple(key for key in content.services.prefetch_lean[service.hook] if key in service.prefetch)
    told = (service.id, service.hook, service.title, service.description)
    return Setup(*told, address, f"{address}/feedback", service.prefetch, lean)


def _types(services: tuple[Setup, ...]) -> set[str]:
    """Those that are searched, and those that these refer to."""
    templates = (template for one in services for template in one.prefetch.values())
    searched = {template.partition("?")[0].partition("/")[0] for template in templates}
    return searched | {kind.__name__ for kind, by in REFERRING.items() if {one.__name__ for one in by} & searched}


def _hosts(content: Content) -> set[str]:
    addresses = [source.url for source in content.evidence.values()] + [link.url for link in content.links.values()]
    return {urlsplit(url).netloc for url in addresses if url and not url.startswith("{service}/")}


def _suggested(content: Content, takes: frozenset[str] | None) -> Iterator[Suggested]:
    """What the client takes of that which suggestions create, each code once."""
    made: dict[Suggested, None] = {}
    for resource in content.resources.values():
        kind = str(resource["resourceType"])
        if takes is None or kind in takes:
            made[_of_resource(kind, resource)] = None
    yield from sorted(made, key=lambda one: (one.resource_type, one.text))


def _of_resource(kind: str, resource: dict[str, Any]) -> Suggested:
    concept = resource.get("code") or resource.get("medicationCodeableConcept") or {}
    coding: dict[str, str] = next(iter(concept.get("coding", ())), {})
    text = concept.get("text") or resource.get("title") or resource.get("description") or ""
    return Suggested(kind, text, coding.get("system", ""), coding.get("code", ""))
