"""Calls to FHIR servers; the module that knows httpx.

A server may be slow, wrong or hostile: every call ends in a reply or a short reason, and its connection is then
either fit for use or gone. The pool of httpx 0.28 keeps a connection for ever when a call is cancelled while it
connects or closes (encode/httpcore #1093), so a call is only ever cancelled in between.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import sys
import zlib
from collections.abc import Iterable, Mapping
from http.cookiejar import DefaultCookiePolicy
from importlib.util import find_spec
from typing import Any

import anyio
import anyio.lowlevel
import anyio.streams.tls
import httpcore
import httpx

from cds_service.fhir import elements as fhir
from cds_service.fhir.sources import FhirQuery, Source
from cds_service.fhir.transactions import fault_in
from cds_service.fhir_client.egress import Resolver
from cds_service.fhir_client.fetch import ByteBudget, Fetch, FhirReply, FhirRequest
from cds_service.fhir_client.heads import HeadTooLong
from cds_service.fhir_client.target import Bounds, Deadline, Target
from cds_service.fhir_client.tls import trusted
from cds_service.fhir_client.trace import TRACE, span
from cds_service.fhir_client.transport import BoundedNetwork, BoundedTransport, give_way, unpacking

_HEADERS = {
    "Accept": "application/fhir+json",
    "Accept-Encoding": "gzip",
    # Some servers answer a search that they have answered before from memory, for a minute: an order of a minute ago.
    "Cache-Control": "no-cache",
    "User-Agent": "rbd-cds",
}
_CLOSING_SECONDS = 1.0
_UPLOAD_SECONDS = 60.0
_ADDRESSES = 3

_LOADED = (anyio.connect_tcp, anyio.streams.tls)
"""Parts of anyio that load when they are first named, and so would within the first call's deadline."""

if find_spec("sniffio") is None:
    # httpcore tries this import five times a call, and one that fails is searched for anew: a third of a call's cost.
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # Python's own way to say that there is none

for _name in ("httpx", "httpcore"):
    # Their lines hold addresses, and those hold patients.
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class FhirClient:
    """One for the whole process: its connections are kept and shared."""

    def __init__(self, resolver: Resolver, bounds: Bounds) -> None:
        self._bounds = bounds
        self._http = httpx.AsyncClient(
            transport=BoundedTransport(_CheckedNetwork(resolver)), trust_env=False, follow_redirects=False
        )
        # What one user's answers set must not go along with another user's questions.
        self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._under_way: set[asyncio.Task[FhirReply]] = set()

    async def ready(self) -> None:
        """Loads anyio's half of the event loop, which the first connection would load otherwise."""
        await anyio.lowlevel.checkpoint()

    async def fetch(
        self, target: Target, queries: Mapping[str, FhirQuery], held: Iterable[fhir.Resource], deadline: Deadline
    ) -> dict[str, Source]:
        """The answers as they stand at the deadline at the latest; see :meth:`FhirAccess.fetch`."""
        return await Fetch(self.ask, target, self._bounds, deadline).run(queries, held)

    async def ask(self, request: FhirRequest, budget: ByteBudget, deadline: Deadline) -> FhirReply:
        """One call; whoever waits for it may be cancelled at any moment."""
        slots = self._slots.setdefault(request.origin, asyncio.Semaphore(self._bounds.calls))
        call = _Call(self._http, slots, request, budget, deadline)
        task = asyncio.create_task(call.run())
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            call.give_up(task)
            raise

    async def aclose(self) -> None:
        """Waits a moment for calls that were given up: they end by themselves."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_CLOSING_SECONDS)
        for task in self._under_way:
            task.cancel()
        await self._http.aclose()

    def _ended(self, task: asyncio.Task[FhirReply]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()


async def post_bundle(server: str, bundle: bytes) -> str | None:
    """Posts a transaction to a server that a person has named; why it was not done as a whole, or None."""
    headers = {"Accept": _HEADERS["Accept"], "Content-Type": _HEADERS["Accept"]}
    try:
        async with httpx.AsyncClient(verify=trusted(), trust_env=False, timeout=_UPLOAD_SECONDS) as http:
            answer = await http.post(server, content=bundle, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        return f"the server could not be reached ({type(fault).__name__})"
    return fault_in(answer.content, bundle) if answer.is_success else f"the server answered {answer.status_code}"


class _TooLate(Exception):
    """Raised inside the HTTP library, at the first point where a call that nobody waits for may end."""


class _Phase(enum.Enum):
    WAITING = enum.auto()
    CONNECTING = enum.auto()
    TALKING = enum.auto()
    CLOSING = enum.auto()


_PHASES = {
    "http11.send_request_headers.started": _Phase.TALKING,
    "http11.response_closed.started": _Phase.CLOSING,
}
"""The events of httpcore at which one phase ends and the next begins."""


class _Call:
    """One request to one server, in a slot among the calls to it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        slots: asyncio.Semaphore,
        asked: FhirRequest,
        budget: ByteBudget,
        deadline: Deadline,
    ) -> None:
        self._http, self._slots, self._asked, self._budget, self._deadline = http, slots, asked, budget, deadline
        self._phase = _Phase.WAITING
        self._given_up = False

    async def run(self) -> FhirReply:
        with span("fhir request", asks=True, method=self._method) as told:
            async with self._slots:
                reply = await self._attempt()
                if reply is None and not self._given_up:
                    # A kept connection that the server had closed meanwhile breaks like this: ask once more.
                    reply = await self._attempt()
            reply = reply or FhirReply(why="no connection")
            told.note(status=reply.status, bytes=len(reply.body), outcome=reply.why or "answered")
            return reply

    @property
    def _method(self) -> str:
        return "GET" if self._asked.form is None else "POST"

    def give_up(self, task: asyncio.Task[FhirReply]) -> None:
        """Ends the call now where that is safe, else as soon as it is."""
        self._given_up = True
        if self._phase in (_Phase.WAITING, _Phase.TALKING):
            task.cancel()

    async def _attempt(self) -> FhirReply | None:
        """The reply; None when the connection broke."""
        if self._deadline.remaining <= 0:
            return FhirReply(why="not in time")
        self._phase = _Phase.CONNECTING
        try:
            return await self._exchange()
        except (httpx.TimeoutException, _TooLate):
            return FhirReply(why="not in time")
        except HeadTooLong:
            return FhirReply(why="answer unreadable")
        except httpx.ConnectError:
            return FhirReply(why="no connection")
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return None

    async def _exchange(self) -> FhirReply:
        response = await self._http.send(self._request(), stream=True)
        self._phase = _Phase.TALKING
        try:
            if self._given_up:
                raise _TooLate
            return await self._read(response)
        finally:
            self._phase = _Phase.CLOSING
            await response.aclose()

    def _request(self) -> httpx.Request:
        asked, seconds = self._asked, max(self._deadline.remaining, 0)
        headers = dict(_HEADERS)
        trace = TRACE.get()
        if trace is not None:
            headers |= trace.headers
        if asked.token is not None:
            headers["Authorization"] = f"Bearer {asked.token}"
        if asked.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        # Connecting ends well before the deadline, as it cannot be cancelled.
        timeouts = {"connect": seconds / 2, "pool": seconds / 4, "read": seconds, "write": seconds}
        extensions: dict[str, Any] = {"timeout": timeouts, "trace": self._on_event}
        return httpx.Request(self._method, asked.url, headers=headers, content=asked.form, extensions=extensions)

    async def _on_event(self, event: str, _: Mapping[str, Any]) -> None:
        phase = _PHASES.get(event)
        if phase is None:
            return
        self._phase = phase
        if phase is _Phase.TALKING and self._given_up:
            raise _TooLate

    async def _read(self, response: httpx.Response) -> FhirReply:
        """The body where it is of use, of no more than the budget allows, however small it was packed."""
        status, headers = response.status_code, response.headers
        if not response.is_success:
            return FhirReply(status)
        unpack = unpacking(headers.get("content-encoding", "identity"))
        if unpack is None or any(kind in headers.get("content-type", "") for kind in ("html", "xml")):
            return FhirReply(status, why="answer unreadable")
        chunks: list[bytes] = []
        size = 0
        # `response.stream` rather than `aiter_raw()`: that closes by itself, at a moment of its own.
        async for packed in response.stream:  # type: ignore[union-attr]  # an asynchronous client's is one
            most = self._budget.remaining(size)
            try:
                chunk = unpack(packed, most + 1)
            except zlib.error:
                return FhirReply(status, why="answer unreadable")
            if len(chunk) > most:
                return FhirReply(status, why="answer too large")
            self._budget.fill(len(chunk))
            size += len(chunk)
            chunks.append(chunk)
            await give_way(len(chunks))
        return FhirReply(status, b"".join(chunks))


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects names at the addresses that the resolver lets pass; TLS still checks the name."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._network = BoundedNetwork()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the interface has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        deadline = Deadline(timeout or 0)
        try:
            async with asyncio.timeout(timeout):
                addresses = (await self._resolver.addresses(host))[:_ADDRESSES]
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        failure: Exception = httpcore.ConnectError("no address that may be connected")
        for tried, address in enumerate(addresses):
            share = deadline.remaining / (len(addresses) - tried)
            try:
                return await self._network.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refusal:
                failure = refusal
        raise failure
