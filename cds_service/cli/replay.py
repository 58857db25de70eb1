"""The commands that ask what would have been said. What a command needs is imported when it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cds_service.cli.replay_question import Asking, question_options
from cds_service.cli.replay_report import end_with_report, refuse_charts, replay as group, report_options
from cds_service.cli.replay_workers import Bar, cluster_option, executor_of, processes_option
from cds_service.cli.start import assembled, fail
from cds_service.content import places
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.replay.judgements import Run

_MOST_TOLD = 20


@click.command()
@click.argument("source")
@question_options
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("replay"), show_default=True)
@processes_option
@cluster_option
@report_options
def replay(source: str, asking: Asking, out: Path, processes: int | None, cluster: str | None, **report: Any) -> None:
    """Say what the cards would have said about an export.

    SOURCE is a FHIR bulk export (NDJSON, also gzipped), a folder of patients' Bundles, or saved hook requests; a path,
    or with fsspec an address such as s3://bucket/export. A run that was stopped goes on where it was when it is given
    again.

    Exit codes: 0 done, damaged lines being told; 1 there is nothing to replay; 3 a ceiling of --budget is exceeded.
    """
    from cds_service.replay.run import replay as replayed

    if asking.hash_ids and report["with_charts"]:
        raise click.UsageError("--hash-ids writes no ids: no charts are written beside them.")
    refuse_charts(out, source, **report)
    settings = Settings.in_force()
    question = asking.question(settings, source, out, places.cards(settings).resolve())
    with executor_of(processes, cluster) as (executor, count):
        run = replayed(question, assembled(settings), executor, count, Bar())
    for line in lines_of(run, out):
        click.echo(line)
    end_with_report(out, source, processes, cluster, **report)


def lines_of(run: Run, out: Path) -> Iterator[str]:
    """What was read and judged, and what of it could not be; for a person."""
    from cds_service.replay.words import counted

    judged = counted(run.patients, "patient", "patients"), counted(run.judgements, "judgement", "judgements")
    yield f"{', '.join(judged)}, {counted(run.lines, 'line', 'lines')} of {counted(run.files, 'file', 'files')}: {out}"
    for why, count in run.dropped.items():
        yield f"  {count:,} left out: {why}"
    if run.files_left_out:
        yield f"  {counted(run.files_left_out, 'file is', 'files are')} of no kind that is read"
    if absent := _absent(run):
        yield f"  Not in the export, and taken for empty: {', '.join(absent)}"
    for damage in run.damaged[:_MOST_TOLD]:
        yield f"  DAMAGED {damage.file}: {damage.count} x {damage.kind}, the first at byte {damage.at[0]}"
    if len(run.damaged) > _MOST_TOLD:
        yield f"  DAMAGED {len(run.damaged) - _MOST_TOLD} more: run.json"


def _absent(run: Run) -> list[str]:
    from cds_service.replay.lines import KEY_OF

    if run.mode == "requests":
        return []
    stated = str(run.switches["not-exported"] or "").split(", ")
    return [kind for kind, key in KEY_OF.items() if kind not in run.types and key not in stated]


@click.command("demo-bulk")
@click.argument("number", type=click.IntRange(1))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder of the export."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other patients.")
@click.option("--every", type=click.IntRange(1), default=12, show_default=True, help="One of so many is planted.")
@click.option(
    "--results",
    type=click.IntRange(1),
    help="Results a patient, about, in full as EHRs export them; else few and short.",
)
def demo_bulk(number: int, out: Path, seed: int, every: int, results: int | None) -> None:
    """Write a synthetic bulk export of NUMBER patients to try `replay` with.

    What is planted in it, and is to be found as of the day that is told, is listed in planted.csv beside it.
    """
    from cds_service.replay.demo import DAY, PLANTED, write_demo
    from cds_service.replay.words import counted

    if out.exists() and any(out.iterdir()):
        fail(f"{out} is not empty.")
    planted = write_demo(number, out, places.fhir_examples(), seed, every, results or 0)
    cards = counted(len(planted), "card", "cards")
    click.echo(
        f"{counted(number, 'patient', 'patients')} in {out}, and {cards} to be found, listed in {out / PLANTED}."
    )
    click.echo(f"  cds-service replay {out} --as-of {DAY} --out replay")


def register(main: click.Group) -> None:
    group.add_command(replay, "run")
    main.add_command(demo_bulk)
