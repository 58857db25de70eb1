"""Why a card came, or none: the steps of a call that was answered lately, or what is on record of a card."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cds_service.authoring import explain
from cds_service.content.model import Content, RuleContent
from cds_service.rules.review import Step
from cds_service.web import bench_access
from cds_service.web.answers import HTML, JSON, Written
from cds_service.web.assembly import Application
from cds_service.web.logs import uuid_or_none
from cds_service.web.pages import Site, page_headers, templates
from cds_service.web.recent import SECONDS, KeptCall, KeptRule
from cds_service.web.routes import Address, get

if TYPE_CHECKING:
    from cds_service.record.on_record import RecordedCard

PATH = "/why"
_HEADERS = page_headers(form=True, kept=False)
_ANOTHER_WORKER = (b"connection", b"close")
"""Another worker may have answered: the next request should meet any of them, and not this one again."""


class ToldStep(msgspec.Struct, frozen=True):
    """A criterion, and whether its sentence is true of the patient."""

    holds: bool | None
    criterion: str
    text: str
    sources: tuple[str, ...]
    why: str


class ToldRule(msgspec.Struct, frozen=True):
    """What a rule came to, in words."""

    rule: str
    title: str
    version: str
    outcome: str
    fate: str
    about: str
    steps: tuple[ToldStep, ...]


class ToldCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was answered lately."""

    at: dt.datetime
    service: str
    hook: str
    client: str
    cards: Mapping[str, tuple[str, ...]]
    gate: str | None
    rules: tuple[ToldRule, ...]
    not_started: tuple[str, ...]


class Found(msgspec.Struct, frozen=True):
    """What is known of a uuid; neither where nothing is."""

    call: ToldCall | None = None
    card: RecordedCard | None = None
    fault: str = ""
    """Why the record could not be looked at."""


def addresses(service: Application, site: Site) -> Mapping[str, Address]:
    """``/why``, for those who may use the test bench."""
    return {PATH: get(_Page(service, site).ask)} if bench_access.is_on(service.settings) else {}


def routes(service: Application, site: Site) -> list[Route]:
    """``/why/UUID``."""
    there = bench_access.is_on(service.settings)
    return [Route(f"{PATH}/{{name}}", _Page(service, site).show, methods=["GET"])] if there else []


class _Page:
    def __init__(self, service: Application, site: Site) -> None:
        self._service = service
        self._site = site

    async def ask(self, request: Request) -> Response:
        """GET /why: a field for the uuid, or what was asked with it."""
        return await self._answer(request, request.query_params.get("of", ""))

    async def show(self, request: Request) -> Response:
        """GET /why/UUID, for people or, as JSON, for programs."""
        return await self._answer(request, request.path_params["name"])

    async def _answer(self, request: Request, name: str) -> Response:
        bench_access.admit(request, self._site.settings)
        uuid = uuid_or_none(name.strip())
        found = await self._find(uuid) if uuid else Found()
        headers = [*_HEADERS, *([_ANOTHER_WORKER] if uuid and found.call is None else ())]
        if request.headers.get("accept") == JSON.decode():
            return Written(msgspec.json.encode(found), JSON, headers=headers)
        body = await asyncio.to_thread(self._drawn, name, uuid, found)
        return Written(body, HTML, headers=headers)

    async def _find(self, uuid: str) -> Found:
        recent, store = self._service.recent, self._service.store
        kept = recent.find(uuid) if recent else None
        call = _in_words(self._service.content, kept) if kept else None
        if store is None:
            return Found(call)
        from cds_service.record.on_record import recorded_card
        from cds_service.record.store import cause_of

        try:
            async with asyncio.timeout(5):
                return Found(call, await recorded_card(store, uuid, self._site.settings.zone))
        except store.lost as fault:
            return Found(call, fault=type(cause_of(fault)).__name__)

    def _drawn(self, name: str, uuid: str | None, found: Found) -> bytes:
        content = self._service.content
        names = {
            "site": self._site,
            "name": name.strip(),
            "uuid": uuid,
            "found": found,
            "titles": {id: rule.title for id, rule in content.rules.items()},
            "minutes": SECONDS // 60,
        }
        return templates().get_template("why.html").render(**names).encode()


def _in_words(content: Content, call: KeptCall) -> ToldCall:
    """The rules that found something first."""
    rules = sorted(call.rules, key=lambda one: one.outcome != "found")
    return ToldCall(
        at=call.at,
        service=call.service,
        hook=call.hook,
        client=call.client,
        cards=call.cards,
        gate=call.gate,
        rules=tuple(_rule_in_words(content.rules.get(one.rule), one) for one in rules),
        not_started=call.not_started,
    )


def _rule_in_words(content: RuleContent | None, kept: KeptRule) -> ToldRule:
    title, fate = content.title if content else kept.rule, explain.FATES.get(kept.fate, "")
    steps = tuple(_step_in_words(content, one) for one in kept.steps)
    return ToldRule(kept.rule, title, kept.version, kept.outcome, fate, kept.about, steps)


def _step_in_words(content: RuleContent | None, step: Step) -> ToldStep:
    """After a reload there may be no such criterion any more: then its name has to do."""
    if content is None or step.criterion not in {one.id for one in content.criteria}:
        return ToldStep(step.met, step.criterion, step.criterion, step.sources, step.why)
    text, holds = explain.criterion(content, step).text, explain.holds(content, step)
    return ToldStep(holds, step.criterion, text, step.sources, step.why)
