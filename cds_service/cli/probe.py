"""The command that asks a running service about a synthetic patient for each rule."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from cds_service.cli.start import assembled, cases_of, trusted_clients
from cds_service.errors import FaultsFound, SettingsError
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.authoring.probes import Probe, Probed
    from cds_service.decisions.ruleset import Ruleset

_SECONDS = 15.0
_REFUSED = 401


@click.command()
@click.argument("url")
@click.option("--client", help="Name of the client of CDS_CLIENTS to ask as; it must have `probe = true`.")
@click.option("--key", type=click.Path(path_type=Path), help="File with the private key of that client, a JWK.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def probe(url: str, client: str | None, key: Path | None, as_json: bool) -> None:
    """Ask the service at URL about a synthetic patient for each rule, and say which card did not come.

    The calls are real ones, by the token of the client where --client and --key are given; they enter neither the
    record nor the memory. URL is the base address, before /cds-services.

    Exit codes: 0 every card came, or is told as not shown; 1 a card is missing; 2 nothing could be asked.
    """
    try:
        settings = Settings.in_force()
        ruleset = assembled(settings)
        found = list(_asked(url.rstrip("/"), _probes(ruleset, settings), _tokens(settings, ruleset, client, key)))
    except FaultsFound as faults:
        _not_asked(str(faults))
    if as_json:
        told = [{"rule": one.rule, "service": one.service, "result": one.result, "why": one.why} for one in found]
        click.echo(json.dumps({"url": url, "rules": told}, indent=2))
    else:
        _print(found)
    sys.exit(1 if any(one.result == "missing" for one in found) else 0)


@click.command("probe-key")
@click.argument("file", type=click.Path(path_type=Path))
def probe_key(file: Path) -> None:
    """Make a key pair for `probe`: the private key goes into FILE, the public key set is printed.

    Exit codes: 0 made; 1 FILE is there already, or cannot be written.
    """
    from cds_service.trust.signing import new_key

    click.echo(json.dumps(new_key(file), indent=2))


def _not_asked(why: str) -> NoReturn:
    click.echo(f"Could not ask: {why}", err=True)
    sys.exit(2)


def _probes(ruleset: Ruleset, settings: Settings) -> list[Probe]:
    from cds_service.authoring.probes import probes

    return list(probes(*cases_of(ruleset), settings.today()))


def _tokens(settings: Settings, ruleset: Ruleset, name: str | None, key: Path | None) -> Callable[[str], str | None]:
    """What gives a token for a path; none in open mode."""
    clients = trusted_clients(settings, ruleset)
    if name is None and key is None and clients is None:
        return lambda _: None
    if clients is None or name is None or key is None:
        raise SettingsError(["With CDS_CLIENTS, and only then, give --client and --key."])
    client = next((one for one in clients.by_name.values() if one.name == name), None)
    if client is None or not client.probe:
        raise SettingsError([f"{name!r} is no client of {settings.clients} with probe = true."])
    from cds_service.trust.signing import Signer

    signer = Signer(client, key)
    return lambda path: signer.token(f"{settings.public_url}{path}")


def _asked(url: str, probes: list[Probe], token: Callable[[str], str | None]) -> Iterator[Probed]:
    import httpx

    from cds_service.authoring.probes import Probed, judged
    from cds_service.fhir_client.tls import trusted

    with httpx.Client(verify=trusted(), trust_env=False, timeout=_SECONDS) as http:
        for one in probes:
            if not one.service:
                yield Probed(one.rule, "", "off", "no service asks it")
                continue
            path = f"/cds-services/{one.service}"
            bearer = token(path)
            headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
            try:
                answer = http.post(url + path, content=one.body, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL) as fault:
                _not_asked(f"{url} does not answer ({type(fault).__name__}), at {one.rule}.")
            if answer.status_code == _REFUSED:
                _not_asked(f"{url} does not trust the token: the service's log says why.")
            yield judged(one, answer.status_code, answer.content)


def _print(found: list[Probed]) -> None:
    for one in found:
        if one.result != "shown":
            where = f" at {one.service}" if one.service else ""
            click.echo(f"{one.result}: {one.rule}{where}: {one.why}")
    shown = sum(one.result == "shown" for one in found)
    click.echo(f"{shown} of {len(found)} rules showed their card.")


def register(group: click.Group) -> None:
    group.add_command(probe)
    group.add_command(probe_key)
