"""The screening form: a FHIR Questionnaire among the cards, whose answers the facts read by linkId.

Its canonical address lies under the service's public address, as servers look canonical addresses up only where they
can be resolved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cds_service.content.overlay import CardFiles
from cds_service.facts.queries import QUESTIONS
from cds_service.facts.results import SCREEN

FILE = "questionnaire-rbd-screen.json"
PATH = f"/Questionnaire/{SCREEN}"
_SERVICE = "{service}"
CANONICAL = f"{_SERVICE}{PATH}"
"""Its address as the files of the cards write it."""
_TYPES = {**dict.fromkeys(QUESTIONS, "boolean"), "informant": "choice"}


def screening_form(files: CardFiles, service_url: str) -> bytes:
    """The form as it is served at an address."""
    return _written(files).replace(_SERVICE, json.dumps(service_url)[1:-1]).encode()


def _written(files: CardFiles) -> str:
    return files.path(FILE).read_text(encoding="utf-8")


def faults_of_form(files: CardFiles) -> list[str]:
    """What keeps the answers to the form from being read."""
    try:
        form = json.loads(_written(files))
    except OSError:
        return [f"{FILE}: the file is missing"]
    except ValueError as error:
        return [f"{FILE}: not JSON: {error}"]
    return [f"{FILE}: {fault}" for fault in _faults(form)]


def _faults(form: Any) -> Iterator[str]:
    if not isinstance(form, dict) or form.get("url") != CANONICAL:
        yield f"url: write {CANONICAL}"
        return
    asked = {item.get("linkId"): item.get("type") for item in form.get("item", ())}
    for name, kind in _TYPES.items():
        if asked.get(name) != kind:
            yield f"item: {name!r} is to be asked, with the type {kind}"
    for name in asked.keys() - _TYPES.keys():
        yield f"item: nothing reads the answer to {name!r}"
