"""What several commands do first: read cards, clients and cases, and say what is wrong."""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from cds_service.content import places
from cds_service.errors import SettingsError
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.authoring.cases import Case
    from cds_service.authoring.run_cases import CaseRunner
    from cds_service.decisions.ruleset import Ruleset
    from cds_service.trust.clients import Clients


def fail(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(1)


def short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def assembled(settings: Settings) -> Ruleset:
    from cds_service.content.load import load
    from cds_service.decisions.ruleset import assemble

    return assemble(load(places.cards(settings)))


def trusted_clients(settings: Settings, ruleset: Ruleset | None) -> Clients | None:
    """The EHRs of CDS_CLIENTS; None in open mode."""
    from cds_service.trust.clients import read_clients, require_known

    if settings.clients is None:
        require_known(settings.not_served)
        return None
    return read_clients(settings.clients, {text.id for text in ruleset.content.services.service} if ruleset else None)


def require_written(settings: Settings) -> None:
    """That what the service will write and send can be: better told now than by each worker."""
    from cds_service.record.recorder import store_of

    faults = []
    for variable, folder in (("CDS_VAR", settings.var), ("CDS_AUDIT", settings.audit)):
        if folder and (settings.record == "on" or variable == "CDS_AUDIT"):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
            except OSError as fault:
                faults.append(f"{variable}: {folder} cannot be written ({fault.strerror}).")
    if settings.tracing == "on" and find_spec("opentelemetry") is None:
        faults.append("CDS_TRACING: the packages of the extra `tracing` are not installed.")
    if faults:
        raise SettingsError(faults)
    if settings.record == "on" or not settings.open:
        store_of(settings)


def cases_of(ruleset: Ruleset) -> tuple[CaseRunner, list[tuple[str, Case]]]:
    """The runner, and every case with its rule."""
    from cds_service.authoring.cases import Parts, read_cases
    from cds_service.authoring.run_cases import CaseRunner

    shipped = Parts.shipped()
    content = ruleset.content
    found = read_cases(content, shipped)
    return CaseRunner(ruleset, shipped), [(rule, case) for rule, cases in found.items() for case in cases]
