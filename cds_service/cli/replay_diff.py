"""What other cards would have said otherwise. What a command needs is imported when it runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cds_service.cli.replay import DATE, replayed
from cds_service.cli.replay_report import replay as group
from cds_service.cli.start import fail
from cds_service.content import places
from cds_service.hooks.hooks import HOOKS
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.decisions.ruleset import Ruleset
    from cds_service.replay.judge import Asked

SHIPPED = "shipped"


@click.command()
@click.argument("before")
@click.argument("after")
@click.argument("source", required=False)
@click.option("--hook", type=click.Choice((*HOOKS, "all")), default="all", show_default=True, help="What happens.")
@click.option("--as-of", "as_of", type=DATE, help="Judge each chart as it was known on this day; else as it stands.")
@click.option("--events", is_flag=True, help="Judge each patient at each encounter and each order instead.")
@click.option("--processes", type=click.IntRange(1), help="Processes of this machine.  [default: one a core]")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="A folder for a page, CSV and the sample."
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--sample", type=click.IntRange(0), default=3, show_default=True, help="Patients named for each change.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other patients.")
def diff(
    before: str,
    after: str,
    source: str | None,
    hook: str,
    as_of: datetime | None,
    events: bool,
    processes: int | None,
    out: Path | None,
    as_json: bool,
    sample: int,
    seed: int,
) -> None:
    """Say which patients gain, lose or change a card with other cards, by rule and reason.

    With SOURCE, BEFORE and AFTER are folders of cards, or `shipped`; both are replayed over it into --out.
    Without it they are folders of results, of two replays of one export.

    Exit codes: 0 told; 1 the results or cards cannot be read, or are not of the same question.
    """
    import json

    from cds_service.content.load import load
    from cds_service.decisions.ruleset import assemble
    from cds_service.replay.difference_tables import document_of, lines_of
    from cds_service.replay.differences import compared
    from cds_service.replay.results import Results
    from cds_service.web.replay_pages import write_differences

    folders = Path(before), Path(after)
    if source:
        out = out or Path("replay-diff")
        asked = _asked(hook, events, as_of)
        # Both before either is replayed: an hour later is late to be told of a fault.
        sides = [(_folder(cards), out / side) for cards, side in ((before, "before"), (after, "after"))]
        rulesets = [assemble(load(folder)) for folder, _ in sides]
        for ruleset, (folder, results) in zip(rulesets, sides, strict=True):
            _replay(ruleset, folder, source, results, asked, processes)
        folders = out / "before", out / "after"
    was, now = map(Results.of, folders)
    found = compared(was, now, sample, seed)
    if out:
        click.echo(f"Page: {write_differences(out, found, was.run, now.run)}", err=True)
    if as_json:
        click.echo(json.dumps(document_of(found), indent=2))
    else:
        click.echo("\n".join(lines_of(found)))


def _folder(cards: str) -> Path:
    folder = places.shipped_cards() if cards == SHIPPED else Path(cards).resolve()
    if not folder.is_dir():
        fail(f"{cards}: no folder of cards.")
    return folder


def _asked(hook: str, events: bool, as_of: datetime | None) -> Asked:
    from cds_service.replay.judge import Asked

    return Asked(
        hooks=tuple(HOOKS) if hook == "all" else (hook,),
        mode="events" if events else "as-of",
        day=as_of.date() if as_of else Settings.in_force().today(),
        is_past=as_of is not None and not events,
    )


def _replay(ruleset: Ruleset, cards: Path, source: str, out: Path, asked: Asked, processes: int | None) -> None:
    from cds_service.replay.judge import Site
    from cds_service.replay.run import Question

    settings = Settings.in_force()
    site = Site(cards, settings.time_zone, settings.show == "signed")
    replayed(Question(source=source, out=out, site=site, asked=asked), ruleset, processes)


def register(_: click.Group) -> None:
    group.add_command(diff)
