"""What clinicians did with the cards, as clients report it."""

from __future__ import annotations

from collections import Counter

from starlette.requests import Request
from starlette.responses import Response

from cds_service.hooks.feedback import parse_feedback
from cds_service.web.answers import NO_STORE, Written
from cds_service.web.assembled import Assembled
from cds_service.web.bodies import read_json_body
from cds_service.web.logs import NOTES


async def take(request: Request) -> Response:
    """POST /cds-services/{id}/feedback: answered once it is kept, whatever the service's own cards are by now."""
    app: Assembled = request.app.state.service
    caller = await app.authenticate(request)
    service = app.services[request.path_params["id"]]
    report = parse_feedback(await read_json_body(request, app.settings.max_body_bytes))
    outcomes = dict(Counter(entry.outcome for entry in report.entries))
    notes = {"service": service.id, "caller": caller.name, "unusable": report.unusable}
    request.scope[NOTES].update(notes | outcomes)
    await app.take(report, service, caller)
    return Written(b"{}", headers=[NO_STORE])
