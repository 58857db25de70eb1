"""The command that says why a card came. What it needs is imported when it runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from cds_service.cli.start import fail
from cds_service.settings import Settings

_SECONDS = 5.0
_MOST_WORKERS_ASKED = 20
"""Each connection meets any of the workers, and one of them answered."""


@click.command()
@click.argument("uuid")
@click.option("--url", help="Address of the running service, before CDS_PUBLIC_URL.")
def why(uuid: str, url: str | None) -> None:
    """Say which rules stand behind the card with this UUID, or behind the call with this hookInstance.

    The running service is asked, which keeps the steps of each call for a quarter of an hour; where it does not answer
    or no longer knows, the record says which rules a card named and what became of it.

    Exit codes: 0 told; 1 nothing is known of it; 2 it could not be looked.
    """
    from cds_service.web.logs import uuid_or_none

    settings, name = Settings.in_force(), uuid_or_none(uuid)
    if name is None:
        fail(f"{uuid} is no uuid.")
    found = _asked((url or settings.public_url).rstrip("/"), name)
    call, card = found.get("call"), found.get("card")
    if not call and not card:
        card = _on_record(settings, name)
    if not call and not card:
        fail("Nothing is known of it. Steps are kept for a quarter of an hour; the record knows cards alone.")
    for line in (*_call(call or {}), *_card(card or {})):
        click.echo(line)


def _asked(url: str, name: str) -> Mapping[str, Any]:
    """What the service knows; nothing where it cannot be asked."""
    import httpx

    from cds_service.fhir_client.tls import trusted

    found: Mapping[str, Any] = {}
    with httpx.Client(verify=trusted(), trust_env=False, timeout=_SECONDS) as http:
        for _ in range(_MOST_WORKERS_ASKED):
            try:
                answer = http.get(f"{url}/why/{name}", headers={"Accept": "application/json", "Connection": "close"})
                answer.raise_for_status()
                found = answer.json()
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
                click.echo(f"{url} was not asked ({_told(fault)}).", err=True)
                return found
            if found.get("call"):
                return found
    return found


def _told(fault: Exception) -> str:
    answer = getattr(fault, "response", None)
    return f"it answers {answer.status_code}" if answer is not None else type(fault).__name__


def _on_record(settings: Settings, name: str) -> Mapping[str, Any] | None:
    import msgspec

    from cds_service.record.on_record import RecordedCard, recorded_card
    from cds_service.record.recorder import opened

    if settings.record == "off" or (settings.database_file and not settings.database_file.is_file()):
        return None

    async def read() -> RecordedCard | None:
        async with opened(settings) as store:
            try:
                return await recorded_card(store, name, settings.zone)
            except store.lost as fault:
                click.echo(f"Could not look: the record cannot be read ({type(fault).__name__}).", err=True)
                sys.exit(2)

    card = asyncio.run(read())
    made: Mapping[str, Any] | None = msgspec.to_builtins(card)
    return made


def _call(call: Mapping[str, Any]) -> Iterator[str]:
    from cds_service.authoring.explain import HOLDS

    if not call:
        return
    yield f"{call['hook']} at {call['service']} for {call['client']}, {call['at']}"
    if call["gate"]:
        yield f"No card: {call['gate']}."
    for rule in call["rules"]:
        about = f" on {rule['about']}" if rule["about"] else ""
        fate = f", {rule['fate']}" if rule["fate"] else ""
        yield f"{rule['rule']} {rule['version']}{about}: {rule['outcome']}{fate}"
        for step in rule["steps"]:
            basis = ", ".join(step["sources"]) or step["why"]
            yield f"  {HOLDS[step['holds']]:8}{step['text']}{f' [{basis}]' if basis else ''}"
    if call["not_started"]:
        yield f"Not started: {', '.join(call['not_started'])}"


def _card(card: Mapping[str, Any]) -> Iterator[str]:
    if not card:
        return
    shown = "shown" if card["shown"] else "made in silent mode"
    yield f"On record: {shown} at {card['hook']} by {card['service']} to {card['client']}, {card['at']}"
    for rule in card["rules"]:
        yield f"  {rule['rule']} {rule['version']}, {rule['indicator']}"
    for answer in card["answers"]:
        yield f"  {answer['outcome']} {answer['reason']}".rstrip() + f", {answer['at']}"
    if not card["answers"]:
        yield "  not answered"


def register(group: click.Group) -> None:
    group.add_command(why)
