"""Finding the endpoint of an address by one dictionary lookup; the addresses of the services are known at start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from cds_service.errors import MethodNotAllowed

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Address(msgspec.Struct, frozen=True):
    """What answers at one path, by method."""

    methods: dict[str, Endpoint]
    path_params: dict[str, str] = {}


def get(endpoint: Endpoint) -> Address:
    return Address({"GET": endpoint, "HEAD": endpoint})


class ExactRoutes(BaseRoute):
    """Addresses without variable parts.

    A slash too many, as people type them into a client's settings, is overlooked rather than redirected:
    a browser may not follow a redirect of a preflighted call.
    """

    def __init__(self, addresses: Mapping[str, Address]) -> None:
        self.addresses = dict(addresses)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        path = scope["path"]
        address = self.addresses.get(path)
        if address is None:
            path = _tidied(path)
            address = self.addresses.get(path)
            if address is None:
                return Match.NONE, {}
        return Match.FULL, {"address": address, "known_path": path, "path_params": address.path_params}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods = scope["address"].methods
        endpoint = methods.get(scope["method"])
        if endpoint is None:
            raise MethodNotAllowed(methods)
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


def _tidied(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)
