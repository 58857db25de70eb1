"""The command line. What a command needs is imported when it runs, so that ``--help`` is fast."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import click

from cds_service import __version__, cli_audit, cli_fhir, cli_record, places
from cds_service.errors import CallRefused, ContentError, FaultsFound, SettingsError
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.content.cases import Case, Parts
    from cds_service.rehearsing import Stage
    from cds_service.ruleset import Ruleset
    from cds_service.trust.clients import Clients

EXAMPLE = "order-select-rbd-dementia"


class _Group(click.Group):
    """Faults are told in sentences, not as a trace."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except FaultsFound as found:
            _fail(str(found))


def _fail(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cds-service")
def main() -> None:
    """Decision support over CDS Hooks: RBD, unsafe clonazepam, myoclonus.

    Settings come from the environment (CDS_...); `cds-service check` prints those in force.

    Exit codes: 0 done; 1 faults were found, or the request was refused; 2 the command was not understood.
    """


cli_fhir.register(main)
cli_audit.register(main)
cli_record.register(main)


@main.command()
@click.option("--host", help="Address to listen on, before CDS_HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on, before CDS_PORT.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that answer.")
def serve(host: str | None, port: int | None, workers: int) -> None:
    """Answer hooks over HTTP until stopped.

    Exit codes: 0 stopped; 1 the settings or the cards have faults, or the port is taken.
    """
    from cds_service.web import server

    given = {name: str(value) for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings.in_force(**given)
    _trusted(settings, _assembled(settings))
    _require_written(settings)
    _require_free(settings.host, settings.port)
    for line in _addresses(settings):
        click.echo(line)
    server.run(settings, workers=workers)


def _require_free(host: str, port: int) -> None:
    import socket

    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as refusal:
        _fail(f"Port {port} of {host} cannot be listened on: {refusal.strerror}. Choose another with --port.")


def _addresses(settings: Settings) -> Iterator[str]:
    base = f"http://{settings.host}:{settings.port}"
    served = "anyone on this machine" if settings.open else f"the EHRs of {settings.clients}"
    yield f"cds-service {__version__} answers {served} on {base}"
    yield f"  services  {base}/cds-services"
    yield f"  health    {base}/health/ready"
    if settings.fixed_day:
        yield f"  CDS_TODAY fixes the day at {settings.fixed_day}: for tests and demonstrations only."
    if settings.mode == "silent":
        yield "  CDS_MODE is silent: nothing is shown."
    yield "A card from a shipped example:"
    example = places.fhir_examples() / "requests" / f"{EXAMPLE}.json"
    yield (
        f"  curl -s -H 'Content-Type: application/json' --data @{_short(example)} {base}/cds-services/rbd-order-select"
    )


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@main.command()
def check() -> None:
    """Report every fault of settings, trusted EHRs, cards and cases.

    Prints the settings and the EHRs in force; a fault is told with its file and key.

    Exit codes: 0 no fault; 1 faults.
    """
    settings = Settings.in_force()
    click.echo("Settings in force")
    for variable, value in settings.told().items():
        click.echo(f"  {variable:18}{value}")
    found: list[FaultsFound] = []
    ruleset = None
    with _collected(found):
        ruleset = _assembled(settings)
        faults = list(_faults(ruleset))
        if faults:
            raise ContentError(faults)
    with _collected(found):
        _require_written(settings)
    for name in settings.unknown_variables():
        click.echo(f"  {name} is set, but is no setting.")
    with _collected(found):
        for line in _clients_in_force(_trusted(settings, ruleset)):
            click.echo(line)
    if found or ruleset is None:
        _fail("\n".join(map(str, found)))
    content = ruleset.content
    counted = (len(content.rules), "rules"), (len(content.value_sets), "value sets"), (len(_cases(ruleset)[1]), "cases")
    click.echo(f"Cards in {_short(content.folder)}: {', '.join(f'{n} {what}' for n, what in counted)}. No fault found.")


@contextmanager
def _collected(found: list[FaultsFound]) -> Iterator[None]:
    try:
        yield
    except FaultsFound as faults:
        found.append(faults)


def _clients_in_force(clients: Clients | None) -> Iterator[str]:
    if clients is None:
        return
    yield "Trusted EHRs"
    for client in clients.by_issuer.values():
        keys = " and ".join(filter(None, (client.jwks, client.jku)))
        yield f"  {client.name}: {client.issuer}, keys of {keys} by {', '.join(client.algorithms)}, {client.profile}"


def _faults(ruleset: Ruleset) -> Iterator[str]:
    from cds_service.fhir.validity import faults_in

    content = ruleset.content
    for name, resource in content.resources.items():
        yield from (f"suggestions/{name}: {fault}" for fault in faults_in(resource))
    stage, cases = _cases(ruleset)
    for rule, case in cases:
        disagreements = stage.disagreements(stage.run(rule, case))
        yield from (f"{rule}/cases.toml: {case.name}: {fault}" for fault in disagreements)


@main.command()
@click.option("--check", "only_check", is_flag=True, help="Write nothing; name the pages that are stale.")
def page(only_check: bool) -> None:
    """Write the pages that clinicians read.

    These are cards/README.md and one README.md in each card folder.

    Exit codes: 0 written, or nothing is stale; 1 pages are stale (with --check), or the cards have faults.
    """
    from cds_service.content.page import pages, stale

    ruleset = _assembled(Settings.in_force())
    stage, cases = _cases(ruleset)
    content = ruleset.content
    answers = {name: stage.answers(name, (c for rule, c in cases if rule == name)) for name in content.rules}
    names = stale(content, answers)
    if only_check and names:
        _fail("\n".join(("Stale, to be written with cds-service page:", *(f"  - {name}" for name in names))))
    made = pages(content, answers)
    for name in names:
        (content.folder / name).write_text(made[name], encoding="utf-8")
        click.echo(f"wrote {_short(content.folder / name)}")
    if not names:
        click.echo("Every page is current.")


@main.command("try")
@click.argument("request", type=click.File("rb"), required=False)
@click.option("--all", "everything", is_flag=True, help="Also the steps of the rules that found nothing.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Today, before CDS_TODAY.")
@click.option("--fhir-server", "server", metavar="URL", help="Fetch everything from this FHIR R4 server instead.")
@click.option("--patient", metavar="ID", help="The patient there.")
@click.option("--hook", type=click.Choice(("patient-view", "order-select", "order-sign")), help="What happens.")
@click.option("--order", type=click.File("rb"), help="The draft: a resource, or a Bundle of them.")
def try_(
    request: BinaryIO | None,
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

    Exit codes: 0 answered, with cards or without; 1 the request would be refused.
    """
    from cds_service import explaining
    from cds_service.answering import DecisionService

    if request is not None and server is not None:
        raise click.UsageError("Give a REQUEST or a --fhir-server, not both.")
    settings = Settings.in_force()
    ruleset = _assembled(settings)
    today: date = day.date() if day else settings.today()
    answering = DecisionService(ruleset, lambda: today)
    try:
        if request is not None:
            explained = asyncio.run(explaining.explain(request.read(), answering))
        elif server is not None:
            explained = asyncio.run(cli_fhir.explained(answering, server, patient, hook, order))
        else:
            raise click.UsageError("Give a REQUEST, or --fhir-server with --patient and --hook.")
    except CallRefused as refused:
        _fail("\n".join(explaining.refusal(refused)))
    for line in explaining.cards(explained.decision):
        click.echo(line)
    for line in explaining.why(ruleset.content, explained, everything=everything):
        click.echo(line)


@main.command()
@click.argument("rule")
@click.option("--family", help="Which findings it shares a card with: a key of families.toml.")
def new(rule: str, family: str | None) -> None:
    """Make a new RULE: card folder, cases and function.

    It runs at once, as a draft: what it finds is not shown.

    Exit codes: 0 made; 1 the name cannot be used.
    """
    import re

    from cds_service import rules
    from cds_service.content import skeleton

    settings = Settings.in_force()
    families = _assembled(settings).content.families.family
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", rule):
        _fail(f"{rule!r} is no name for a rule: write lower-case words with hyphens, such as rbd-red-flags.")
    chosen = family or next(iter(families))
    if chosen not in families:
        _fail(f"{chosen!r} is no family: choose one of {', '.join(families)}.")
    folder = places.cards(settings) / rule
    function = Path(rules.__path__[0]) / f"{skeleton.module(rule)}.py"
    if folder.exists() or function.exists():
        _fail(f"There is a rule {rule!r} already.")
    made = skeleton.files(rule, chosen, settings.today())
    folder.mkdir()
    for path, text in (
        (folder / "card.toml", made["card"]),
        (folder / "cases.toml", made["cases"]),
        (function, made["rule"]),
    ):
        path.write_text(text, encoding="utf-8")
        click.echo(f"made {_short(path)}")
    click.echo(skeleton.NEXT, nl=False)


def _assembled(settings: Settings) -> Ruleset:
    from cds_service.content.load import load
    from cds_service.ruleset import assemble

    return assemble(load(places.cards(settings)))


def _trusted(settings: Settings, ruleset: Ruleset | None) -> Clients | None:
    """The EHRs of CDS_CLIENTS; None in open mode."""
    from cds_service.trust.clients import read_clients

    if settings.clients is None:
        return None
    return read_clients(settings.clients, {text.id for text in ruleset.content.services.service} if ruleset else None)


def _require_written(settings: Settings) -> None:
    """That what the service will write can be written: better told now than by each worker."""
    from cds_service.record.recorder import store_of

    faults = []
    for variable, folder in (("CDS_VAR", settings.var), ("CDS_AUDIT", settings.audit)):
        if folder and (settings.record == "on" or variable == "CDS_AUDIT"):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
            except OSError as fault:
                faults.append(f"{variable}: {folder} cannot be written ({fault.strerror}).")
    if faults:
        raise SettingsError(faults)
    if settings.record == "on" or not settings.open:
        store_of(settings)


def _parts() -> Parts:
    from cds_service.content.cases import Parts

    return Parts(places.fhir_examples() / "parts")


def _cases(ruleset: Ruleset) -> tuple[Stage, list[tuple[str, Case]]]:
    """The stage, and every case with its rule."""
    from cds_service.content.cases import read_cases
    from cds_service.rehearsing import Stage

    parts = _parts()
    content = ruleset.content
    found = read_cases(content.folder, content.rules, parts)
    return Stage(ruleset, parts), [(rule, case) for rule, cases in found.items() for case in cases]
