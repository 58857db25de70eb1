"""What every test may use: no clock, no network, and every answer held against its schema."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest

from cds_service.errors import DataMissing
from cds_service.fhir.sources import NOT_SENT
from cds_service.hooks.feedback import FeedbackBatch
from cds_service.hooks.requests import HookRequest
from cds_service.hooks.responses import Action, Card, Coding, Link, OverrideReason, Response, Source, Suggestion
from cds_service.hooks.schemas import schema
from cds_service.hooks.services import Service
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.callers import ANYONE, Caller, HookAnswer

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
    # Python refuses to read whole numbers of thousands of digits, which a draft may hold.
    document: dict[str, Any] = json.loads(body, parse_int=float)
    _VALIDATORS[name].validate(document)
    assert not list(_nulls(document)), "null is never written"
    uuids = [one["uuid"] for card in document.get("cards", []) for one in (card, *card.get("suggestions", []))]
    assert len(uuids) == len(set(uuids)), "every uuid is its own"
    return document


def _nulls(value: object) -> Any:
    if value is None:
        yield value
    elif isinstance(value, list):
        for member in value:
            yield from _nulls(member)
    elif isinstance(value, dict):
        for name, member in value.items():
            if name != "resource":  # an order that is passed on says what the client said
                yield from _nulls(member)


_PREFETCH = {
    "patient": "Patient/{{context.patientId}}",
    "conditions": "Condition?patient={{context.patientId}}",
    "medicationRequests": "MedicationRequest?patient={{context.patientId}}",
}
_TITLES = {"patient-view": "Chart review", "order-select": "Order selection", "order-sign": "Order signing"}


class StandIn:
    """Stands in for the clinical part: one card about each selected order, none for a reader who is no clinician."""

    settings = Settings()
    origins: frozenset[str] | None = None
    needed: tuple[str, ...] = ()
    callers = 1

    def __init__(self) -> None:
        self.services = {
            f"rbd-{hook}": Service(
                id=f"rbd-{hook}",
                hook=hook,
                title=title,
                description=f"{title}, for tests.",
                usage_requirements="FHIR R4.",
                prefetch=_PREFETCH,
            )
            for hook, title in _TITLES.items()
        }
        self.seen: list[HookRequest] = []
        self.taken: list[FeedbackBatch] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield

    def called(self, line: Mapping[str, Any], seconds: float) -> None:
        pass

    def sample(self) -> None:
        pass

    def reasons(self, _: FeedbackBatch) -> Mapping[str, int]:
        return {}

    async def authenticate(self, _: Any) -> Any:
        return ANYONE

    async def answer(self, hook: HookRequest, _: Service, __: Caller) -> HookAnswer:
        self.seen.append(hook)
        missing = [key for key in self.needed if hook.prefetch[key] == NOT_SENT]
        if missing:
            raise DataMissing(missing)
        cards = _cards(hook) if hook.user_id.startswith("Practitioner") and not hook.not_r4 else ()
        return HookAnswer(
            Response(cards=tuple(cards)), {"gather": 0.001, "decide": 0.0005}, {"found": len(tuple(cards))}
        )

    async def take(self, report: FeedbackBatch, _: Service, __: Caller) -> None:
        self.taken.append(report)


def _cards(hook: HookRequest) -> tuple[Card, ...]:
    orders = [draft for draft in hook.drafts if draft.selected and draft.reference]
    return tuple(
        Card(
            summary=f"Order {number}: look again",
            detail="A card for tests.",
            indicator="warning",
            source=Source(label="Tests", url="https://example.org", topic=Coding(system="urn:t", code="test")),
            suggestions=(
                Suggestion(
                    label="Remove it",
                    actions=(Action(type="delete", description="Remove the draft", resource_id=draft.reference),),
                ),
                Suggestion(
                    label="Keep it as it is",
                    actions=(Action(type="update", description="Keep it", resource=msgspec.Raw(draft.raw)),),
                ),
            ),
            selection_behavior="at-most-one",
            override_reasons=(OverrideReason(system="urn:r", code="a", display="A reason"),),
            links=(Link(label="More", url="https://example.org/more", type="absolute"),),
        )
        for number, draft in enumerate(orders, 1)
    )


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
async def client(stand_in: StandIn, anyio_backend: str) -> AsyncIterator[httpx.AsyncClient]:
    """The application in process, its lifespan entered; every answer is held against the contract."""
    app = create_app(stand_in)
    async with app.router.lifespan_context(app), _speaking_to(app) as client:
        yield client


def _speaking_to(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8000", event_hooks={"response": [_keeps_the_contract]}
    )


async def _keeps_the_contract(answer: httpx.Response) -> None:
    await answer.aread()
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers
    if answer.status_code >= 400:
        _is_error_body(answer)
    elif answer.request.method == "POST":
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


_VALIDATORS["outcome"] = jsonschema.Draft202012Validator(
    {
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
)
