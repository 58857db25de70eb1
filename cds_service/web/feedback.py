"""What clinicians did with the cards, as clients report it."""

from __future__ import annotations

from collections import Counter

from starlette.requests import Request
from starlette.responses import Response

from cds_service.hooks.feedback import FeedbackBatch, parse_feedback
from cds_service.web.answers import NO_STORE, Written
from cds_service.web.assembly import Application
from cds_service.web.bodies import read_json_body
from cds_service.web.logs import NOTES, uuid_or_none

_MOST_CARDS_NAMED = 50


async def take(request: Request) -> Response:
    """POST /cds-services/{id}/feedback: answered once it is kept, whatever the service's own cards are by now."""
    app: Application = request.app.state.service
    service = app.services[request.path_params["id"]]
    notes = request.scope[NOTES]
    notes.update(kind="feedback", service=service.id, hook=service.hook)
    caller = await app.authenticate(request)
    notes.update(caller.told)
    with request.app.state.capacity.taken_by(caller.name):
        report = parse_feedback(await read_json_body(request, app.settings.max_body_bytes))
        notes.update(Counter(entry.outcome for entry in report.entries), unusable=report.unusable)
        notes.update(reasons=app.reasons(report), uuids=_uuids(report))
        await app.take(report, service, caller)
    return Written(b"{}", headers=[NO_STORE])


def _uuids(report: FeedbackBatch) -> list[str]:
    """The cards that are spoken of, as far as they may be ours; of a long batch the first."""
    found = (uuid_or_none(entry.card) for entry in report.entries[:_MOST_CARDS_NAMED])
    return [uuid for uuid in found if uuid]
