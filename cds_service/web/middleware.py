"""What holds for every answer, whatever it is: cross-origin headers, a line in the log, and no fault unanswered.

Pure ASGI, and inside Starlette's own error handler: an error that passed this point would leave without the
cross-origin headers, and a browser would show it as a failure of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds_service.errors import OnlyOnThisMachine, UnforeseenFault
from cds_service.fhir_client.trace import TRACE, UNTOLD, Span, Trace, call_span
from cds_service.settings import is_loopback
from cds_service.web.answers import RawHeaders
from cds_service.web.logs import NOTES, REQUEST_ID, random_or_none, traced
from cds_service.web.problems import problem

Observe = Callable[[Mapping[str, Any], float], None]
"""Is told of every call: the line that is written of it, and its seconds."""

_LOG = structlog.get_logger()
_CLIENT_GONE = 499
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_OF_PROXIES = frozenset({b"forwarded", b"via", b"x-real-ip"})
_TRACED = ("kind", "service", "hook", "caller", "status", "cards")
_MOST_HOSTS = 64
_PREFLIGHT: RawHeaders = [
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type"),
    (b"access-control-max-age", b"600"),
    (b"allow", b"GET, POST, OPTIONS"),
    (b"content-length", b"0"),
]
_PRIVATE_NETWORK = (b"access-control-allow-private-network", b"true")
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_HSTS = (b"strict-transport-security", b"max-age=31536000")


class CallMiddleware:
    """``origins`` None lets any page of any browser on this machine call, and no one else: that is open mode.

    Credentials are never allowed.
    """

    def __init__(self, app: ASGIApp, *, origins: frozenset[str] | None, observe: Observe, https: bool = False) -> None:
        self.app = app
        self.origins = origins
        self.observe = observe
        self.always: RawHeaders = [_NOSNIFF, _HSTS] if https else [_NOSNIFF]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        TRACE.set(Trace.of(scope["headers"]))
        with call_span() if _is_call(scope) else UNTOLD as span:
            await self._answer(scope, receive, send, span)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        started = perf_counter()
        request_id = _given_id(scope) or os.urandom(8).hex()
        REQUEST_ID.set(request_id)
        scope[NOTES] = {}
        shared = [*self.always, *self._cross_origin(scope), (b"x-request-id", request_id.encode())]
        status = _CLIENT_GONE

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *shared]
            await send(message)

        try:
            if self.origins is None and _comes_from_elsewhere(scope):
                await problem(OnlyOnThisMachine())(scope, receive, send_with_headers)
            elif scope["method"] == "OPTIONS":
                await self._preflight(scope, send_with_headers)
            else:
                await self.app(scope, receive, send_with_headers)
        except ClientDisconnect:
            pass
        except Exception as fault:
            _LOG.error("fault", **traced(fault))
            if status != _CLIENT_GONE:
                raise
            await problem(UnforeseenFault(), f"request {request_id}")(scope, receive, send_with_headers)
        finally:
            seconds = perf_counter() - started
            # Path and method may hold anything; only those that we know are written down.
            method = scope["method"] if scope["method"] in _METHODS else None
            line = {"path": scope.get("known_path"), "method": method, "status": status, **scope[NOTES]}
            span.note_of(line, _TRACED)
            line["ms"] = round(seconds * 1000, 2)
            _log(line)
            self.observe({"request_id": request_id, **line}, seconds)

    def _cross_origin(self, scope: Scope) -> RawHeaders:
        if self.origins is None:
            return [(b"access-control-allow-origin", b"*")]
        origin = Headers(scope=scope).get("origin")
        if origin not in self.origins:
            return [(b"vary", b"Origin")]
        return [(b"access-control-allow-origin", origin.encode()), (b"vary", b"Origin")]

    async def _preflight(self, scope: Scope, send: Send) -> None:
        headers = list(_PREFLIGHT)
        if self.origins is None and "access-control-request-private-network" in Headers(scope=scope):
            headers.append(_PRIVATE_NETWORK)
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _is_call(scope: Scope) -> bool:
    return scope["method"] == "POST" and str(scope["path"]).startswith("/cds-services/")


def _given_id(scope: Scope) -> str | None:
    """The caller's own number of the request, by which it finds the call in its log and in ours."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
    return random_or_none(given.decode("latin-1")) if given else None


def _comes_from_elsewhere(scope: Scope) -> bool:
    """Whether another name than this machine's own was asked, as through a rebound name, or a proxy passed it on."""
    hosts = (value for name, value in scope["headers"] if name == b"host")
    return came_through_proxy(scope) or not all(map(_is_here, hosts))


def came_through_proxy(scope: Scope) -> bool:
    """Whether a proxy passed the request on and says so."""
    return any(name in _OF_PROXIES or name.startswith(b"x-forwarded-") for name, _ in scope["headers"])


@lru_cache(_MOST_HOSTS)
def _is_here(host: bytes) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host.decode('ascii')}").hostname or "")
    except ValueError:
        return False


def _log(line: Mapping[str, Any]) -> None:
    of_interest = line["status"] >= 400 or (line["path"] or "").startswith("/cds-services")
    write = _LOG.info if of_interest else _LOG.debug
    write("call", **line)
