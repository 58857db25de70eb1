"""The list of all that the service runs with, as CycloneDX JSON, from what is installed."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

import click

from cds_service import __version__

PROJECT = "rbd-cds"
_NEEDED = re.compile(r"([\w.-]+)(?:\[([^\]]*)\])?", re.ASCII)
_ONLY_WITH = re.compile(r"extra == ['\"]([^'\"]+)")
_SHORTEST_TEXT = 80
"""A longer field is the licence itself and no name of it."""


@click.command()
def sbom() -> None:
    """Print all packages that the service runs with, with versions and licences, as CycloneDX 1.6 JSON.

    Exit codes: 0 printed.
    """
    click.echo(json.dumps(bill(), indent=2))


def bill() -> dict[str, Any]:
    """The document; what is not installed here is not needed here."""
    held = installed()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "component": {"type": "application", "bom-ref": PROJECT, "name": PROJECT, "version": __version__},
        },
        "components": [_component(name, held[name]) for name in sorted(held)],
        "dependencies": [
            {"ref": PROJECT, "dependsOn": _refs(distribution(PROJECT), held)},
            *({"ref": _purl(name, held[name]), "dependsOn": _refs(held[name], held)} for name in sorted(held)),
        ],
    }


def installed() -> dict[str, Distribution]:
    """Everything that the project needs, and what that needs in turn, by its plain name."""
    held: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    waiting = list(_needs(distribution(PROJECT)))
    while waiting:
        name, extras = one = waiting.pop()
        if one in asked:
            continue
        asked.add(one)
        try:
            held[name] = distribution(name)
        except PackageNotFoundError:  # of another platform or an older Python
            continue
        waiting += _needs(held[name], extras)
    return held


def licence(package: Distribution) -> str:
    """What a package says of its licence, in its own words."""
    told, listed = package.metadata, package.metadata.get_all("Classifier") or []
    named = [one.rpartition(" :: ")[2] for one in listed if one.startswith("License :: ")]
    short = [text for text in (told["License-Expression"], told["License"]) if text and len(text) < _SHORTEST_TEXT]
    return next(iter([*short, " and ".join(named)])) or "not named"


def _needs(package: Distribution, extras: str = "") -> Iterator[tuple[str, str]]:
    """What a package needs with these extras of its own: the plain name of each, and the extras of that."""
    for requirement in package.requires or ():
        only_with = _ONLY_WITH.search(requirement)
        found = _NEEDED.match(requirement)
        if found and (only_with is None or only_with[1] in extras.split(",")):
            yield re.sub(r"[-_.]+", "-", found[1]).lower(), found[2] or ""


def _component(name: str, package: Distribution) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": _purl(name, package),
        "name": name,
        "version": package.version,
        "purl": _purl(name, package),
        "licenses": [{"license": {"name": licence(package)}}],
    }


def _purl(name: str, package: Distribution) -> str:
    return f"pkg:pypi/{name}@{package.version}"


def _refs(package: Distribution, held: dict[str, Distribution]) -> list[str]:
    """What a package needs, and what the extras need that it asks for."""
    needed = list(_needs(package))
    needed += [more for name, extras in needed if extras and name in held for more in _needs(held[name], extras)]
    return sorted({_purl(name, held[name]) for name, _ in needed if name in held})


def register(group: click.Group) -> None:
    group.add_command(sbom)
