"""The command that lists what is exchanged with an EHR. What a command needs is imported when it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cds_service.cli.start import assembled, fail, trusted_clients
from cds_service.settings import Settings
from cds_service.trust.vendors import vendors

if TYPE_CHECKING:
    from cds_service.trust.clients import Client
    from cds_service.trust.vendors import Known
    from cds_service.web.handover import Handover, Setup

STANDS_FOR = "https://cds.example.org"
BEGIN, END = "<!-- Written by cds-service connect: change what it is made from. -->", "<!-- Until here. -->"


@click.command()
@click.argument("vendor", type=click.Choice(tuple(vendors())))
@click.option(
    "--client", "name", metavar="NAME", help="As this EHR of CDS_CLIENTS is asked, and not any of the vendor."
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--into", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Write it into this page.")
def connect(vendor: str, name: str | None, as_json: bool, into: Path | None) -> None:
    """List what to hand over for connecting an EHR of VENDOR, and what to ask for.

    Addresses, prefetch, scopes, hosts of links, reasons to override and keys, made from the cards, the settings and
    what is publicly known of the vendor, each with its source. In Markdown, or as JSON.

    Exit codes: 0 listed; 1 the settings or the cards have faults, or CDS_CLIENTS has no such EHR.
    """
    import msgspec

    from cds_service.decisions.service import DecisionService
    from cds_service.web.handover import handover

    settings = Settings.in_force()
    ruleset = assembled(settings)
    client = _client(settings, vendor, name)
    base = settings.public_url if not settings.on_trial else STANDS_FOR
    found = handover(DecisionService(ruleset, settings.today, url=base), client, base)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False))
        return
    text = "\n".join(page(found))
    if into:
        into.write_text(embedded(into.read_text(encoding="utf-8"), text), encoding="utf-8")
    else:
        click.echo(text, nl=False)


def _client(settings: Settings, vendor: str, name: str | None) -> Client:
    from cds_service.trust.clients import Client

    if name is None:
        profile = vendors()[vendor].client.get("profile", "default")
        return Client(name="any", issuer="", vendor=vendor, profile=str(profile))
    clients = trusted_clients(settings, None)
    named = [one for one in clients.by_name.values() if (one.name, one.vendor) == (name, vendor)] if clients else []
    if not named:
        fail(f"{settings.clients or 'CDS_CLIENTS, which is not set,'} names no {name} of the vendor {vendor}.")
    return named[0]


def embedded(page: str, text: str) -> str:
    """A page with the text in place of what was written into it before."""
    if BEGIN not in page or END not in page:
        fail(f"The page has no lines {BEGIN} and {END}.")
    return f"{page.partition(BEGIN)[0]}{BEGIN}\n\n{text}\n{END}{page.partition(END)[2]}"


def page(found: Handover) -> Iterator[str]:
    """The same in lines of Markdown."""
    from cds_service.authoring.tables import table

    if found.base == STANDS_FOR:
        yield from (f"`{STANDS_FOR}` stands for the public address of this service, which `CDS_PUBLIC_URL` sets.", "")
    yield from ("## What we hand over", "", "### Services", "")
    for service in found.services:
        yield from _service(service)
    yield from ("### Scopes", "", "Reading and searching, for the patient at hand; nothing is ever written.", "")
    yield from ("```text", *found.scopes, "```", "", "In the form of SMART version 1:", "")
    yield from ("```text", *found.older_scopes, "```", "")
    yield from ("### Hosts that cards link to", "", "```text", *found.link_hosts, "```", "")
    yield from ("### Reasons to override", "")
    yield from table(
        ("code", "system", "words"), ((f"`{r.code}`", r.system, r.display) for r in found.override_reasons)
    )
    yield from ("### What suggestions create", "", "In drafts only, and where a clinician takes the suggestion.", "")
    rows = ((one.resource_type, one.text, f"`{one.code}`" if one.code else "", one.system) for one in found.suggested)
    yield from table(("type", "words", "code", "system"), rows)
    yield from (
        "### Keys and audience",
        "",
        "No keys: this service signs nothing, it only checks the tokens of the EHR.",
    )
    yield from ("The audience (`aud`) of a token is the address that it is sent to, as it stands above.", "")
    yield from _asked_for(found)
    yield from ("## What is publicly known", "")
    yield from table(("about", "what is said", "source"), ((one.about, *_cited(one)) for one in found.known))
    yield from ("## What is not publicly known", "", *(f"- {one}" for one in found.unknown), "")


def _service(service: Setup) -> Iterator[str]:
    yield from (f"#### {service.title}", "")
    yield from (f"- id `{service.id}`, hook `{service.hook}`", f"- address `{service.address}`")
    yield from (f"- feedback `{service.feedback}`", f"- {service.description}")
    yield f"- keys that suffice where the FHIR server may be called: {', '.join(f'`{key}`' for key in service.lean)}"
    yield from ("", "```json", json.dumps({"prefetch": service.prefetch}, indent=2), "```", "")


def _asked_for(found: Handover) -> Iterator[str]:
    from cds_service.authoring.tables import table

    yield from ("## What we need of the EHR", "", "Each is a key of its table in the clients file.", "")
    unknown = ("not publicly known", "")
    rows = ((f"`{one.key}`", one.what, *(_cited(one.known[0]) if one.known else unknown)) for one in found.needed)
    yield from table(("key", "what it says", "publicly known", "source"), rows)
    yield from ("Put together, with the names of an example where the site has its own:", "", "```toml", "[[client]]")
    yield from (f"{key} = {json.dumps(value)}" for key, value in clients_table(found).items())
    yield from ("```", "")


def clients_table(found: Handover) -> dict[str, str | tuple[str, ...]]:
    """A table for clients.toml: what is publicly known, and examples for the rest that is required."""
    example: dict[str, str | tuple[str, ...]] = {
        "name": "general-hospital",
        "issuer": "https://ehr.example.org",
        "jku": "https://ehr.example.org/.well-known/jwks.json",
        "fhir-servers": ("https://fhir.example.org/r4",),
    }
    return {**example, **found.client, "vendor": found.vendor}


def _cited(one: Known) -> tuple[str, str]:
    return one.says, f"<{one.source}>, read {one.read}"


def register(group: click.Group) -> None:
    group.add_command(connect)
