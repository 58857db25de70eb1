"""The commands about what was recorded. What a command needs is imported when it runs."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys

import click

from cds_service.cli.start import fail
from cds_service.settings import Settings

_DAY = click.DateTime(["%Y-%m-%d"])
_MONTH = dt.timedelta(days=30)


@click.group()
def feedback() -> None:
    """What became of the cards that were shown."""


@feedback.command("report")
@click.option("--since", type=_DAY, help="First day; 30 days ago if left out.")
@click.option("--until", type=_DAY, help="Last day; today if left out.")
@click.option("--by", "parted_by", type=click.Choice(["service", "client"]), multiple=True, help="Also part by this.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, one column a reason.")
def report(since: dt.datetime | None, until: dt.datetime | None, parted_by: tuple[str, ...], as_csv: bool) -> None:
    """Count, by rule and version, cards shown, accepted, overridden and ignored, and findings muted.

    A card that names several rules counts for each. A card without an answer counts as ignored.

    Exit codes: 0 printed; 1 the settings have faults.
    """
    from cds_service.record import report as numbers
    from cds_service.record.recorder import opened

    settings = Settings.in_force()
    now = settings.now()
    last = (until or now).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=now.tzinfo)
    first = since.replace(tzinfo=now.tzinfo) if since else last - _MONTH

    async def counted() -> numbers.FeedbackReport:
        async with opened(settings) as store:
            return await numbers.feedback_report(store, first, last + dt.timedelta(days=1), parted_by)

    found = asyncio.run(counted())
    if as_csv:
        numbers.write_csv(found, sys.stdout)
        return
    for line in numbers.table(found):
        click.echo(line)


@click.group()
def record() -> None:
    """What is kept of shown cards and feedback."""


@record.command()
@click.option("--days", type=click.IntRange(1), help="Keep this many days, before CDS_RETENTION_DAYS.")
@click.option("--as-of", "as_of", type=_DAY, help="The day that it is, where the clock and the record disagree.")
def prune(days: int | None, as_of: dt.datetime | None) -> None:
    """Delete what is older than the retention; a server does so every day by itself.

    Nothing is deleted where the clock is far ahead of the record or behind it: --as-of says which day it is, and
    measures the retention from there.

    Exit codes: 0 deleted; 1 the clock is not believed, the settings have faults, or the database cannot be used.
    """
    from cds_service.record.recorder import opened
    from cds_service.record.retention import Pruned

    settings = Settings.in_force()
    now, keep = settings.now(), dt.timedelta(days=days or settings.retention_days)
    if as_of and as_of.date() > now.date():
        fail(f"--as-of: by the clock it is {now.date()}, and {as_of.date()} is still to come.")
    if as_of and as_of.date() < now.date():
        now = as_of.replace(tzinfo=now.tzinfo)

    async def pruned() -> Pruned:
        async with opened(settings) as store:
            return await store.prune(now, keep, said=as_of is not None)

    done = asyncio.run(pruned())
    if done.fault:
        fail(done.told)
    click.echo(done.told)


@record.command()
def migrate() -> None:
    """Bring the database up to date with this program, under a role that may create and change tables.

    A server does so by itself at its start, where its role may.

    Exit codes: 0 up to date; 1 the role may not, a newer program was here, or the database cannot be used.
    """
    from cds_service.record.recorder import opened

    settings = Settings.in_force()

    async def migrated() -> tuple[int, int]:
        async with opened(settings) as store:
            before = await store.schema()
            await store.open()
            return before, await store.schema()

    before, after = asyncio.run(migrated())
    click.echo(f"Schema {after}: up to date." if before == after else f"Schema {before} was brought to {after}.")


@record.command("accept-secret")
def accept_secret() -> None:
    """Take the secret in force for the right one: what was written under another is no longer looked for.

    Exit codes: 0 accepted; 1 the settings have faults, or the database cannot be used.
    """
    from cds_service.record import secrets_known
    from cds_service.record.pseudonyms import known_marks
    from cds_service.record.recorder import opened

    settings = Settings.in_force()

    async def accepted() -> int:
        async with opened(settings) as store:
            await store.open()
            return await store.run(secrets_known.accept, known_marks(settings))

    click.echo(f"Other secrets forgotten: {asyncio.run(accepted())}.")


def register(group: click.Group) -> None:
    group.add_command(feedback)
    group.add_command(record)
