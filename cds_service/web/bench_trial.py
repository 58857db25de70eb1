"""One press on the test bench: the form is read, the trial set up, the service asked, and a suggestion carried out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache, partial
from time import perf_counter

import msgspec

from cds_service.authoring import documents, edits, explain, orders, silence, try_out
from cds_service.authoring.cases import Parts
from cds_service.authoring.documents import Json
from cds_service.authoring.edits import Chart, Edit
from cds_service.authoring.explain import Explained
from cds_service.authoring.orders import Catalogue
from cds_service.authoring.silence import ToldRule
from cds_service.authoring.try_out import Bundles, Trial
from cds_service.content import places
from cds_service.decisions.running import Run
from cds_service.decisions.service import DecisionService
from cds_service.errors import CallRefused
from cds_service.hooks.feedback import parse_feedback
from cds_service.hooks.hooks import HOOKS
from cds_service.hooks.profiles import PROFILES, spoken
from cds_service.hooks.services import Service
from cds_service.hooks.validation import Fault, faults_in
from cds_service.record.entries import BENCH
from cds_service.web.assembly import Application
from cds_service.web.bench_form import Form, document_of, source_of
from cds_service.web.logs import uuid_or_none
from cds_service.web.problems import body_of
from cds_service.web.recent import Made

_MOST_DAYS = 8


class Fired(msgspec.Struct, kw_only=True):
    """What one event led to."""

    hook: str
    service: str
    request: Json
    response: Json
    rules: Sequence[ToldRule] = ()
    explained: Explained | None = None
    refusal: Sequence[str] = ()
    request_faults: Sequence[Fault] = ()
    response_faults: Sequence[Fault] = ()
    changes: Sequence[Sequence[Sequence[tuple[str, str]]]] = ()
    """For each card and suggestion, the lines of what it changes."""
    timings: Mapping[str, float] = {}

    @property
    def cards(self) -> list[Json]:
        found: list[Json] = self.response.get("cards", [])
        return found


class Sent(msgspec.Struct, frozen=True):
    """Feedback as it was sent, and what became of it."""

    service: str
    body: Json
    words: str
    """The summary of the card that it is about."""
    kept: bool


class Tried(msgspec.Struct, kw_only=True):
    """The form as it stands after the press, and what is to be shown."""

    form: Form
    chart: Chart | None = None
    fired: Fired | None = None
    sent: Sent | None = None
    said: str = ""


class Bench:
    """What all presses share: shipped patients, the catalogue of orders, and the service on the days asked for."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self.bundles = Bundles(places.fhir_examples() / "patients")
        self.parts = Parts.shipped()
        self._on = lru_cache(_MOST_DAYS)(self._answering)

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue.of(self._app.content)

    @cached_property
    def patients(self) -> Mapping[str, str]:
        """The shipped patients, in words."""
        return {name: try_out.described(self.bundles[name]) for name in self.bundles.names}

    @cached_property
    def hooks(self) -> tuple[str, ...]:
        """The events that the site answers; a choice of an order comes first, as it shows most."""
        answered = {service.hook for service in self._app.services.values()}
        return tuple(sorted(answered, key=lambda hook: not HOOKS[hook].brings_selections))

    @cached_property
    def addable(self) -> Mapping[str, str]:
        return edits.addable(self.parts)

    def _answering(self, day: dt.date) -> DecisionService:
        settings = self._app.settings
        return DecisionService(self._app.ruleset, lambda: day, zone=settings.zone, url=settings.public_url)

    def service(self, trial: Trial) -> Service:
        """The service that answers the trial's hook."""
        return explain.service_of(json.dumps({"hook": trial.hook}).encode(), self._on(trial.day).services)

    async def press(self, form: Form, run: Run, *, fire: bool = True) -> Tried:
        """The form as it stands then; with ``fire`` the event too, if the form has no fault."""
        tried = await run(partial(self._set_up, form))
        if not fire or form.is_blocked:
            return tried
        tried.fired = await self._fire(tried, run)
        verb, about = form.pressed
        if verb == "take":
            await self._take(tried, about, run)
        elif verb == "override":
            await self._override(tried, about)
        return tried

    def _set_up(self, form: Form) -> Tried:
        document = document_of(form, self.bundles)
        if form.is_another_chart:
            form.trial = _fresh(form.trial, document)
        chart = self._changed(form, document) if document else None
        self._change_orders(form, document)
        form.source = source_of(form.trial)
        if chart and chart.faults:
            form.faults["edits"] = " ".join(chart.faults)
        return Tried(form=form, chart=chart)

    def _changed(self, form: Form, document: Json) -> Chart:
        """The chart with the changes that came along, those made in its fields, and the one of the button."""
        trial = form.trial
        made = list(trial.edits)
        if form.facts and not form.is_another_chart:
            made += edits.changed(Chart(document, self.parts, form.shown_on, made), form.facts)
        form.trial = msgspec.structs.replace(trial, edits=edits.joined(_pressed(form, made)))
        form.add = form.diagnosis = ""
        return Chart(document, self.parts, trial.day, form.trial.edits)

    def _change_orders(self, form: Form, document: Json | None) -> None:
        verb, about = form.pressed
        drafts = [one for one in form.trial.drafts if not (verb == "drop" and documents.name_of(one) == about)]
        wanted = form.wish.what.strip() and HOOKS[form.trial.hook].brings_orders
        if verb == "fire" and wanted and not form.is_blocked and len(drafts) < orders.MOST:
            patient = (documents.patient_of(document) if document else form.trial.server_patient) or ""
            number = orders.free_number(drafts)
            drafts.append(self.catalogue.draft(form.wish, number, patient, form.trial.day))
            form.wish = orders.Wish("")
        form.trial = msgspec.structs.replace(form.trial, drafts=tuple(drafts))

    async def _fire(self, tried: Tried, run: Run) -> Fired:
        trial, chart = tried.form.trial, tried.chart
        service = self.service(trial)
        request = await run(partial(try_out.request, trial, chart, service.prefetch))
        body = await run(partial(_encoded, request))
        server = request.get("fhirServer")
        grant = self._app.bench_grant(server if isinstance(server, str) else None)
        started = perf_counter()
        fired = Fired(hook=trial.hook, service=service.id, request=request, response={})
        try:
            explained = await explain.explain(body, self._on(trial.day), grant, everything=False, run=run)
        except CallRefused as refused:
            fired.refusal = list(explain.refusal(refused))
            fired.response = body_of(refused)
        else:
            await run(partial(self._note, fired, explained, tried))
        answered = perf_counter()
        fired.request_faults = await run(partial(faults_in, body, "request"))
        fired.timings = {
            **(explained.timings if fired.explained else {}),
            "answer in all": answered - started,
            "hold the request against its schema": perf_counter() - answered,
        }
        return fired

    def _note(self, fired: Fired, explained: Explained, tried: Tried) -> None:
        started = perf_counter()
        trial, chart = tried.form.trial, tried.chart
        answer = spoken(explained.response, PROFILES[trial.profile]).encode()
        fired.explained = msgspec.structs.replace(
            explained, timings={**explained.timings, "write": perf_counter() - started}
        )
        fired.response = json.loads(answer)
        self._keep(fired, explained)
        fired.response_faults = faults_in(answer, "response")
        held = [*(chart.resources.values() if chart else ()), *trial.drafts]
        fired.rules = list(silence.told(self._app.ruleset, explained, held))
        fired.changes = [
            [orders.difference(trial.drafts, orders.accepted(one, trial.drafts)) for one in card.get("suggestions", ())]
            for card in fired.cards
        ]

    def _keep(self, fired: Fired, explained: Explained) -> None:
        """So that /why knows of it, too."""
        app, instance = self._app, str(fired.request.get("hookInstance", ""))
        if app.recent:
            made = Made(fired.service, fired.hook, BENCH, uuid_or_none(instance))
            app.recent.note(made, explained.decision, app.ruleset, app.settings.now())

    async def _take(self, tried: Tried, about: str, run: Run) -> None:
        """Accepts a suggestion as a client does: feedback, the actions, and the next event."""
        found = _of(tried, about)
        if found is None:
            return
        card, suggestion = found
        trial = tried.form.trial
        outcome = {"outcome": "accepted", "acceptedSuggestions": [{"id": suggestion["uuid"]}]}
        sent = await self._send(tried, card, outcome)
        after = orders.accepted(suggestion, trial.drafts)
        written = tuple(Edit("write", json.dumps(one, separators=(",", ":"))) for one in after.written)
        following = try_out.next_hook(trial.hook, after.drafts)
        hook = following if following in self.hooks else trial.hook
        gone = trial.unselected - set(after.new)
        form = tried.form
        form.trial = msgspec.structs.replace(
            trial, drafts=after.drafts, edits=(*trial.edits, *written), hook=hook, unselected=gone
        )
        form.facts, form.do = {}, ""
        again = await run(partial(self._set_up, form))
        tried.chart, tried.sent = again.chart, sent
        tried.said = f"Accepted: {suggestion['label']}. {hook} was fired next."
        tried.fired = await self._fire(tried, run)

    async def _override(self, tried: Tried, about: str) -> None:
        place, _, code = about.partition(".")
        card = _at(tried.fired.cards if tried.fired else [], place)
        reasons = card.get("overrideReasons", []) if card else []
        reason = next((one for one in reasons if one["code"] == code), None)
        if card and reason:
            told = {"reason": {"system": reason["system"], "code": code}}
            tried.sent = await self._send(tried, card, {"outcome": "overridden", "overrideReason": told})
            tried.said = f"Overridden: {reason['display']}."

    async def _send(self, tried: Tried, card: Json, outcome: Json) -> Sent:
        """Feedback through the same door as a client's, under the bench's own name."""
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        body = {"feedback": [{"card": card["uuid"], **outcome, "outcomeTimestamp": at}]}
        batch = parse_feedback(json.dumps(body).encode())
        service = self.service(tried.form.trial)
        kept = await self._app.keep(batch, service, BENCH)
        return Sent(service.id, body, card["summary"], kept)


def _pressed(form: Form, made: list[Edit]) -> list[Edit]:
    """The changes, with what the button or the fields below the chart add or take back."""
    verb, about = form.pressed
    if verb == "undo-all":
        return []
    if verb == "undo" and about.isascii() and about.isdigit() and int(about) < len(made):
        del made[int(about)]
    more = [Edit("remove", about)] if verb == "remove" else []
    more += [Edit("add", form.add)] if form.add else []
    more += [Edit("diagnose", form.diagnosis)] if form.diagnosis else []
    return [*made, *more]


def _encoded(request: Json) -> bytes:
    return json.dumps(request, ensure_ascii=False).encode("utf-8", "replace")


def _fresh(trial: Trial, document: Json | None) -> Trial:
    """The trial on another chart: without the changes made before, and with what a pasted request brings."""
    hook, drafts, unselected = try_out.taken_in(document) if document else (None, (), frozenset())
    changed = msgspec.structs.replace(trial, edits=(), hook=hook or trial.hook)
    return msgspec.structs.replace(changed, drafts=drafts, unselected=unselected) if hook else _moved(changed, document)


def _moved(trial: Trial, document: Json | None) -> Trial:
    """The same orders, for the patient of this chart."""
    patient = (documents.patient_of(document) if document else trial.server_patient) or ""
    drafts = tuple(one | {"subject": {"reference": f"Patient/{patient}"}} for one in trial.drafts)
    return msgspec.structs.replace(trial, drafts=drafts)


def _of(tried: Tried, about: str) -> tuple[Json, Json] | None:
    """The card and the suggestion at ``0.1``."""
    first, _, second = about.partition(".")
    card = _at(tried.fired.cards if tried.fired else [], first)
    suggestion = _at(card.get("suggestions", []), second) if card else None
    return (card, suggestion) if card and suggestion else None


def _at(listed: Sequence[Json], place: str) -> Json | None:
    return listed[int(place)] if place.isascii() and place.isdigit() and int(place) < len(listed) else None
