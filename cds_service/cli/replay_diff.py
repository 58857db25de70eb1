"""What other cards would have said otherwise. What a command needs is imported when it runs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import click

from cds_service.cli.replay import lines_of as lines_of_run
from cds_service.cli.replay_question import Asking, question_options, refuse_given
from cds_service.cli.replay_report import replay as group
from cds_service.cli.replay_workers import Bar, Workers, cluster_option, executor_of, processes_option
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
@cluster_option
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
    asking: Asking,
    processes: int | None,
    cluster: str | None,
    out: Path | None,
    as_json: bool,
    sample: int,
    seed: int,
) -> None:
    """Say which patients and orders gain, lose or change a card with other cards, by rule and reason.

    With SOURCE, BEFORE and AFTER are folders of cards, or `shipped`; both are replayed over it into --out.
    Without it they are folders of results, of two replays of one export.

    Exit codes: 0 told; 1 the results or cards cannot be read, or are not of the same question.
    """
    import json

    from cds_service.replay.difference_tables import document_of, lines_of
    from cds_service.replay.differences import compared
    from cds_service.replay.results import Results
    from cds_service.web.replay_pages import write_differences

    folders = Path(before), Path(after)
    if source:
        out = out or Path("replay-diff")
        folders = _replayed(asking, source, out, (before, after), executor_of(processes, cluster))
    else:
        refuse_given("processes", "cluster")
    was, now = map(Results.of, folders)
    found = compared(was, now, sample, seed)
    if out:
        click.echo(f"Page: {write_differences(out, found, was.run, now.run)}", err=True)
    if as_json:
        click.echo(json.dumps(document_of(found), indent=2))
    else:
        click.echo("\n".join(lines_of(found)))


def _replayed(
    asking: Asking, source: str, out: Path, cards: tuple[str, str], workers: AbstractContextManager[Workers]
) -> tuple[Path, Path]:
    """The results of both folders of cards, and on the error stream what could not be read."""
    from cds_service.content.load import load
    from cds_service.decisions.ruleset import assemble
    from cds_service.replay.run import replay

    settings, results = Settings.in_force(), (out / "before", out / "after")
    # Both before either is replayed: an hour later is late to be told of a fault.
    sides = [(folder, assemble(load(folder))) for folder in map(_folder, cards)]
    with workers as (executor, count):
        for (folder, ruleset), into in zip(sides, results, strict=True):
            run = replay(asking.question(settings, source, into, folder), ruleset, executor, count, Bar())
            for line in lines_of_run(run, into):
                click.echo(line, err=True)
    return results


def _folder(cards: str) -> Path:
    folder = places.shipped_cards() if cards == SHIPPED else Path(cards).resolve()
    if not folder.is_dir():
        fail(f"{cards}: no folder of cards.")
    return folder


def register(_: click.Group) -> None:
    group.add_command(diff)
