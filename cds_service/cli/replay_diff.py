"""What other cards would have said otherwise. What a command needs is imported when it runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from cds_service.cli.replay import asked, question_options, replayed, site
from cds_service.cli.replay_report import replay as group
from cds_service.cli.replay_workers import processes_option
from cds_service.cli.start import fail
from cds_service.content import places
from cds_service.settings import Settings

SHIPPED = "shipped"


@click.command()
@click.argument("before")
@click.argument("after")
@click.argument("source", required=False)
@question_options
@processes_option
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
    from cds_service.replay.run import Question
    from cds_service.web.replay_pages import write_differences

    folders = Path(before), Path(after)
    if source:
        out = out or Path("replay-diff")
        settings = Settings.in_force()
        question = asked(settings, hook, as_of, events=events)
        # Both before either is replayed: an hour later is late to be told of a fault.
        sides = [(_folder(cards), out / side) for cards, side in ((before, "before"), (after, "after"))]
        rulesets = [assemble(load(folder)) for folder, _ in sides]
        for ruleset, (folder, results) in zip(rulesets, sides, strict=True):
            whole = Question(source=source, out=results, site=site(settings, folder), asked=question)
            replayed(whole, ruleset, processes)
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


def register(_: click.Group) -> None:
    group.add_command(diff)
