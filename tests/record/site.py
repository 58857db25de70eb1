"""A site with a record: hooks are answered at a time of the test's choosing, and answered back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from cds_service.decisions.ruleset import Ruleset
from cds_service.decisions.service import DecidedHook, DecisionService
from cds_service.hooks.feedback import parse_feedback
from cds_service.hooks.requests import parse_request
from cds_service.hooks.responses import Card
from cds_service.record.entries import Call
from cds_service.record.recorder import Recorder
from cds_service.settings import Settings
from tests.case_runs import ruleset
from tests.charts import KEYS, Json

SELECT, SIGN, VIEW = "order-select", "order-sign", "patient-view"
NOON = dt.datetime(2026, 6, 15, 12, tzinfo=dt.UTC)


def hook_request(
    hook: str, chart: tuple[Json, ...], prefetch: dict[str, str], drafts: tuple[Json, ...] = (), **context: Any
) -> Json:
    """The call that a client makes with this chart; every resource's patient becomes the context's."""
    held: dict[str, list[Json]] = {key: [] for key in prefetch}
    for resource in chart:
        key = KEYS.get(resource["resourceType"], "medicationRequests")
        if key in held:
            held[key].append(resource)
    sent = {key: {"resourceType": "Bundle", "entry": [{"resource": r} for r in found]} for key, found in held.items()}
    named = {"userId": "Practitioner/p1", "patientId": "example", "encounterId": "e1", **context}
    sent["patient"] = next(r for r in chart if r["resourceType"] == "Patient") | {"id": named["patientId"]}
    if hook != "patient-view":
        named["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": draft} for draft in drafts]}
    if hook == "order-select":
        named["selections"] = [f"{draft['resourceType']}/{draft['id']}" for draft in drafts]
    body = json.dumps({"hook": hook, "hookInstance": "i", "context": named, "prefetch": sent})
    found: Json = json.loads(body.replace("Patient/example", f"Patient/{named['patientId']}"))
    return found


class Site:
    """One process of a site."""

    def __init__(self, settings: Settings, rules: Ruleset) -> None:
        self.now = NOON
        silent = settings.mode == "silent"
        self.decisions = DecisionService(rules, lambda: self.now.date(), silent=silent)
        self.recorder = Recorder(settings, rules, now=lambda: self.now)
        self.answered: DecidedHook | None = None

    def passes(self, **time: float) -> None:
        self.now += dt.timedelta(**time)

    async def ask(
        self, hook: str, *chart: Json, drafts: tuple[Json, ...] = (), within: str = "", **context: Any
    ) -> tuple[Card, ...]:
        """The cards that the clinician sees."""
        service = next(s for s in self.decisions.services.values() if s.hook == hook)
        body = json.dumps(hook_request(hook, chart, service.prefetch, drafts, **context)).encode()
        request = parse_request(body, service)
        who = (request.user_id, request.patient_id, request.encounter_id)
        attendance = self.recorder.attend(Call(service.id, hook, "ehr", "https://ehr.example", within, *who))
        self.answered = await self.decisions.answer(request, service, recall=attendance.recall)
        facts = self.answered.facts
        attendance.note(self.answered.decision, facts.unread_codes if facts else {})
        return self.answered.response.cards

    async def rules(self, hook: str, *chart: Json, **more: Any) -> list[str]:
        """The rules that the cards speak for."""
        cards = await self.ask(hook, *chart, **more)
        return [rule for card in cards for rule in (card.extension or {})["org.rbd-cds.rules"]]

    async def feedback(self, *entries: Json, client: str = "ehr") -> None:
        report = parse_feedback(json.dumps({"feedback": entries}).encode())
        await self.recorder.take(report, "rbd-order-select", client)

    async def accepts(self, card: Card, *labels: str, at: dt.datetime | None = None) -> None:
        """The suggestions whose labels hold these words; the first one where none are given."""
        offered = [next(one for one in card.suggestions if label in one.label) for label in labels or ("",)]
        taken = [{"id": one.uuid} for one in offered]
        await self.feedback(self.entry(card, at) | {"outcome": "accepted", "acceptedSuggestions": taken})

    async def overrides(self, card: Card, reason: str | None = None, at: dt.datetime | None = None) -> None:
        given = {"overrideReason": {"reason": {"code": reason}}} if reason else {}
        await self.feedback(self.entry(card, at) | given)

    def entry(self, card: Card, at: dt.datetime | None = None) -> Json:
        return {"card": card.uuid, "outcome": "overridden", "outcomeTimestamp": (at or self.now).isoformat()}

    async def settled(self) -> None:
        """Everything noted so far can be read."""
        await self.recorder.writer.submit(()).stored


@asynccontextmanager
async def site(folder: Path, rules: Ruleset | None = None, **settings: Any) -> AsyncIterator[Site]:
    """A site whose record lies in a folder, open."""
    database = settings.pop("database_url", f"sqlite:///{folder}/cds-service.sqlite")
    made = Site(Settings(var=folder, database_url=database, **settings), rules or ruleset())
    async with made.recorder.running():
        yield made


def with_status(rule: str, status: str) -> Ruleset:
    """The shipped rules, one of them with another status."""
    shipped = ruleset()
    prepared = shipped.rules[rule]
    changed = msgspec.structs.replace(prepared, content=msgspec.structs.replace(prepared.content, status=status))
    return msgspec.structs.replace(shipped, rules={**shipped.rules, rule: changed})
