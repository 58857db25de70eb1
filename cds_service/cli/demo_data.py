"""The command that makes up a record. What it needs is imported when it runs."""

from __future__ import annotations

import asyncio

import click

from cds_service.cli.start import assembled, fail, require_written
from cds_service.settings import Settings


@click.command("demo-data")
@click.option("--days", type=click.IntRange(1, 366), default=364, show_default=True, help="Up to today.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same record.")
def demo_data(days: int, seed: int) -> None:
    """Fill an empty record with made-up calls, cards and answers, for a look at /outcomes.

    They stand under the names demonstration-hospital and demonstration-clinics, and the page says so. CDS_VAR names
    another folder than that of a record in use.

    Exit codes: 0 written; 1 something is on record already, EHRs are trusted, or the record cannot be written.
    """
    from cds_service.record.demonstration import Demonstration, is_empty, write
    from cds_service.record.recorder import opened

    settings = Settings.in_force()
    if not settings.open:
        fail("CDS_CLIENTS names trusted EHRs: made-up data are not written into their record.")
    if settings.record == "off":
        fail("CDS_RECORD is off, so there is no record to fill.")
    require_written(settings)
    made = Demonstration(assembled(settings), settings.now(), seed)

    async def written() -> int | None:
        async with opened(settings) as store:
            await store.open()
            return await write(store, made.days(days)) if await is_empty(store) else None

    cards = asyncio.run(written())
    if cards is None:
        fail("Something is on record already. Name another folder: CDS_VAR=demo cds-service demo-data")
    click.echo(f"{cards} made-up cards of {days} days. Start the service and open /outcomes.")


def register(group: click.Group) -> None:
    group.add_command(demo_data)
