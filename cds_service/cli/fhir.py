"""The commands that speak to FHIR servers, or are one. What a command needs is imported when it runs."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from cds_service.cli.start import fail
from cds_service.content import places
from cds_service.errors import DataMissing
from cds_service.hooks.hooks import HOOKS
from cds_service.web.sandbox import DEMO_PORT, at_an_order, demo_fhir

if TYPE_CHECKING:
    from cds_service.authoring.explain import Explained
    from cds_service.decisions.service import DecisionService
    from cds_service.fhir_client.access import FhirAccess, FhirGrant
    from cds_service.fhir_client.target import Why

T = TypeVar("T")

NOT_R4_HINT = """\
The data are of another FHIR release. In the public Sandbox, whose own server is DSTU2, choose the gear, then Change
FHIR Server, and give an R4 server: https://launch.smarthealthit.org/v/r4/fhir, or cds-service demo-ehr."""
_NOT_FOUND: Why = "not found"
_SECONDS = 20.0
_ANYWHERE = ("0.0.0.0/0", "::/0")


@click.command("demo-ehr")
@click.option("--port", type=click.IntRange(1, 65535), default=DEMO_PORT, show_default=True, help="Port to listen on.")
def demo_ehr(port: int) -> None:
    """Serve the shipped patients over FHIR R4, for demonstrations.

    It is read-only, asks for no login and listens on this machine only.

    Exit codes: 0 stopped; 1 the port is taken.
    """
    import uvicorn

    from cds_service.cli.demo_ehr import Patients, application

    patients = Patients.of(places.fhir_examples() / "patients")
    for line in _banner(port, patients.by_type["Patient"]):
        click.echo(line)
    uvicorn.run(application(patients), host="127.0.0.1", port=port, log_level="warning", access_log=False)


def _banner(port: int, patients: dict[str, dict[str, Any]]) -> Iterator[str]:
    base = demo_fhir(port)
    yield "FOR DEMONSTRATION ONLY: synthetic patients, nothing can be written, anyone on this machine may read."
    yield f"  FHIR R4   {base}"
    yield f"  Sandbox   {at_an_order('http://127.0.0.1:8000/cds-services', base)}"
    yield "  The examples hold on one day, and come back if nothing is recorded: start the service with"
    yield "            CDS_TODAY=2026-06-15 CDS_RECORD=off CDS_PROFILE=sandbox"
    yield f"  Patients  {', '.join(patients)}"


@click.group()
def examples() -> None:
    """What to do with the shipped examples."""


@examples.command()
@click.option("--to", "server", required=True, metavar="URL", help="Base address of a FHIR R4 server.")
@click.argument("patients", nargs=-1)
def upload(server: str, patients: tuple[str, ...]) -> None:
    """Load the shipped patients into a FHIR R4 server.

    All of them, or the PATIENTS named. A patient that is there already is written anew.

    A patient counts as loaded only where the server answers a transaction-response with every entry done.

    Exit codes: 0 loaded; 1 the server refused one or a part of one, answered something else, or could not be reached.
    """
    from cds_service.fhir_client.http import post_bundle

    folder = places.fhir_examples() / "patients"
    files = [folder / f"{name}.json" for name in patients] or sorted(folder.glob("*.json"))
    missing = [file.stem for file in files if not file.is_file()]
    if missing:
        raise click.BadParameter(f"there is no patient {', '.join(missing)}; choose from {_names(folder)}")
    refusals: dict[str, str] = {}
    with click.progressbar(files, label="Loading", file=sys.stderr) as bar:
        for file in bar:
            refusal = asyncio.run(post_bundle(server, file.read_bytes()))
            if refusal:
                refusals[file.stem] = refusal
    for name, refusal in refusals.items():
        click.echo(f"{name}: {refusal}", err=True)
    click.echo(f"{len(files) - len(refusals)} of {len(files)} patients are on {server} now.")
    if refusals:
        sys.exit(1)


def _names(folder: Path) -> str:
    return ", ".join(file.stem for file in sorted(folder.glob("*.json")))


def built_request(server: str, patient: str, hook: str, order: bytes | None) -> bytes:
    """A hook request without any prefetch, about a patient of a server; a draft order is made the patient's own."""
    context: dict[str, Any] = {"userId": "Practitioner/example", "patientId": patient}
    if order is not None:
        drafts = _drafts(order, patient)
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": drafts}
        if HOOKS[hook].brings_selections:
            context["selections"] = [f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in drafts]
    asked = {"hook": hook, "hookInstance": "00000000-0000-4000-8000-000000000000", "fhirServer": server}
    return json.dumps(asked | {"context": context}).encode()


def _drafts(order: bytes, patient: str) -> list[dict[str, Any]]:
    try:
        read = json.loads(order)
        found = [one["resource"] for one in read["entry"]] if read["resourceType"] == "Bundle" else [read]
        return [
            {"resource": {"id": f"draft-{n}", **one, "subject": {"reference": f"Patient/{patient}"}}}
            for n, one in enumerate(found, 1)
            if one["resourceType"]
        ]
    except (ValueError, KeyError, TypeError):
        raise click.BadParameter("the order must be a FHIR resource or a Bundle of them, as JSON") from None


def _grant(server: str) -> tuple[FhirAccess, FhirGrant]:
    """The way to the one server that a person has named at the terminal, wherever it is."""
    from cds_service.fhir_client.access import FhirAccess, FhirGrant
    from cds_service.fhir_client.egress import Resolver, Servers, networks

    servers = Servers.listed([server], open=True)
    if not servers.bases:
        raise click.BadParameter(f"{server!r} is not the address of a FHIR server")
    access = FhirAccess(_SECONDS, Resolver(networks(_ANYWHERE)))
    return access, FhirGrant(access, servers)


async def explained(
    answering: DecisionService, server: str, patient: str | None, hook: str | None, order: BinaryIO | None
) -> Explained:
    """The answer about a patient of a FHIR server, everything being fetched from there."""
    from cds_service.authoring import explain

    if not patient or not hook:
        raise click.UsageError("--fhir-server needs --patient and --hook.")
    if (order is None) == HOOKS[hook].brings_orders:
        raise click.UsageError("Where orders are written, and only there, give the --order.")
    access, grant = _grant(server)
    body = built_request(server, patient, hook, order.read() if order else None)
    try:
        found = await _with_progress(explain.explain(body, answering, grant), f"Asking {server}")
    except DataMissing as missing:
        if missing.reasons.get("patient") == _NOT_FOUND:
            click.echo(f"There is no patient {patient} on {server}, or no FHIR server there.", err=True)
        raise
    finally:
        await access.aclose()
    if found.gaps.get("patient") == _NOT_FOUND:
        fail(f"There is no patient {patient} on {server}.")
    if (found.decision.gate or "").startswith("not FHIR R4"):
        click.echo(NOT_R4_HINT, err=True)
    for key, gap in found.gaps.items():
        click.echo(f"Not to be had: {key} ({gap})", err=True)
    return found


async def _with_progress(work: Coroutine[Any, Any, T], label: str) -> T:
    """The result of some work, with a line on standard error that says what is being waited for and how long."""
    task = asyncio.create_task(work)
    started = time.monotonic()
    moving = sys.stderr.isatty()
    click.echo(f"{label} ...", err=True, nl=not moving)
    while not (await asyncio.wait((task,), timeout=0.2))[0]:
        if moving:
            click.echo(f"\r{label} ... {time.monotonic() - started:.0f} s", err=True, nl=False)
    if moving:
        click.echo("\r\033[K", err=True, nl=False)
    return task.result()


def register(group: click.Group) -> None:
    group.add_command(demo_ehr)
    group.add_command(examples)
