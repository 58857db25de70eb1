"""One JSON line per event on standard output, without patient data."""

from __future__ import annotations

import logging
from contextvars import ContextVar

import orjson
import structlog
from structlog.typing import EventDict

NOTES = "cds_service.notes"
"""Where an endpoint leaves in the scope what the log line of its call shall say besides; never patient data."""

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request under way; every line written meanwhile carries it."""


def configure(level: str) -> None:
    """Call once in each worker, before the application starts."""
    structlog.configure(
        processors=[
            _with_request_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _with_request_id(_logger: object, _method: str, event: EventDict) -> EventDict:
    # structlog's own merge of context variables walks all of them for each line.
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event["request_id"] = request_id
    return event
