"""Every answer other than 2xx: an OperationOutcome that repeats nothing of the request."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cds_service.errors import BodyTooLarge, CallRefused, DataMissing, MethodNotAllowed, NotFound
from cds_service.web.answers import NO_STORE, Written
from cds_service.web.bodies import READ
from cds_service.web.logs import NOTES


def problem(refusal: CallRefused, diagnostics: str | None = None) -> Response:
    """The refusal as an answer; ``diagnostics`` may hold the request id and nothing else."""
    body = msgspec.json.encode(body_of(refusal, diagnostics))
    own = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    return Written(body, status=refusal.status, headers=[NO_STORE, *own])


def body_of(refusal: CallRefused, diagnostics: str | None = None) -> dict[str, Any]:
    """The OperationOutcome that says it."""
    issue: dict[str, Any] = {"severity": "error", "code": refusal.code, "details": {"text": refusal.text}}
    if diagnostics:
        issue["diagnostics"] = diagnostics
    if refusal.expression:
        issue["expression"] = refusal.expression
    return {"resourceType": "OperationOutcome", "issue": [issue]}


async def on_refusal(request: Request, refusal: Exception) -> Response:
    """A refusal of ours; which data were missing, and why, goes into the log."""
    if not isinstance(refusal, CallRefused):
        raise refusal
    if isinstance(refusal, DataMissing) and refusal.reasons:
        request.scope[NOTES]["unavailable"] = refusal.reasons
    answer = problem(refusal)
    if request.method == "POST" and READ not in request.scope and "Connection" not in refusal.headers:
        # Nobody is going to read the rest of the body, however slowly it comes.
        answer.raw_headers.append((b"connection", b"close"))
    return answer


async def on_http_exception(_: Request, exception: Exception) -> Response:
    """What Starlette refuses by itself: an unknown address, a wrong method, too large a body."""
    if not isinstance(exception, HTTPException):
        raise exception
    if exception.status_code == MethodNotAllowed.status:
        allowed = (exception.headers or {}).get("Allow", "")
        return problem(MethodNotAllowed(allowed.split(", ")))
    return problem(BodyTooLarge() if exception.status_code == BodyTooLarge.status else NotFound())
