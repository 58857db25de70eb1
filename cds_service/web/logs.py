"""One JSON line per event on standard output, without patient data."""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
import warnings
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from starlette.requests import Request
from structlog.typing import EventDict

from cds_service.errors import FaultsFound
from cds_service.fhir_client.trace import TRACE

NOTES = "cds_service.notes"
"""Where an endpoint leaves in the scope what the line of its call shall say besides; never patient data."""

_UUID = re.compile(r"(urn:uuid:)?([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_RANDOM = re.compile(r"[0-9a-fA-F-]{16,64}")

_FRAMES = 8
_SPOKEN = "uvicorn"
"""The library whose words are taken over: they are its own, and those of others may quote what they read."""
_LOG = structlog.get_logger()

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request under way; every line written meanwhile carries it."""


def note(request: Request, **said: object) -> None:
    """Adds to the line of the call."""
    request.scope[NOTES].update(said)


def uuid_or_none(text: str) -> str | None:
    """An identifier that a client sent, if it is a UUID; anything else may hold anything."""
    found = _UUID.fullmatch(text)
    return found[2].lower() if found else None


def random_or_none(text: str) -> str | None:
    """The id of a token or a call, if it is digits as clients draw them; anything else may hold anything."""
    return text if _RANDOM.fullmatch(text) else None


def configure(level: str) -> None:
    """Call once in each worker, before the application starts."""
    structlog.configure(
        processors=[_line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )


def speak_json() -> None:
    """Lets everything else that would be written be a line too: of libraries, warnings, faults of the interpreter.

    Call once in each process that serves.
    """
    root = logging.getLogger()
    root.handlers = [_Lines()]
    root.setLevel(logging.WARNING)
    logging.getLogger(_SPOKEN).setLevel(logging.INFO)
    warnings.showwarning = _warned
    sys.excepthook = _unforeseen
    sys.unraisablehook = lambda told: _unforeseen(told.exc_type, told.exc_value, told.exc_traceback)
    threading.excepthook = lambda told: _unforeseen(told.exc_type, told.exc_value, told.exc_traceback)


class _Lines(logging.Handler):
    """What a library logs."""

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[1] if record.exc_info else None
        told = traced(fault) if fault else {}
        if record.name.startswith(_SPOKEN):
            told["said"] = record.getMessage().strip()
        else:
            told["at"] = f"{record.pathname}:{record.lineno}"
        _LOG.log(min(record.levelno, logging.CRITICAL), "library", logger=record.name, **told)


def _warned(
    message: Warning | str,  # noqa: ARG001  # may quote what was read
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001  # the interface has it
    line: str | None = None,  # noqa: ARG001
) -> None:
    _LOG.warning("warning", kind=category.__name__, at=f"{filename}:{lineno}")


def _unforeseen(kind: type[BaseException], fault: BaseException | None, _: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        _LOG.critical("fault", **(traced(fault) if fault else {"kind": kind.__name__}))


def traced(fault: BaseException) -> dict[str, Any]:
    """What it is and where it happened, without the message: messages of parsers quote what they read."""
    frames = traceback.extract_tb(fault.__traceback__)[-_FRAMES:]
    told: dict[str, Any] = {"kind": type(fault).__name__}
    if isinstance(fault, FaultsFound):
        told["faults"] = fault.faults
    return {**told, "frames": [f"{frame.filename}:{frame.lineno}" for frame in frames]}


def _line(_logger: object, method: str, event: EventDict) -> bytes:
    # In place of structlog's own processors: together they take longer than all else that writes the line.
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event["request_id"] = request_id
    trace = TRACE.get()
    if trace is not None:
        event["trace_id"], event["span_id"] = trace.trace_id, trace.span
    event["level"] = method
    event["timestamp"] = datetime.now(UTC)
    return orjson.dumps(event, default=repr, option=orjson.OPT_UTC_Z)
