"""One request's fetching: every query with its further pages, and what the resources refer to, under one deadline.

What has come is written down as it comes, so that at the deadline nothing needs to be waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from cds_service.errors import OtherRelease
from cds_service.fhir import elements as fhir
from cds_service.fhir.decoding import LenientReader, has_endless_number, read_value
from cds_service.fhir.sources import (
    NOT_SENT,
    Answer,
    FhirQuery,
    Reading,
    Source,
    matches_in,
    next_page,
    other_release,
    read_source,
)
from cds_service.fhir_client.references import REFERRING, unresolved
from cds_service.fhir_client.target import PAGE_SIZE, REFERENCES, Bounds, Deadline, Target, Why

_NO_GET = frozenset({405, 414, 431, 501})
_NOT_THERE = frozenset({404, 410})
_PERHAPS_TOO_LONG = frozenset({404, 414, 431})
"""What servers say of an address that is too long; some web servers call it not found."""
_NO_SEARCH = frozenset({400, 403, 405, 501}) | _PERHAPS_TOO_LONG
"""What servers say that do not search a type by id; most of them read it."""
_LONG_URL = 1_500
_SHORT_URL = 500
_IDS_IN_ONE = 100
_COUNT = f"&_count={PAGE_SIZE}"
_LENIENT_SECONDS = 0.05
_SECONDS_PER_BYTE = 3e-8
"""What reading leniently costs at worst."""


class FhirRequest(msgspec.Struct, frozen=True):
    """What is asked of a server; a search by POST has its query in ``form``."""

    origin: str
    url: str
    token: str | None = None
    form: bytes | None = None

    def __repr__(self) -> str:
        return f"FhirRequest({self.origin!r})"


class FhirReply(msgspec.Struct, frozen=True):
    """What a server answered; ``why`` it could not be taken, in which case the rest does not count."""

    status: int = 0
    body: bytes = b""
    why: Why | None = None


class ByteBudget:
    """How much more a request may take in, in bytes."""

    def __init__(self, bounds: Bounds) -> None:
        self._page, self._all = bounds.page_bytes, bounds.bytes

    def remaining(self, taken: int) -> int:
        """For an answer of which so much is taken already."""
        return max(0, min(self._page, self._all) - taken)

    def fill(self, taken: int) -> None:
        self._all -= taken


Ask: TypeAlias = Callable[[FhirRequest, ByteBudget, Deadline], Awaitable[FhirReply]]


class _Unavailable(Exception):
    """An answer that cannot be had, or not all of it."""

    def __init__(self, why: Why, status: int = 0) -> None:
        self.why: Why = why
        self.status = status
        super().__init__(why)


class _Search:
    """What has come for one query so far; until it is complete it is not in time."""

    def __init__(self, query: FhirQuery) -> None:
        self.query = query
        self.why: Why | None = "not in time"
        self.refused_with = 0
        """The status of the refusal, if it was one."""
        self.pages = 0
        self.next_page: str | None = None
        self.entries: list[fhir.Entry] = []
        self.odd: tuple[Reading, ...] = ()
        self._first: fhir.Resource | None = None

    def take(self, answer: Answer) -> None:
        page = answer.value
        assert page is not None  # noqa: S101 - an answer that holds nothing is none
        self.pages += 1
        self._first = self._first or page
        self.odd += answer.odd
        bundle = page if isinstance(page, fhir.Bundle) else fhir.Bundle(entry=[fhir.Entry(resource=page)])
        self.entries += fhir.many(bundle.entry)
        self.next_page = next_page(bundle)

    @property
    def source(self) -> Source:
        value = self._first
        if value is None:
            return self.query.unanswered(self.why or "answer unreadable")
        if isinstance(value, fhir.Bundle):
            value = fhir.Bundle(total=value.total, entry=self.entries)
        source = read_source(Answer(value, self.odd), self.query)
        gap = "answer unreadable" if source.gap == NOT_SENT.gap else source.gap
        return msgspec.structs.replace(source, gap=self.why or gap)


class Fetch:
    """Asks one server for one request; :meth:`run` is called once."""

    def __init__(self, ask: Ask, target: Target, bounds: Bounds, deadline: Deadline) -> None:
        self._ask, self._target, self._bounds, self._deadline = ask, target, bounds, deadline
        self._budget = ByteBudget(bounds)
        self._reader = LenientReader(_LENIENT_SECONDS)
        self._searches: dict[str, _Search] = {}
        self._followed: list[_Search] = []
        self._held: tuple[fhir.Resource, ...] = ()
        self._token_refused = False
        self._reads_left = bounds.reads

    async def run(self, queries: Mapping[str, FhirQuery], held: Iterable[fhir.Resource]) -> dict[str, Source]:
        """The answers as they stand at the deadline, or sooner when there is nothing left to ask."""
        self._held = tuple(held)
        self._searches = {key: _Search(query) for key, query in queries.items()}
        tasks = {key: asyncio.create_task(self._search(search)) for key, search in self._searches.items()}
        following = [asyncio.create_task(self._follow(kind, tasks)) for kind in REFERRING]
        everything = [*tasks.values(), *following]
        try:
            done, _ = await asyncio.wait(everything, timeout=self._deadline.remaining)
            for task in done:
                task.result()
        finally:
            # Not awaited: the answer leaves now, and what ends by itself needs no one to watch it.
            for task in everything:
                task.cancel()
        return self._results()

    def _results(self) -> dict[str, Source]:
        foreign = other_release(list(self._fetched()))
        if foreign:
            raise OtherRelease(foreign)
        results = {key: search.source for key, search in self._searches.items()}
        if self._followed:
            entries = [entry.resource for search in self._followed for entry in search.entries]
            why = next((search.why for search in self._followed if search.why), None)
            odd = tuple([one for search in self._followed for one in search.odd])
            results[REFERENCES] = Source(matches_in(entries), odd, gap=why)
        return results

    async def _search(self, search: _Search) -> None:
        """One query with its further pages."""
        try:
            await self._pages(search)
            search.why = None
        except _Unavailable as reason:
            search.why, search.refused_with = reason.why, reason.status

    async def _pages(self, search: _Search) -> None:
        base, query = self._target.base, search.query
        address = base.address(_paged(query)) if query.before is None else base.within(query.address)
        if address is None:
            raise _Unavailable("not found" if query.before is None else "more pages elsewhere")
        seen: set[str | None] = set()
        while True:
            seen.add(address)
            search.take(await self._answer(address))
            if search.next_page is None:
                return
            address = base.within(search.next_page)
            if address is None:
                raise _Unavailable("more pages elsewhere")
            if address in seen or self._is_enough(search):
                raise _Unavailable("more pages")

    def _is_enough(self, search: _Search) -> bool:
        entries = sum(len(one.entries) for one in (*self._searches.values(), *self._followed))
        return search.pages >= self._bounds.pages or entries >= self._bounds.entries

    async def _follow(self, kind: type[fhir.Resource], tasks: Mapping[str, asyncio.Task[None]]) -> None:
        """Asks for all that is referred to in one search, once all that may refer to it has come.

        Where some of that is late, a first search at half time saves what the rest refers to.
        """
        concerned = {*REFERRING[kind], kind}
        waiting = {task for key, task in tasks.items() if self._searches[key].query.kind in concerned}
        pause: float | None = self._deadline.remaining / 2
        asked: set[str] = set()
        while True:
            if waiting:
                _, waiting = await asyncio.wait(waiting, timeout=pause)
            named = unresolved(kind, self._resources(), self._target.base)
            fresh = [name for name in named if name not in asked][: self._bounds.references - len(asked)]
            asked.update(fresh)
            await asyncio.gather(*(self._by_id(kind, names) for names in self._batches(kind, fresh)))
            if not waiting:
                return
            pause = None

    def _batches(self, kind: type[fhir.Resource], names: Iterable[str]) -> Iterator[list[str]]:
        """The ids, as many at a time as one address may hold."""
        batch: list[str] = []
        for name in names:
            if batch and (len(batch) == _IDS_IN_ONE or self._length(kind, [*batch, name]) >= _LONG_URL):
                yield batch
                batch = []
            batch.append(name)
        if batch:
            yield batch

    def _length(self, kind: type[fhir.Resource], names: list[str]) -> int:
        return len(self._target.base.address(_paged(_by_ids(kind, names))) or "")

    async def _by_id(self, kind: type[fhir.Resource], names: list[str]) -> None:
        """The resources of these ids by one search; by more of them or by reads where it is refused."""
        search = await self._followed_by(_by_ids(kind, names))
        status = search.refused_with
        if status in _PERHAPS_TOO_LONG and len(names) > 1 and self._length(kind, names) > _SHORT_URL:
            search.why, half = None, len(names) // 2
            await asyncio.gather(self._by_id(kind, names[:half]), self._by_id(kind, names[half:]))
        elif status in _NO_SEARCH:
            await self._by_reads(kind, names, search)
        elif search.why is None:
            # Some servers do not give by a search all that they have.
            given = {entry.resource.id for entry in search.entries if entry.resource is not None}
            await self._by_reads(kind, [name for name in names if name not in given], search)

    async def _by_reads(self, kind: type[fhir.Resource], names: list[str], search: _Search) -> None:
        """The resources one by one, in place of the search; the first shows whether they may be read at all."""
        readable = names[: self._reads_left]
        self._reads_left -= len(readable)
        if readable and await self._read_one(kind, readable[0]):
            if readable == names:
                search.why = None
            await asyncio.gather(*(self._read_one(kind, name) for name in readable[1:]))

    async def _read_one(self, kind: type[fhir.Resource], name: str) -> bool:
        read = await self._followed_by(FhirQuery(kind, f"{kind.__name__}/{name}", is_read=True))
        if read.refused_with in _NOT_THERE:
            # As a search would have found none.
            read.why = None
        return read.why is None

    async def _followed_by(self, query: FhirQuery) -> _Search:
        search = _Search(query)
        self._followed.append(search)
        await self._search(search)
        return search

    def _resources(self) -> Iterable[fhir.Resource]:
        yield from self._held
        yield from self._fetched()

    def _fetched(self) -> Iterable[fhir.Resource]:
        for search in (*self._searches.values(), *self._followed):
            yield from (entry.resource for entry in search.entries if entry.resource is not None)

    async def _answer(self, address: str) -> Answer:
        """What is at an address: a Bundle for a search."""
        reply = await self._reply(address)
        path, mark, form = address.partition("?")
        perhaps_too_long = reply.status in (400, 404) and len(address) > _LONG_URL
        if mark and (reply.status in _NO_GET or perhaps_too_long):
            # CDS Hooks says GET; servers that do not search that way, or not at that length, take the form.
            reply = await self._reply(f"{path}/_search", form.encode())
        elif reply.status == 400 and address.endswith(_COUNT):
            # Some servers know the size of pages for some types only, and refuse what they do not know.
            reply = await self._reply(address.removesuffix(_COUNT))
        return self._read(reply)

    async def _reply(self, url: str, form: bytes | None = None) -> FhirReply:
        if self._token_refused:
            raise _Unavailable("token refused")
        request = FhirRequest(self._target.base.origin, url, self._target.token, form)
        reply = await self._ask(request, self._budget, self._deadline)
        self._token_refused |= reply.status == 401
        return reply

    def _read(self, reply: FhirReply) -> Answer:
        why = reply.why or _refusal(reply.status)
        if why is None and len(reply.body) * _SECONDS_PER_BYTE >= self._deadline.remaining:
            # A long body that comes last would be read beyond the deadline.
            why = "not in time"
        if why is not None:
            raise _Unavailable(why, reply.status)
        try:
            answer = None if has_endless_number(reply.body) else read_value(reply.body, self._reader)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            answer = None
        if answer is None or answer.value is None:
            raise _Unavailable("answer unreadable")
        return answer


def _by_ids(kind: type[fhir.Resource], names: Iterable[str]) -> FhirQuery:
    return FhirQuery(kind, f"{kind.__name__}?_id={','.join(names)}")


def _paged(query: FhirQuery) -> str:
    """The address of a query, a search with the size of the pages that is asked for."""
    return query.address if query.is_read else f"{query.address}{_COUNT}"


def _refusal(status: int) -> Why | None:
    """Why a status is no answer."""
    if 200 <= status < 300:
        return None
    if status == 401:
        return "token refused"
    if status == 403:
        return "not authorised for this data"
    if status in (404, 410):
        return "not found"
    if status < 400:
        return "redirected"
    return "the server refused" if status < 500 and status != 429 else "the server failed"
