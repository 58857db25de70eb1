"""What every test may use: no clock, no network, and every answer held against its schema."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from cds_service.hooks.schemas import schema

_VALIDATORS = {
    name: jsonschema.Draft202012Validator(schema(name)) for name in ("request", "response", "discovery", "feedback")
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def validated() -> Callable[..., dict[str, Any]]:
    """Reads a body and fails if its schema would refuse it, or if anything in it is null or repeats a uuid."""
    return read_validated


def read_validated(body: bytes, name: str = "response") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(body)
    _VALIDATORS[name].validate(document)
    assert not list(_nulls(document)), "null is never written"
    uuids = [one["uuid"] for card in document.get("cards", []) for one in (card, *card.get("suggestions", []))]
    assert len(uuids) == len(set(uuids)), "every uuid is its own"
    return document


def _nulls(value: object) -> Any:
    if value is None:
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _nulls(member)
