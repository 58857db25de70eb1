"""The endpoints of CDS Hooks and of health."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from time import perf_counter

from starlette.requests import Request
from starlette.responses import Response

from cds_service.decisions.sources import Asked
from cds_service.errors import NotReady
from cds_service.fhir_client.trace import span
from cds_service.hooks.services import Discovery
from cds_service.web.answers import JSON, NO_STORE, RawHeaders, Written, not_modified
from cds_service.web.assembly import Application
from cds_service.web.bodies import read_json_body
from cds_service.web.callers import HookAnswer
from cds_service.web.logs import note, uuid_or_none
from cds_service.web.routes import Endpoint


async def call(request: Request) -> Response:
    """POST /cds-services/{id}: one hook, answered."""
    app: Application = request.app.state.service
    service = app.services[request.path_params["id"]]
    note(request, kind="hook", service=service.id, hook=service.hook)
    caller = await app.authenticate(request)
    note(request, **caller.told)
    with request.app.state.capacity.taken_by(caller.name):
        body = await read_json_body(request, app.settings.max_body_bytes)
        async with app.long_bodies.turn(body) as run:
            started = perf_counter()
            with span("open", bytes=len(body)):
                opened = await run(partial(app.open, body, service))
            parsed = perf_counter() - started
            note(request, instance=uuid_or_none(opened.hook.hook_instance))
            asked = Asked()
            try:
                answer = await app.answer(opened, service, caller, asked, run)
            finally:
                note(request, prefetch=opened.hook.prefetch.states(), **asked.told)
    return _written(request, answer, {"parse": parsed, **answer.timings})


def _written(request: Request, answer: HookAnswer, timings: Mapping[str, float]) -> Response:
    milliseconds = {name: seconds * 1000 for name, seconds in timings.items()}
    note(request, phases={name: round(spent, 2) for name, spent in milliseconds.items()}, **answer.outcomes)
    parts = ", ".join(f"{name};dur={spent:.2f}" for name, spent in milliseconds.items())
    return Written(answer.response.encode(), headers=[NO_STORE, (b"server-timing", parts.encode())])


def discovery(offered: Callable[[str | None], Discovery]) -> Endpoint:
    """GET /cds-services: open to all; it holds no patient data, and clients ask for it before they hold a token.

    ``offered`` gives what a client is offered by its name, or what anyone is.
    """
    send = _unless_known(offered(None).encode(), JSON)

    async def answer(request: Request) -> Response:
        app: Application = request.app.state.service
        if app.settings.discovery == "token":
            caller = await app.authenticate(request)
            return Written(offered(caller.name).encode(), headers=[NO_STORE])
        return send(request)

    return answer


def document(body: bytes, media_type: bytes = JSON, seconds: int = 300) -> Endpoint:
    """A document that is open to all, which a client may keep so long: the screening form, the stylesheet."""
    send = _unless_known(body, media_type, seconds)

    async def answer(request: Request) -> Response:
        return send(request)

    return answer


def made_document(make: Callable[[], bytes], media_type: bytes) -> Endpoint:
    """A document that is made when it is first asked for."""
    send = cache(lambda: _unless_known(make(), media_type))

    async def answer(request: Request) -> Response:
        return send()(request)

    return answer


def _unless_known(body: bytes, media_type: bytes, seconds: int = 300) -> Callable[[Request], Response]:
    """A document that does not change while the service runs, sent to those who do not hold it yet."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers: RawHeaders = [(b"etag", etag.encode()), (b"cache-control", b"public, max-age=%d" % seconds)]

    def send(request: Request) -> Response:
        known = request.headers.get("if-none-match", "").replace("W/", "").split(",")
        if etag in map(str.strip, known) or "*" in known:
            return not_modified(headers)
        return Written(body, media_type, headers=headers)

    return send


async def live(_: Request) -> Response:
    """GET /health/live: the process answers."""
    return Written(b'{"status":"ok"}', headers=[NO_STORE])


async def ready(request: Request) -> Response:
    """GET /health/ready: the content is loaded, calls can be answered, and what comes of them is recorded."""
    if not request.app.state.ready:
        raise NotReady
    app: Application = request.app.state.service
    if not app.records:
        raise NotReady("The record cannot be written; the log says why.")
    return Written(json.dumps({"status": "ok", **app.build}).encode(), headers=[NO_STORE])
