"""What is made of a replay's results: the report. What a command needs is imported when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cds_service.cli.start import assembled
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.replay.gate import Held

F = TypeVar("F", bound=Callable[..., Any])
LEAST_MASK = 5
"""With smaller steps two rounded parts and their total can tell the exact one."""
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class _WithDefault(click.Group):
    """A group whose first argument may be that of its command ``run``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "run" in self.commands and args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def report_options(command: F) -> F:
    """What a report can be told, whether it is made at the end of a replay or later."""
    options = (
        click.option("--budget", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=_BUDGET),
        click.option("--mask-below", type=click.IntRange(LEAST_MASK), metavar="N", help=_MASK),
        click.option("--sample", type=click.IntRange(0), default=20, show_default=True, help=_SAMPLE),
        click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other patients."),
        click.option("--open", "opens", is_flag=True, help="Open the page in a browser."),
    )
    for option in reversed(options):
        command = option(command)
    return command


_BUDGET = "Ceilings (TOML, as cards/budget.toml); exit code 3 where one is exceeded."
_MASK = "Round all counts by chance to multiples of N, so that none below it can be told."
_SAMPLE = "Patients to review for each rule; 0 writes none."


@click.group(cls=_WithDefault)
def replay() -> None:
    """Ask what the cards would have said: `replay SOURCE`, and what is made of it."""


@replay.command()
@click.argument("folder", type=_FOLDER)
@report_options
def report(folder: Path, **asked: Any) -> None:
    """Write the report on the results in FOLDER, anew: a page, CSV and lines of JSON in FOLDER/report.

    The page holds counts only; which charts to review stands beside it, in sample.csv.

    Exit codes: 0 written; 1 the results or the budget cannot be read; 3 a ceiling of --budget is exceeded.
    """
    end_with_report(folder, **asked)


def end_with_report(
    folder: Path, *, budget: Path | None, mask_below: int | None, sample: int, seed: int, opens: bool
) -> None:
    """Writes the report, says where it is and which ceilings are exceeded, and exits by that if one was given."""
    from cds_service.replay.gate import held, read_budget
    from cds_service.replay.masking import Mask
    from cds_service.replay.numbers import counted
    from cds_service.replay.results import Results
    from cds_service.web.replay_pages import ReplayReport

    ruleset = assembled(Settings.in_force())
    ceilings = read_budget(budget) if budget else ruleset.content.budget
    results = Results.of(folder)
    numbers = counted(results.judgements(), sample, seed)
    verdicts = tuple(held(numbers, ceilings, results.run.hooks))
    # Of other cards the words would mislead.
    rules = ruleset.content.rules if ruleset.content.digest == results.run.cards else {}
    mask = Mask(mask_below, numbers.counts)
    page = ReplayReport(numbers, results.run, results.codes, rules, verdicts, mask).write(folder / "report")
    click.echo(f"Report: {page}")
    for one in verdicts:
        click.echo(f"  {_told(one, mask)}")
    if opens:
        click.launch(page.absolute().as_uri())
    if budget and any(one.stops for one in verdicts):
        sys.exit(3)


def _told(one: Held, mask: Callable[..., int]) -> str:
    events, answers = mask(one.events, "with", one.hook, one.indicator), mask(one.answers, "answered", one.hook)
    return f"{one.verdict}: {one.hook}, {one.indicator}: {events:,} of {answers:,}, at most {one.ceiling:.4%}"


def register(main: click.Group) -> None:
    main.add_command(replay)
