"""The real service with everything that it writes watched for marks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from cds_service.record.audit import verify
from tests.calling import GONE, Answer, Call, serving
from tests.contract import read_validated
from tests.marks import MARK, kept_quiet

_PUBLIC = ("/catalogue", "/cds-services", "/Questionnaire", "/health", "/metrics", "/static")


@contextmanager
def watched(folder: Path, **environment: str) -> Iterator[Call]:
    """Keeps record and audit below the folder; in the end no mark is in them, in the metrics or in any log."""
    kept = {"CDS_RECORD": "on", "CDS_VAR": str(folder / "var"), "CDS_AUDIT": str(folder / "audit")}
    with structlog.testing.capture_logs() as lines, _standard_logs() as texts:
        with serving(**kept, **environment) as call:
            yield call
            assert MARK.lower().encode() not in call("", b"", method="GET", path="/metrics").body.lower()
        assert MARK.lower() not in json.dumps([lines, texts]).lower()
        assert [line for line in lines if line["log_level"] == "error"] == []
    for path in folder.rglob("*"):
        assert not path.is_file() or MARK.lower().encode() not in path.read_bytes().lower(), path.name
    for path in (folder / "audit").iterdir():
        assert verify(path).broken_at is None


@contextmanager
def _standard_logs() -> Iterator[list[str]]:
    texts: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    logging.root.addHandler(handler)
    before = logging.root.level
    logging.root.setLevel(logging.INFO)
    try:
        yield texts
    finally:
        logging.root.removeHandler(handler)
        logging.root.setLevel(before)


def as_promised(answer: Answer) -> Answer:
    """Below 500, quiet, and an error body wherever it is no success."""
    kept_quiet(answer)
    assert answer.status < 500, answer
    assert not [line for line in answer.lines if line["log_level"] == "error"], answer.lines
    if answer.status >= 400:
        read_validated(answer.body, "outcome")
        assert answer.headers["cache-control"] == "no-store"
    elif answer.status != GONE:
        assert answer.status in (200, 204, 304)
        assert answer.status == 200 or not answer.body
    return answer
