"""What the service is compared with: (a) how such an endpoint is usually written, (b) the least that it can cost."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cds_service.facts.queries import TEMPLATES
from cds_service.hooks.envelope import read_envelope

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

    return Starlette(routes=[Route("/cds-services/{id}", answer, methods=["POST"])])


def ceiling(check: Callable[[Scope], None] | None = None) -> ASGIApp:
    """(b) No framework, the service's own typed decode of the whole chart, a fixed card."""
    keys = frozenset(TEMPLATES)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        if check:
            check(scope)
        chunks = []
        while True:
            message = await receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        read_envelope(b"".join(chunks), keys, keys)
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _ANSWER})

    return app


def signed_ceiling() -> ASGIApp:
    """(b) after nothing but the verification of an ES384 signature."""
    jwk = json.loads(Path(os.environ["BENCH_KEYS"]).read_bytes())["keys"][0]
    key = ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), ec.SECP384R1()).public_key()
    algorithm = ec.ECDSA(hashes.SHA384())

    def check(scope: Scope) -> None:
        (bearer,) = (value for name, value in scope["headers"] if name == b"authorization")
        said, _, signature = bearer[7:].rpartition(b".")
        both = _bytes(signature)
        pair = (int.from_bytes(both[:48]), int.from_bytes(both[48:]))
        key.verify(encode_dss_signature(*pair), said, algorithm)

    return ceiling(check)


def _bytes(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text.encode()))
