"""Responses whose headers are bytes from the start: on the hot path encoding them each time would be felt."""

from __future__ import annotations

from starlette.responses import Response

RawHeaders = list[tuple[bytes, bytes]]

JSON = b"application/json"
FHIR_JSON = b"application/fhir+json"
HTML = b"text/html; charset=utf-8"
CSS = b"text/css; charset=utf-8"
SCRIPT = b"text/javascript; charset=utf-8"
SVG = b"image/svg+xml"
NO_STORE = (b"cache-control", b"no-store")


class Written(Response):
    """A body that is bytes already."""

    def __init__(self, body: bytes, media_type: bytes = JSON, status: int = 200, headers: RawHeaders | None = None):
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *(headers or ())]


def not_modified(headers: RawHeaders) -> Response:
    """304: what the client has is still current."""
    answer = Written(b"", status=304)
    answer.raw_headers = headers
    return answer
