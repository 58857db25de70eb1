"""The command that says what stands out in the record. What it needs is imported when it runs."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from cds_service.cli.start import assembled, trusted_clients
from cds_service.errors import FaultsFound
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.decisions.ruleset import Ruleset
    from cds_service.record.alarms import Look, Verdict
    from cds_service.record.rates import Rate


@click.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Judge the days from this one on, of every kind.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def watch(since: dt.datetime | None, as_json: bool) -> None:
    """Say which rules have fallen silent, flood or can no longer tell, and which hooks are too loud, by the record.

    Each rule is held against its own past with the same client, and each hook against the ceilings of
    cards/budget.toml; cards/alarms.toml says what is enough to ring.

    Exit codes: 0 nothing rings; 1 something does; 2 it could not be looked.
    """
    try:
        settings = Settings.in_force()
        found = _looked(settings, assembled(settings), since.date() if since else None)
    except FaultsFound as faults:
        _not_looked(str(faults))
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2))
    else:
        _print(found)
    sys.exit(1 if found.alarms else 0)


def _not_looked(why: str) -> NoReturn:
    click.echo(f"Could not look: {why}", err=True)
    sys.exit(2)


def _looked(settings: Settings, ruleset: Ruleset, since: dt.date | None) -> Look:
    from cds_service.record.recorder import opened
    from cds_service.record.watching import look_at
    from cds_service.web.callers import ANYONE

    if settings.record == "off":
        _not_looked("CDS_RECORD is off, so nothing is counted.")
    if settings.database_file and not settings.database_file.is_file():
        _not_looked(f"there is no record at {settings.database_file}; CDS_VAR or CDS_DATABASE_URL says where it is.")
    callers = trusted_clients(settings, ruleset)
    clients = {client.name for client in callers.by_name.values()} if callers else {ANYONE.name}

    async def looked() -> Look:
        async with opened(settings) as store:
            try:
                return await look_at(store, ruleset, clients, settings.today(), since)
            except store.lost as fault:
                _not_looked(f"the record cannot be read ({type(fault).__name__}).")

    return asyncio.run(looked())


def _print(found: Look) -> None:
    from cds_service.record.alarms import told

    for verdict in found.alarms:
        click.echo(told(verdict))
    if not found.alarms:
        click.echo("Nothing rings.")
    click.echo(f"Judged: {found.judged}. Too little on record to judge: {found.too_little}.", err=True)


def _as_json(found: Look) -> dict[str, Any]:
    return {
        "judged": found.judged,
        "too-little": found.too_little,
        "alarms": [_alarm(verdict) for verdict in found.alarms],
    }


def _alarm(verdict: Verdict) -> dict[str, Any]:
    one = verdict.series
    is_held = one.ceiling is not None
    what = "indicator" if is_held else "codes"
    named = {"client": one.client, "service": one.service, "rule": one.rule, what: one.what}
    return {
        "kind": verdict.kind,
        **{name: value for name, value in named.items() if value},
        "since": verdict.since.isoformat(),
        "recent": _rate(verdict.recent),
        **({"ceiling": one.ceiling} if is_held else {"before": _rate(verdict.before)}),
        "chance": verdict.chance,
        "lacks": dict(verdict.lacks),
        "new-versions": list(verdict.new_versions),
    }


def _rate(rate: Rate) -> dict[str, int]:
    return {"events": rate.events, "of": rate.exposure}


def register(group: click.Group) -> None:
    group.add_command(watch)
