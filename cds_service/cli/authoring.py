"""The commands for those who write cards. What a command needs is imported when it runs."""

from __future__ import annotations

import asyncio
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from cds_service.cli import fhir
from cds_service.cli.start import assembled, cases_of, fail, short
from cds_service.content import places
from cds_service.errors import CallRefused
from cds_service.hooks.hooks import HOOKS
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.hooks.schemas import SchemaName


@click.command()
@click.option("--check", "only_check", is_flag=True, help="Write nothing; name the pages that are stale.")
def page(only_check: bool) -> None:
    """Write the pages that clinicians read.

    These are cards/README.md and one README.md in each card folder.

    Exit codes: 0 written, or nothing is stale; 1 pages are stale (with --check), or the cards have faults.
    """
    from cds_service.authoring.page import pages, stale

    ruleset = assembled(Settings.in_force())
    runner, cases = cases_of(ruleset)
    content = ruleset.content
    answers = {name: runner.answers(name, (c for rule, c in cases if rule == name)) for name in content.rules}
    names = stale(content, answers)
    if only_check and names:
        fail("\n".join(("Stale, to be written with cds-service page:", *(f"  - {name}" for name in names))))
    made = pages(content, answers)
    for name in names:
        path = content.files.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(made[name], encoding="utf-8")
        click.echo(f"wrote {short(path)}")
    if not names:
        click.echo("Every page is current.")


@click.command("try")
@click.argument("request", type=click.File("rb"), required=False)
@click.option("--validate", is_flag=True, help="Hold request and answer against their schemas too.")
@click.option("--all", "everything", is_flag=True, help="Also the steps of the rules that found nothing.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Today, before CDS_TODAY.")
@click.option("--fhir-server", "server", metavar="URL", help="Fetch everything from this FHIR R4 server instead.")
@click.option("--patient", metavar="ID", help="The patient there.")
@click.option("--hook", type=click.Choice(tuple(HOOKS)), help="What happens.")
@click.option("--order", type=click.File("rb"), help="The draft: a resource, or a Bundle of them.")
def try_(
    request: BinaryIO | None,
    validate: bool,
    everything: bool,
    day: datetime | None,
    server: str | None,
    patient: str | None,
    hook: str | None,
    order: BinaryIO | None,
) -> None:
    """Answer a hook request and say why, and why not.

    REQUEST is a file of JSON, or - for standard input. With --fhir-server the request is built from --patient, --hook
    and, where orders are written, --order; any subject of the order is replaced by the patient.

    Exit codes: 0 answered, with cards or without; 1 the request would be refused, the server has no such patient, or
    (with --validate) the request or the answer breaks its schema.
    """
    from cds_service.authoring import explain
    from cds_service.decisions.service import DecisionService

    if request is not None and server is not None:
        raise click.UsageError("Give a REQUEST or a --fhir-server, not both.")
    if validate and request is None:
        raise click.UsageError("--validate needs a REQUEST.")
    settings = Settings.in_force()
    ruleset = assembled(settings)
    today: date = day.date() if day else settings.today()
    answering = DecisionService(ruleset, lambda: today, zone=settings.zone)
    valid = True
    try:
        if request is not None:
            body = request.read()
            valid = not validate or _is_valid("request", body)
            explained = asyncio.run(explain.explain(body, answering))
        elif server is not None:
            explained = asyncio.run(fhir.explained(answering, server, patient, hook, order))
        else:
            raise click.UsageError("Give a REQUEST, or --fhir-server with --patient and --hook.")
    except CallRefused as refused:
        fail("\n".join(explain.refusal(refused)))
    for line in explain.cards(explained):
        click.echo(line)
    for line in explain.why(ruleset.content, explained, everything=everything):
        click.echo(line)
    if validate and not (_is_valid("response", explained.response.encode()) and valid):
        sys.exit(1)


def _is_valid(name: SchemaName, body: bytes) -> bool:
    """Whether a document keeps its schema; says each fault with its path."""
    from cds_service.hooks.validation import faults_in

    faults = faults_in(body, name)
    click.echo(f"The {name} {'breaks its schema:' if faults else 'keeps its schema.'}")
    for fault in faults:
        click.echo(f"  - {fault}")
    return not faults


@click.command()
@click.argument("rule")
@click.option("--family", help="Which findings it shares a card with: a key of families.toml.")
def new(rule: str, family: str | None) -> None:
    """Make a new RULE: card folder, cases and function.

    It runs at once, as a draft: what it finds is not shown.

    Exit codes: 0 made; 1 the name cannot be used.
    """
    import re

    from cds_service import rules
    from cds_service.authoring import new_rule

    settings = Settings.in_force()
    content = assembled(settings).content
    families = content.families.family
    if content.files.under:
        fail(f"A rule is a function too, and its card stands in {short(content.files.under)}: unset CDS_CARDS.")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", rule):
        fail(f"{rule!r} is no name for a rule: write lower-case words with hyphens, such as rbd-red-flags.")
    chosen = family or next(iter(families))
    if chosen not in families:
        fail(f"{chosen!r} is no family: choose one of {', '.join(families)}.")
    folder = places.cards(settings) / rule
    function = Path(rules.__path__[0]) / f"{new_rule.module(rule)}.py"
    if folder.exists() or function.exists():
        fail(f"There is a rule {rule!r} already.")
    made = new_rule.files(rule, chosen, settings.today())
    folder.mkdir()
    for path, text in (
        (folder / "card.toml", made["card"]),
        (folder / "cases.toml", made["cases"]),
        (function, made["rule"]),
    ):
        path.write_text(text, encoding="utf-8")
        click.echo(f"made {short(path)}")
    click.echo(new_rule.NEXT, nl=False)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def codes(folder: Path) -> None:
    """List the drug and diagnosis codes in FOLDER that no value set can know, each with its count.

    FOLDER holds charts, Bundles or hook requests as JSON, or resources as NDJSON. What is listed is of code systems
    that are not read, beside words that are not known. To add one, see "Add a code" in docs/cards.md.

    Exit codes: 0 listed, or there is none; 1 the cards have faults, or a file cannot be read.
    """
    from cds_service.authoring.local_codes import local_codes

    vocabulary = assembled(Settings.in_force()).content.vocabulary
    try:
        found = local_codes(folder, vocabulary)
    except (OSError, ValueError) as error:
        fail(str(error))
    for one, count in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"{count:6}  {one.of}  {one.system or 'no system'}|{one.code}")
    click.echo(f"{len(found)} unknown codes in {folder}.")


def register(group: click.Group) -> None:
    group.add_command(page)
    group.add_command(try_)
    group.add_command(new)
    group.add_command(codes)
