"""The command line. What a command needs is imported when it runs, so that ``--help`` is fast."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import structlog

from cds_service import __version__
from cds_service.cli import (
    audit,
    authoring,
    cards,
    connect,
    demo_data,
    fhir,
    probe,
    record,
    record_state,
    replay,
    replay_diff,
    replay_report,
    review,
    sbom,
    watch,
    why,
)
from cds_service.cli.start import assembled, cases_of, fail, require_written, short, trusted_clients
from cds_service.content import places
from cds_service.errors import ContentError, FaultsFound, SettingsError
from cds_service.hiding import hidden
from cds_service.settings import BENCH_OFF, Settings

if TYPE_CHECKING:
    from socket import socket

    from cds_service.authoring.cases import Case
    from cds_service.authoring.run_cases import CaseRunner
    from cds_service.decisions.ruleset import Ruleset
    from cds_service.trust.clients import Clients

EXAMPLE = "order-select-rbd-dementia"


class _Group(click.Group):
    """Faults are told in sentences, not as a trace."""

    def invoke(self, ctx: click.Context) -> object:
        if platform.system() == "Windows":
            fail("cds-service does not run on Windows: run it on Linux or macOS, or in a Linux container.")
        try:
            return super().invoke(ctx)
        except FaultsFound as found:
            fail(str(found))


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cds-service")
def main() -> None:
    """Decision support over CDS Hooks: RBD, unsafe clonazepam, myoclonus.

    Settings come from the environment (CDS_...); `cds-service check` prints those in force.

    Exit codes: 0 done; 1 faults were found, or the request was refused; 2 the command was not understood.
    """


fhir.register(main)
audit.register(main)
record.register(main)
authoring.register(main)
review.register(main)
cards.register(main)
connect.register(main)
watch.register(main)
demo_data.register(main)
why.register(main)
probe.register(main)
sbom.register(main)
replay.register(main)
replay_diff.register(main)
replay_report.register(main)


@main.command()
@click.option("--host", help="Address to listen on, before CDS_HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on, before CDS_PORT.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that answer.")
def serve(host: str | None, port: int | None, workers: int) -> None:
    """Answer hooks over HTTP until stopped.

    Exit codes: 0 stopped; 1 the settings or the cards have faults, or the port is taken.
    """
    from cds_service.web.supervisor import run

    given = {name: str(value) for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings.in_force(**given)
    trusted_clients(settings, assembled(settings))
    require_written(settings)
    record_state.require_schema(settings)
    listener = _reserved(settings.host, settings.port)
    _greet(settings)
    sys.exit(run(settings, listener, workers))


def _reserved(host: str, port: int) -> socket:
    from cds_service.web.server import reserved

    try:
        return reserved(host, port)
    except OSError as refusal:
        fail(f"Port {port} of {host} cannot be listened on: {refusal.strerror}. Choose another with --port.")


def _greet(settings: Settings) -> None:
    """A person reads lines of text; whatever else takes in the output takes lines of JSON."""
    from cds_service.web import logs

    if sys.stdout.isatty():
        click.echo("\n".join(_addresses(settings)))
    else:
        logs.configure(settings.log_level)
        structlog.get_logger().info("starting", told=list(_addresses(settings)))


def _addresses(settings: Settings) -> Iterator[str]:
    base = f"http://{settings.host}:{settings.port}"
    served = "anyone on this machine" if settings.open else f"the EHRs of {settings.clients}"
    yield f"cds-service {__version__} answers {served} on {base}"
    yield f"  services  {base}/cds-services"
    if settings.open and settings.bench != BENCH_OFF:
        yield f"  try it    {base}/bench"
    yield f"  health    {base}/health/ready"
    if settings.fixed_day:
        yield f"  CDS_TODAY fixes the day at {settings.fixed_day}: for tests and demonstrations only."
        if settings.record == "on":
            yield "  A card that is answered stays silent: with CDS_RECORD=off examples come back."
    if settings.mode == "silent":
        yield "  CDS_MODE is silent: nothing is shown."
    if not settings.open:
        return
    yield "A card from a shipped example:"
    example = places.fhir_examples() / "requests" / f"{EXAMPLE}.json"
    yield (
        f"  curl -s -H 'Content-Type: application/json' --data @{short(example)} {base}/cds-services/rbd-order-select"
    )


@main.command()
@click.option("--try", "trying", is_flag=True, help="Try the database, the key addresses and the FHIR servers, too.")
def check(*, trying: bool) -> None:
    """Report every fault of settings, trusted EHRs, cards and cases.

    Prints the settings and the EHRs in force; a fault is told with its file and key. With --try it also connects to
    what they name, as the service would, and prints a line for each; each may take five seconds.

    Exit codes: 0 no fault; 1 faults.
    """
    settings = Settings.in_force()
    click.echo("Settings in force")
    for variable, value in settings.told().items():
        click.echo(f"  {variable:22}{value}")
    found: list[FaultsFound] = []
    ruleset = None
    cases: list[tuple[str, Case]] = []
    with _collected(found):
        ruleset = assembled(settings)
        runner, cases = cases_of(ruleset)
        faults = list(_faults(ruleset, runner, cases))
        if faults:
            raise ContentError(faults)
    with _collected(found):
        require_written(settings)
        for line in record_state.told(settings):
            click.echo(line)
    for name in settings.unknown_variables():
        click.echo(f"  {name} is set, but is no setting.")
    with _collected(found):
        clients = trusted_clients(settings, ruleset)
        for line in (*_clients_in_force(clients), *_lean_in_force(settings, clients), *_database_in_force(settings)):
            click.echo(line)
        if trying:
            _try(settings, clients)
    from cds_service.authoring.run_cases import switched_off
    from cds_service.content.reviews import told as reviews_told
    from cds_service.record.tables import version_needed

    if found or ruleset is None:
        fail("\n".join(map(str, found)))
    content = ruleset.content
    counted = (
        (len(content.rules), "rules"),
        (len(content.value_sets), "value sets"),
        (len(cases), "cases"),
    )
    over = ", laid over the shipped ones" if content.files.under else ""
    told = ", ".join(f"{n} {what}" for n, what in counted)
    click.echo(f"Version {__version__}, cards {content.digest}, schema of the record {version_needed()}.")
    click.echo(f"Cards in {short(content.files.folder)}{over}: {told}. No fault found.")
    if over:
        click.echo("What they change, and which of the shipped cases they answer otherwise: cds-service cards diff.")
    if off := switched_off(content):
        click.echo(f"Switched off, though their cases hold: {len(off)} ({', '.join(off)}).")
    for line in (*_lean_and_unread(ruleset), *reviews_told(content, settings.today())):
        click.echo(line)


def _try(settings: Settings, clients: Clients | None) -> None:
    from cds_service.cli.reach import tried

    click.echo("Tried")
    attempts = tried(settings, clients)
    for one in attempts:
        click.echo(str(one))
    if faults := [one for one in attempts if one.fault]:
        raise SettingsError(f"{one.what}: {one.found}" for one in faults)


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
    for client in clients.by_name.values():
        keys = " and ".join(filter(None, (client.jwks, client.jku and hidden(client.jku))))
        yield f"  {client.name}: {client.issuer}, keys of {keys} by {', '.join(client.algorithms)}, {client.profile}"
        if client.keys_not_served:
            yield f"    not served, and taken for empty: {', '.join(sorted(client.keys_not_served))}"
        if client.diagnostic_reports == "all":
            yield "    asked for all diagnosticReports, whatever their codes"
        if client.observation_search == "combo-code":
            yield "    asked for observations by the codes of their components too"
        for key, said in client.parameters.items():
            yield f"    asked for {key} with {said}: what that leaves out is not seen"
        if client.probe:
            yield "    the probe: what it asks about synthetic patients is not recorded"
        if client.prefetch == "lean":
            yield f"    prefetch: lean, what else is needed is fetched from {' or '.join(client.fhir_servers)}"


def _database_in_force(settings: Settings) -> Iterator[str]:
    if settings.database_file or (settings.record == "off" and settings.open):
        return
    from cds_service.record.postgresql_tls import risk_of

    if risk := risk_of(settings.database_url):
        yield f"WARNING: the database is not verified: {risk}. Set sslmode=verify-full and sslrootcert."


def _lean_in_force(settings: Settings, clients: Clients | None) -> Iterator[str]:
    """From where the rest is fetched, and whether discovery knows the callers who are to be asked for less."""
    if clients is None:
        if settings.prefetch == "lean":
            allowed = ["servers on this machine", *(entry for entry in settings.fhir_servers if "://" in entry)]
            yield f"Prefetch: lean, what else is needed is fetched from {' or '.join(allowed)}"
        return
    callers = clients.by_name.values()
    if settings.discovery == "open" and len(callers) > 1 and any(client.prefetch == "lean" for client in callers):
        yield "Discovery asks each of them for the full set: only with CDS_DISCOVERY=token does it know who asks."


def _lean_and_unread(ruleset: Ruleset) -> Iterator[str]:
    """A site that silences rules need not look after the lean set as well: it is told, and nothing is asked for."""
    services = ruleset.content.services
    for hook, keys in services.prefetch_lean.items():
        read = {key for text in services.service if text.hook == hook for key in ruleset.prefetch(text)}
        if unread := [key for key in keys if key not in read]:
            yield f"services.toml: prefetch-lean: {hook}: no rule of its services reads {', '.join(unread)}."


def _faults(ruleset: Ruleset, runner: CaseRunner, cases: Iterable[tuple[str, Case]]) -> Iterator[str]:
    from cds_service.authoring.cases import of_the_site
    from cds_service.fhir.validity import faults_in
    from cds_service.rules.review import Outcome

    content = ruleset.content
    for name, resource in content.resources.items():
        yield from (f"suggestions/{name}: {fault}" for fault in faults_in(resource))
    held = {rule: of_the_site(content, rule) for rule in content.rules} if content.files.under else None
    for rule, case in cases:
        if held is None or case.name in held[rule]:
            yield from (f"{rule}/cases.toml: {case.name}: {fault}" for fault in runner.faults(rule, case))
        elif runner.run(rule, case).outcome is Outcome.FAILED:
            yield f"{rule}/cases.toml: {case.name}: the rule failed"
