"""What is made of a replay's results: the report. What a command needs is imported when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cds_service.cli.replay_workers import Bar, executor_of, processes_option
from cds_service.cli.start import assembled, fail
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.replay.gate import Held
    from cds_service.replay.results import Results

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
        click.option("--with-charts", is_flag=True, help=_CHARTS),
        click.option("--open", "opens", is_flag=True, help="Open the page in a browser."),
    )
    for option in reversed(options):
        command = option(command)
    return command


_BUDGET = "Ceilings (TOML, as cards/budget.toml); exit code 3 where one is exceeded."
_MASK = "Round all counts by chance to multiples of N, so that none below it can be told."
_SAMPLE = "Patients to review for each rule; 0 writes none."
_CHARTS = "Write the charts of these patients into the folder charts of the results: patient data."


@click.group(cls=_WithDefault)
def replay() -> None:
    """Ask what the cards would have said: `replay SOURCE`, and what is made of it."""


@replay.command()
@click.argument("folder", type=_FOLDER)
@click.argument("source", required=False)
@report_options
@processes_option
def report(folder: Path, source: str | None, processes: int | None, **asked: Any) -> None:
    """Write the report on the results in FOLDER, anew: a page, CSV and lines of JSON in FOLDER/report.

    The page holds counts only; which charts to review stands beside it, in sample.csv. SOURCE, the export that was
    replayed, is read for --with-charts only.

    Exit codes: 0 written; 1 the results, the budget or SOURCE cannot be read; 3 a ceiling of --budget is exceeded.
    """
    refuse_charts(folder, source, **asked)
    end_with_report(folder, source, processes, **asked)


def refuse_charts(
    out: Path, source: str | None, *, with_charts: bool, mask_below: int | None, sample: int, **_: Any
) -> None:
    """Ends where charts are asked for that cannot be had, or that would break what another option promises."""
    from cds_service.replay.sampled_charts import faults_of_place

    if not with_charts:
        return
    if not source:
        raise click.UsageError("--with-charts needs SOURCE, the export that was replayed.")
    if mask_below:
        raise click.UsageError("--mask-below is for a report that leaves the house: no charts are written beside it.")
    if not sample:
        raise click.UsageError("--with-charts writes the charts of the sample: --sample must be above 0.")
    if fault := next(faults_of_place(source, out), None):
        raise click.UsageError(fault)


def end_with_report(
    folder: Path,
    source: str | None,
    processes: int | None,
    cluster: str | None = None,
    *,
    budget: Path | None,
    mask_below: int | None,
    sample: int,
    seed: int,
    with_charts: bool,
    opens: bool,
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
    if with_charts and results.run.switches.get("hashed-ids"):
        fail("The results hold hashes in place of ids (--hash-ids): no charts are written beside them.")
    numbers = counted(results.judgements(), sample, seed)
    verdicts = tuple(held(numbers, ceilings, results.run.hooks))
    content = ruleset.content
    # Of other cards the words would mislead.
    rules = {name: one for name, one in content.rules.items() if results.run.said.get(name) == content.said[name]}
    mask = Mask(mask_below, numbers.counts)
    page = ReplayReport(numbers, results.run, results.codes, rules, verdicts, mask).write(folder / "report")
    click.echo(f"Report: {page}")
    for one in verdicts:
        click.echo(f"  {_told(one, mask)}")
    if source and with_charts:
        _write_charts(source, results, frozenset(one.patient for one in numbers.samples), processes, cluster)
    if opens:
        click.launch(page.absolute().as_uri())
    if budget and any(one.stops for one in verdicts):
        sys.exit(3)


def _write_charts(
    source: str, results: Results, patients: frozenset[str], processes: int | None, cluster: str | None
) -> None:
    from cds_service.replay.sampled_charts import Wanted, write_charts
    from cds_service.replay.words import counted

    wanted = Wanted(source=source, run=results.run, patients=patients, out=results.folder)
    with executor_of(processes, cluster) as (executor, _):
        write_charts(wanted, executor, Bar())
    whose = counted(len(patients), "patient", "patients")
    click.echo(f"WARNING: {wanted.folder} holds patient data: the charts of {whose}.", err=True)


def _told(one: Held, mask: Callable[..., int]) -> str:
    events, answers = mask(one.events, "with", one.hook, one.indicator), mask(one.answers, "answered", one.hook)
    return f"{one.verdict}: {one.hook}, {one.indicator}: {events:,} of {answers:,}, at most {one.ceiling:.4%}"


def register(main: click.Group) -> None:
    main.add_command(replay)
