"""The service itself, called over ASGI without a socket, with everything that it logs meanwhile."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from cds_service.content.places import fhir_examples
from cds_service.decisions.decide import Recall
from cds_service.decisions.service import DecidedHook, DecisionService
from cds_service.facts.queries import TEMPLATES
from cds_service.fhir_client.access import FhirGrant
from cds_service.hooks.services import Service
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from tests.charts import KEYS

Json = dict[str, Any]
TODAY = "2026-06-15"
GONE = 0
"""In place of a status where nothing was answered."""
EXAMPLES = fhir_examples()
EXPECTED: Json = tomllib.loads((EXAMPLES / "expected.toml").read_text())


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    lines: list[Json]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cards(self) -> list[Json]:
        return self.json["cards"]  # type: ignore[no-any-return]


Call = Callable[..., Answer]


def application_with(**environment: str) -> Application:
    """The service on the day of the examples, keeping no record unless the environment says so."""
    return Application(Settings.read({"CDS_TODAY": TODAY, "CDS_RECORD": "off", **environment}))


@contextmanager
def serving(application: Application | None = None, **environment: str) -> Iterator[Call]:
    """A function that posts a body to the service of a hook, or elsewhere, in the service's own loop.

    A body may come in chunks, and with ``gone`` its client leaves before the end of it.
    """
    app = create_app(application or application_with(**environment))

    async def called(scope: Json, messages: list[Json]) -> Answer:
        sent: list[Json] = []
        waiting = iter(messages)

        async def receive() -> Json:
            return next(waiting, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            sent.append(message)

        with structlog.testing.capture_logs() as lines:
            await app(scope, receive, send)
        start = sent[0] if sent else {"status": GONE, "headers": []}
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        written = b"".join(message["body"] for message in sent[1:])
        return Answer(start["status"], told, written, [dict(line) for line in lines])

    def call(
        hook: str,
        body: bytes | Sequence[bytes],
        headers: Mapping[str, str] | Sequence[tuple[bytes, bytes]] = (),
        *,
        method: str = "POST",
        path: str | None = None,
        gone: bool = False,
    ) -> Answer:
        where = path if path is not None else f"/cds-services/rbd-{hook}"
        if isinstance(headers, Mapping):
            headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        chunks = [body] if isinstance(body, bytes) else body
        messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        if messages and not gone:
            messages[-1]["more_body"] = False
        scope = {"type": "http", "method": method, "path": where, "headers": list(headers), "query_string": b""}
        scope["client"] = ("127.0.0.1", 1)
        return runner.run(called(scope, messages))

    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(_entered(lifespan.__aenter__()))
        try:
            yield call
        finally:
            runner.run(_entered(lifespan.__aexit__(None, None, None)))


async def _entered(step: Any) -> None:
    await step


@cache
def requests() -> dict[str, Json]:
    """The example requests by name."""
    return {path.stem: read(path) for path in sorted((EXAMPLES / "requests").glob("*.json"))}


@cache
def charts() -> dict[str, list[Json]]:
    """The resources of the example patients by name."""
    found = sorted((EXAMPLES / "patients").glob("*.json"))
    return {path.stem: [entry["resource"] for entry in read(path)["entry"]] for path in found}


def read(path: Path) -> Json:
    return json.loads(path.read_text())  # type: ignore[no-any-return]


def as_bytes(request: Json) -> bytes:
    return json.dumps(request).encode()


def opened(name: str, keys: Iterable[str] = TEMPLATES) -> Json:
    """The patient-view request that a client would send whose server holds the chart of an example patient."""
    held: dict[str, list[Json]] = {key: [] for key in keys}
    for resource in charts()[name]:
        key = KEYS.get("MedicationRequest" if resource["resourceType"] == "Medication" else resource["resourceType"])
        if key in held:
            held[key].append(resource)
    (patient,) = held.pop("patient")
    return {
        "hook": "patient-view",
        "hookInstance": "6d3b6f4e-52c1-4a52-9b6a-3c1f0d9e7a01",
        "context": {"userId": "Practitioner/example", "patientId": patient["id"]},
        "prefetch": {"patient": patient} | {key: searchset(found) for key, found in held.items()},
    }


def searchset(resources: list[Json]) -> Json:
    """The result of a search; the total counts what was asked for, not the Medications that came along."""
    total = sum(one["resourceType"] != "Medication" for one in resources)
    held = {"entry": [{"resource": one} for one in resources]} if resources else {}
    return {"resourceType": "Bundle", "type": "searchset", "total": total, **held}


def without_uuids(cards: list[Json]) -> list[Json]:
    """The cards as a person sees them; every answer has uuids of its own."""
    return [
        {name: _bare(value) if name == "suggestions" else value for name, value in card.items() if name != "uuid"}
        for card in cards
    ]


def _bare(suggestions: list[Json]) -> list[Json]:
    return [{name: value for name, value in one.items() if name != "uuid"} for one in suggestions]


def rules_of(card: Json) -> list[str]:
    return card["extension"]["org.rbd-cds.rules"]  # type: ignore[no-any-return]


async def answered_to(
    decisions: DecisionService,
    body: bytes,
    service: Service,
    grant: FhirGrant | None = None,
    recall: Recall | None = None,
) -> DecidedHook:
    """The answer to a body, as an endpoint gives it."""
    opened = decisions.open(body, service)
    return await decisions.answer(opened.hook, service, grant, recall, drafts=opened.drafts)
