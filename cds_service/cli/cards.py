"""The command that shows what a site changed. What a command needs is imported when it runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cds_service.cli.start import cases_of, fail
from cds_service.content import places
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.authoring.diff import Change


@click.group()
def cards() -> None:
    """Look after cards of your own, laid over the shipped ones."""


@cards.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
def diff(folder: Path | None) -> None:
    """Show what FOLDER says otherwise than the shipped cards, and the cases whose answers change.

    Without FOLDER that of CDS_CARDS. Each key is told with its file, what is shipped (-) and what the site has (+);
    each case with its rule and what its card begins with, or the first line that differs.
    Which of your patients it changes, says `cds-service replay diff shipped FOLDER EXPORT`.

    Exit codes: 0 told; 1 the cards have faults, or no folder is given.
    """
    from cds_service.authoring.cases import Parts
    from cds_service.authoring.diff import changes, other_answers
    from cds_service.authoring.run_cases import CaseRunner
    from cds_service.content.load import load
    from cds_service.decisions.ruleset import assemble

    chosen = folder or Settings.in_force().cards
    if chosen is None:
        fail("These are the shipped cards: name a folder, or set CDS_CARDS.")
    shipped, site = (assemble(load(one)) for one in (places.shipped_cards(), chosen))
    for line in _written(list(changes(shipped.content, site.content))):
        click.echo(line)
    runner, cases = cases_of(shipped)
    answers = list(other_answers(runner, CaseRunner(site, Parts.shipped()), cases))
    click.echo(f"Cases that are answered otherwise: {len(answers)}.")
    for one in answers:
        click.echo(f"  {one.rule} {one.case}: {one.before} -> {one.after}")


def _written(found: list[Change]) -> Iterator[str]:
    for file, of_file in groupby(found, key=lambda change: change.file):
        yield file
        for change in of_file:
            yield f"  {change.key}"
            if change.before is not None:
                yield f"    - {change.before}"
            if change.after is not None:
                yield f"    + {change.after}"
    yield f"Keys that differ from the shipped cards: {len(found)}."


def register(group: click.Group) -> None:
    group.add_command(cards)
