"""The commands that ask what would have been said. What a command needs is imported when it runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cds_service.cli.replay_report import F, end_with_report, refuse_charts, replay as group, report_options
from cds_service.cli.replay_workers import Bar, executor_of, processes_option
from cds_service.cli.start import assembled, fail
from cds_service.content import places
from cds_service.facts.queries import MAY_BE_UNSERVED
from cds_service.hooks.hooks import HOOKS
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.decisions.ruleset import Ruleset
    from cds_service.replay.judge import Asked, Site
    from cds_service.replay.judgements import Run
    from cds_service.replay.run import Question

DATE = click.DateTime(["%Y-%m-%d"])
_MOST_TOLD = 20


def question_options(command: F) -> F:
    """What is asked about an export, of these cards or of others."""
    options = (
        click.option(
            "--hook", type=click.Choice((*HOOKS, "all")), default="all", show_default=True, help="What happens."
        ),
        click.option(
            "--as-of", "as_of", type=DATE, help="Judge each chart as it was known on this day; else as it stands."
        ),
        click.option("--events", is_flag=True, help="Judge each patient at each encounter and each order instead."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("source")
@question_options
@click.option("--since", type=DATE, help="With --events, only those from this day on.")
@click.option("--with-memory", is_flag=True, help="Leave unsaid what was shown before, as the service does.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("replay"), show_default=True)
@processes_option
@click.option("--cluster", metavar="tcp://...", help="A dask scheduler, whose workers see SOURCE and --out too.")
@click.option("--keep-all-lines", is_flag=True, help="Drop no results at the split; slower, and the same answers.")
@click.option("--not-exported", default="", metavar="KEYS", help="Prefetch keys that exist and are not in the export.")
@click.option("--hash-ids", is_flag=True, help="Write keyed hashes in place of ids.")
@report_options
def replay(
    source: str,
    hook: str,
    as_of: datetime | None,
    events: bool,
    since: datetime | None,
    with_memory: bool,
    out: Path,
    processes: int | None,
    cluster: str | None,
    keep_all_lines: bool,
    not_exported: str,
    hash_ids: bool,
    **report: Any,
) -> None:
    """Say what the cards would have said about an export.

    SOURCE is a FHIR bulk export (NDJSON, also gzipped), a folder of patients' Bundles, or saved hook requests; a path,
    or with fsspec an address such as s3://bucket/export. A run that was stopped goes on where it was when it is given
    again.

    Exit codes: 0 done, damaged lines being told; 1 there is nothing to replay; 3 a ceiling of --budget is exceeded.
    """
    from cds_service.replay.run import Question

    keys = frozenset(filter(None, (key.strip() for key in not_exported.split(","))))
    if unknown := keys - MAY_BE_UNSERVED:
        raise click.UsageError(f"--not-exported: {', '.join(sorted(unknown))}: no prefetch key that is searched.")
    if hash_ids and report["with_charts"]:
        raise click.UsageError("--hash-ids writes no ids: no charts are written beside them.")
    refuse_charts(out, source, **report)
    settings = Settings.in_force()
    question = Question(
        source=source,
        out=out,
        site=site(settings, places.cards(settings).resolve()),
        asked=asked(
            settings,
            hook,
            as_of,
            events=events,
            since=since.date() if since else None,
            with_memory=with_memory,
            not_exported=keys,
        ),
        push_down=not keep_all_lines,
        id_key=_id_key(settings) if hash_ids else "",
    )
    for line in _told(replayed(question, assembled(settings), processes, cluster), out):
        click.echo(line)
    end_with_report(out, source, processes, cluster, **report)


def site(settings: Settings, cards: Path) -> Site:
    """The site with the cards of a folder."""
    from cds_service.replay.judge import Site

    return Site(cards, settings.time_zone, settings.show == "signed")


def asked(settings: Settings, hook: str, as_of: datetime | None, *, events: bool, **more: Any) -> Asked:
    """What the options ask; ``more`` are further members."""
    from cds_service.replay.judge import Asked

    return Asked(
        hooks=tuple(HOOKS) if hook == "all" else (hook,),
        mode="events" if events else "as-of",
        day=as_of.date() if as_of else settings.today(),
        is_past=as_of is not None and not events,
        **more,
    )


def replayed(question: Question, ruleset: Ruleset, processes: int | None, cluster: str | None = None) -> Run:
    """Replays over the processes of this machine or of a cluster, with a bar."""
    from cds_service.replay.run import replay as run

    with executor_of(processes, cluster) as (executor, count):
        return run(question, ruleset, executor, count, Bar())


def _id_key(settings: Settings) -> str:
    from cds_service.record.pseudonyms import keys_of

    return keys_of(settings).name("ids of a replay")


def _told(run: Run, out: Path) -> Iterator[str]:
    yield f"{run.patients:,} patients, {run.judgements:,} judgements, {run.lines:,} lines of {run.files} files: {out}"
    for why, count in run.dropped.items():
        yield f"  {count:,} left out: {why}"
    if run.files_left_out:
        yield f"  {run.files_left_out} files are of no kind that is read"
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

    if out.exists() and any(out.iterdir()):
        fail(f"{out} is not empty.")
    planted = write_demo(number, out, places.fhir_examples(), seed, every, results or 0)
    click.echo(f"{number:,} patients in {out}, and {len(planted)} cards to be found, listed in {out / PLANTED}.")
    click.echo(f"  cds-service replay {out} --as-of {DAY} --out replay")


def register(main: click.Group) -> None:
    group.add_command(replay, "run")
    main.add_command(demo_bulk)
