"""The commands about what was recorded. What a command needs is imported when it runs."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys

import click

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
def prune(days: int | None) -> None:
    """Delete what is older than the retention; a server does so every day by itself.

    Exit codes: 0 deleted; 1 the settings have faults.
    """
    from cds_service.record.recorder import opened

    settings = Settings.in_force()
    oldest = settings.now() - dt.timedelta(days=days or settings.retention_days)

    async def pruned() -> int:
        async with opened(settings) as store:
            return await store.prune(oldest)

    click.echo(f"Deleted {asyncio.run(pruned())} rows older than {oldest.date()}.")


def register(group: click.Group) -> None:
    group.add_command(feedback)
    group.add_command(record)
