"""The test bench: a chart, orders and an event in; the cards, why each rule spoke or not, and what travelled out.

The form carries the whole state; what /why tells is held for a while. It records no call, asks no memory and counts in
no figure; only feedback is kept, under the bench's own name.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from cds_service.authoring import documents
from cds_service.authoring.edits import Held
from cds_service.authoring.orders import OFTEN
from cds_service.decisions.running import at_once
from cds_service.errors import BodyTooLarge
from cds_service.hooks.hooks import HOOKS
from cds_service.record.entries import BENCH
from cds_service.web import bench_access, bench_form
from cds_service.web.answers import HTML, JSON, NO_STORE, Written
from cds_service.web.assembly import Application
from cds_service.web.bench_form import FIRST, ON_SERVER, PASTED, Form
from cds_service.web.bench_trial import Bench, Tried
from cds_service.web.bodies import read_form_body
from cds_service.web.json_lines import lines
from cds_service.web.pages import Site, page_headers, templates
from cds_service.web.routes import Address

PATH = "/bench"
CLIENTS = {
    "default": "CDS Hooks 2.0 client",
    "epic": "Epic-like client",
    "sandbox": "Sandbox-like client",
    "v1": "CDS Hooks 1.0 client",
}
_KINDS = {
    "Patient": "Patient",
    "Condition": "Diagnoses",
    "Observation": "Results",
    "MedicationRequest": "Medication",
    "MedicationStatement": "Medication by the patient's own account",
    "QuestionnaireResponse": "Answers",
    "Procedure": "Procedures",
    "ServiceRequest": "Orders and referrals",
    "AllergyIntolerance": "Allergies",
    "Encounter": "Visits",
}
"""What the parts of a chart are called, in the order in which they are shown; the others come last."""
_MOST_FIELDS = 5_000
_MOST_LINES = 3_000
_MOST_HELD = 400
# Not "no-referrer": under it a browser would not say that the form comes from here.
_HEADERS = page_headers(script=True, form=True, kept=False, referrer=b"same-origin")


def addresses(service: Application, site: Site) -> Mapping[str, Address]:
    """The bench, where it is switched on."""
    if not bench_access.is_on(service.settings):
        return {}
    page = _Page(Bench(service), site)
    return {PATH: Address({"GET": page.show, "HEAD": page.show, "POST": page.press})}


class _Page:
    def __init__(self, bench: Bench, site: Site) -> None:
        self._bench = bench
        self._site = site

    async def show(self, request: Request) -> Response:
        """GET /bench: as it is opened, or what a link sets up; by itself it asks no FHIR server and presses nothing."""
        settings = self._site.settings
        bench_access.admit(request, settings)
        asked = request.query_params.multi_items()
        form = bench_form.read(asked or FIRST, settings.today(), self._bench.hooks)
        form.do = ""
        with request.app.state.capacity.taken_by(BENCH):
            tried = await self._bench.press(form, at_once, fire=bool(asked and form.trial.patient))
            return await self._answer(tried)

    async def press(self, request: Request) -> Response:
        """POST /bench: the form as it was changed, with what the pressed button is to do."""
        settings = self._site.settings
        bench_access.admit(request, settings)
        service: Application = request.app.state.service
        with request.app.state.capacity.taken_by(BENCH):
            body = await read_form_body(request, settings.max_body_bytes)
            async with service.long_bodies.turn(body) as run:
                form = await run(partial(self._read, body))
                tried = await self._bench.press(form, run)
                verb, about = form.pressed
                if verb == "save" and tried.fired:
                    return _saved(tried.fired.request)
                if verb == "show":
                    form.showing = about
                return await self._answer(tried)

    def _read(self, body: bytes) -> Form:
        text = body.decode("utf-8", "replace")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError:
            raise BodyTooLarge from None
        return bench_form.read(pairs, self._site.settings.today(), self._bench.hooks)

    async def _answer(self, tried: Tried) -> Response:
        # Beside the event loop: a page takes some milliseconds to be drawn.
        return Written(await asyncio.to_thread(self._drawn, tried), HTML, headers=_HEADERS)

    def _drawn(self, tried: Tried) -> bytes:
        return templates().get_template("bench.html").render(**self._names(tried)).encode("utf-8", "replace")

    def _names(self, tried: Tried) -> dict[str, object]:
        form, fired, trial = tried.form, tried.fired, tried.form.trial
        link = bench_form.link(trial)
        held = list(tried.chart.held()) if tried.chart else []
        return {
            "site": self._site,
            "form": form,
            "trial": trial,
            "tried": tried,
            "fired": fired,
            "held": _grouped(islice(held, _MOST_HELD)),
            "left_out": max(0, len(held) - _MOST_HELD),
            "drafts": [(documents.name_of(one), one) for one in trial.drafts],
            "drafts_text": form.orders_text or (_indented(trial.drafts) if trial.drafts else ""),
            "patients": self._bench.patients,
            "catalogue": self._bench.catalogue,
            "addable": self._bench.addable,
            "often": OFTEN,
            "hooks": self._bench.hooks,
            "hook": HOOKS[trial.hook],
            "clients": CLIENTS,
            "pasted": PASTED,
            "on_server": ON_SERVER,
            "link": f"{self._site.settings.public_url}{link}" if link else "",
            "response_lines": lines(fired.response, fired.response_faults)[:_MOST_LINES] if fired else [],
            "request_lines": self._request_lines(tried),
            "curl": self._curl(tried) if form.showing == "curl" else "",
        }

    def _request_lines(self, tried: Tried) -> list[Any]:
        fired = tried.fired
        shown = fired and (tried.form.showing == "request" or fired.request_faults)
        return lines(fired.request, fired.request_faults)[:_MOST_LINES] if fired and shown else []

    def _curl(self, tried: Tried) -> str:
        if not tried.fired:
            return ""
        body = json.dumps(tried.fired.request, ensure_ascii=False)
        url = f"{self._site.settings.public_url}/cds-services/{tried.fired.service}"
        return f"curl -s -H 'Content-Type: application/json' --data {shlex.quote(body)} {shlex.quote(url)}"


def _grouped(held: Iterable[Held]) -> list[tuple[str, list[Held]]]:
    """The facts by kind, each under its title."""
    groups: dict[str, list[Held]] = {kind: [] for kind in _KINDS}
    for one in held:
        groups.setdefault(one.kind, []).append(one)
    return [(_KINDS.get(kind, kind), listed) for kind, listed in groups.items() if listed]


def _indented(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1)


def _saved(request: Mapping[str, object]) -> Response:
    body = _indented(request).encode("utf-8", "replace")
    named = (b"content-disposition", b'attachment; filename="hook-request.json"')
    return Written(body, JSON, headers=[NO_STORE, named])
