"""Reading a request's body: JSON only, no larger than allowed, and within a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from cds_service.errors import BodyTooLarge, BodyTooSlow, MediaTypeRefused

BODY_SECONDS = 10.0
"""The server does not limit how long a body may take to arrive, so we do."""

READ = "cds_service.body_read"
"""In the scope of a request whose body was read to its end."""

_DIGITS = 20


async def read_json_body(request: Request, most: int, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body, of at most ``most`` bytes."""
    return await _read(request, most, seconds, _is_json)


async def read_form_body(request: Request, most: int) -> bytes:
    """The whole body of a form as a browser sends it, of at most ``most`` bytes."""
    return await _read(request, most, BODY_SECONDS, _is_form)


async def _read(request: Request, most: int, seconds: float, is_taken: Callable[[bytes], bool]) -> bytes:
    length = _declared_length(request, is_taken)
    if length > most:
        raise BodyTooLarge
    try:
        async with asyncio.timeout(seconds):
            return await _receive(request, most)
    except TimeoutError:
        raise BodyTooSlow from None


async def _receive(request: Request, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise BodyTooLarge
        chunks.append(chunk)
        more = message.get("more_body", False)
    request.scope[READ] = True
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _declared_length(request: Request, is_taken: Callable[[bytes], bool]) -> int:
    """The length the client announced, 0 if it did not; refuses what is announced as anything else than is taken.

    Of many digits the first will do: Python refuses to read thousands, and what arrives is counted all the same.
    """
    length = 0
    for name, value in request.scope["headers"]:
        if name == b"content-length":
            length = int(value[:_DIGITS]) if value.isdigit() else 0
        elif (name == b"content-type" and not is_taken(value)) or (
            name == b"content-encoding" and value.lower() != b"identity"
        ):
            raise MediaTypeRefused
    return length


def _is_form(media_type: bytes) -> bool:
    return media_type.partition(b";")[0].strip().lower() == b"application/x-www-form-urlencoded"


def _is_json(media_type: bytes) -> bool:
    """Without any media type the body is taken for JSON; this is asked only when there is one."""
    if media_type == b"application/json":
        return True
    kind = media_type.partition(b";")[0].strip().lower()
    return kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))
