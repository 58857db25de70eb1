"""What the service is compared with: (a) how such an endpoint is usually written, (b) the least that it can cost."""

from __future__ import annotations

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cds_service.hooks.envelope import read_envelope
from tests.bench.servers import PATH

_CARD = {
    "summary": "A fixed card",
    "indicator": "info",
    "detail": "What every request is answered with. " * 40,
    "source": {"label": "Bench", "url": "https://example.org/"},
}
_ANSWER = orjson.dumps({"cards": [_CARD]})
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_ANSWER)).encode())]


def bare() -> Starlette:
    """(a) Starlette, the body parsed with orjson, a fixed card."""

    async def answer(request: Request) -> Response:
        orjson.loads(await request.body())
        return Response(_ANSWER, media_type="application/json")

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])])


def ceiling() -> ASGIApp:
    """(b) No framework, the service's own typed decode, a fixed card."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        chunks = []
        while True:
            message = await receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        read_envelope(b"".join(chunks))
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _ANSWER})

    return app
