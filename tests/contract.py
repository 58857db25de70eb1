"""What every answer of the service keeps to, whatever it is an answer to."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jsonschema

from cds_service.hooks.schemas import schema
from cds_service.web.app import create_app
from cds_service.web.assembly import Application

_OUTCOME = {
    "type": "object",
    "required": ["resourceType", "issue"],
    "additionalProperties": False,
    "properties": {
        "resourceType": {"const": "OperationOutcome"},
        "issue": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["severity", "code", "details"],
                "additionalProperties": False,
                "properties": {
                    "severity": {"enum": ["fatal", "error", "warning", "information"]},
                    "code": {"type": "string", "minLength": 1},
                    "details": {"type": "object", "required": ["text"], "additionalProperties": {"type": "string"}},
                    "diagnostics": {"type": "string", "pattern": "^request [0-9a-f]{16}$"},
                    "expression": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
                },
            },
        },
    },
}
_VALIDATORS = {
    name: jsonschema.Draft202012Validator(document)
    for name, document in {
        "request": schema("request"),
        "response": schema("response"),
        "discovery": schema("discovery"),
        "feedback": schema("feedback"),
        "outcome": _OUTCOME,
    }.items()
}


@asynccontextmanager
async def speaking_to(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    """The application in process, its lifespan entered; every answer is held against the contract."""
    app = create_app(application)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://127.0.0.1:8000",
        event_hooks={"response": [_keeps_the_contract]},
    )
    async with app.router.lifespan_context(app), client:
        yield client


def read_validated(body: bytes, name: str = "response") -> dict[str, Any]:
    """The body as it was read; fails if its schema refuses it, or if anything in it is null or repeats a uuid."""
    # Python refuses to read whole numbers of thousands of digits, which a draft may hold.
    document: dict[str, Any] = json.loads(body, parse_int=float)
    _VALIDATORS[name].validate(document)
    assert not list(_nulls(document)), "null is never written"
    uuids = [one["uuid"] for card in document.get("cards", []) for one in (card, *card.get("suggestions", []))]
    assert len(uuids) == len(set(uuids)), "every uuid is its own"
    return document


def _nulls(value: object) -> Iterator[None]:
    if value is None:
        yield value
    elif isinstance(value, list):
        for member in value:
            yield from _nulls(member)
    elif isinstance(value, dict):
        for name, member in value.items():
            if name != "resource":  # an order that is passed on says what the client said
                yield from _nulls(member)


async def _keeps_the_contract(answer: httpx.Response) -> None:
    await answer.aread()
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers
    if answer.status_code >= 400:
        _is_error_body(answer)
    elif answer.request.method == "POST" and answer.request.url.path.startswith("/cds-services"):
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        if answer.request.url.path.rstrip("/").endswith("/feedback"):
            assert answer.content == b"{}"
        else:
            read_validated(answer.content)


def _is_error_body(answer: httpx.Response) -> None:
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    outcome = read_validated(answer.content, "outcome") if answer.request.method != "HEAD" else None
    if outcome:
        assert outcome["resourceType"] == "OperationOutcome"
        assert all(issue["severity"] == "error" and issue["code"] for issue in outcome["issue"])
