"""What clinicians did with the cards, as clients report it."""

from __future__ import annotations

from collections import Counter

from starlette.requests import Request
from starlette.responses import Response

from cds_service.hooks.feedback import FeedbackBatch, parse_feedback
from cds_service.web.answers import NO_STORE, Written
from cds_service.web.assembly import Application
from cds_service.web.bodies import read_json_body
from cds_service.web.logs import note, uuid_or_none

_MOST_CARDS_NAMED = 50


async def take(request: Request) -> Response:
    """POST /cds-services/{id}/feedback: answered once it is kept, whatever the service's own cards are by now."""
    app: Application = request.app.state.service
    service = app.services[request.path_params["id"]]
    note(request, kind="feedback", service=service.id, hook=service.hook)
    caller = await app.authenticate(request)
    note(request, **caller.told)
    with request.app.state.capacity.taken_by(caller.name):
        batch = parse_feedback(await read_json_body(request, app.settings.max_body_bytes))
        note(request, **Counter[str](entry.outcome for entry in batch.entries), unusable=batch.unusable)
        note(request, reasons=app.reasons(batch), uuids=_uuids(batch))
        await app.take(batch, service, caller)
    return Written(b"{}", headers=[NO_STORE])


def _uuids(batch: FeedbackBatch) -> list[str]:
    """The cards that are spoken of, as far as they may be ours; of a long batch the first."""
    named = (uuid_or_none(entry.card) for entry in batch.entries[:_MOST_CARDS_NAMED])
    return [uuid for uuid in named if uuid]
