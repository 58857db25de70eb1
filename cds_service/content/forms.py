"""The screening form: a FHIR Questionnaire among the cards, whose answers the facts read by linkId."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cds_service.facts.queries import QUESTIONS
from cds_service.facts.results import SCREEN

FILE = "questionnaire-rbd-screen.json"
_TYPES = {**dict.fromkeys(QUESTIONS, "boolean"), "informant": "choice"}


def screening_form(cards: Path) -> bytes:
    """The form as it is served."""
    return (cards / FILE).read_bytes()


def faults_of_form(cards: Path) -> list[str]:
    """What keeps the answers to the form from being read."""
    try:
        form = json.loads(screening_form(cards))
    except OSError:
        return [f"{FILE}: the file is missing"]
    except ValueError as error:
        return [f"{FILE}: not JSON: {error}"]
    return [f"{FILE}: {fault}" for fault in _faults(form)]


def _faults(form: Any) -> Iterator[str]:
    if not isinstance(form, dict) or form.get("url") != SCREEN:
        yield f"url: write {SCREEN}"
        return
    asked = {item.get("linkId"): item.get("type") for item in form.get("item", ())}
    for name, kind in _TYPES.items():
        if asked.get(name) != kind:
            yield f"item: {name!r} is to be asked, with the type {kind}"
    for name in asked.keys() - _TYPES.keys():
        yield f"item: nothing reads the answer to {name!r}"
