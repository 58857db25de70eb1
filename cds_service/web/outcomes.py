"""The page of outcomes: what became of cards, drawn and in tables; from the record, which holds counts and ids only.

What was counted is kept for a minute: however many look, the database is asked once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cds_service.errors import NotReady
from cds_service.record.entries import DEMONSTRATION
from cds_service.web import bench_access
from cds_service.web.answers import HTML, NO_STORE, Written
from cds_service.web.assembly import Application
from cds_service.web.pages import Site, page_headers, templates
from cds_service.web.routes import Address, get

if TYPE_CHECKING:
    from markupsafe import Markup

    from cds_service.record.alarms import Look, Verdict
    from cds_service.record.outcomes import Outcomes
    from cds_service.web.outcome_tables import Table

PATH = "/outcomes"
DAYS = {28: "4 weeks", 91: "13 weeks", 364: "52 weeks"}
TABLES = ("rules", "periods", "callers", "reasons", "hooks", "alarms")
_FORMS = {"csv": b"text/csv; charset=utf-8", "ndjson": b"application/x-ndjson"}
_PARTS, _SHARES = ("accepted", "overridden", "ignored"), ("accepted", "overridden", "undetermined")
_KEPT_SECONDS = 60.0
_MOST_KEPT = 30
_SECONDS_TO_COUNT = 20.0
_HEADERS = page_headers(form=True, kept=False)


class Asked(msgspec.Struct, frozen=True):
    """What a page is about: how many days, and of which service, client and rule, or of all."""

    days: int = 28
    service: str = ""
    client: str = ""
    rule: str = ""

    @classmethod
    def of(cls, request: Request) -> Asked:
        given = request.query_params
        days = given.get("days", "")
        known = int(days) if days in map(str, DAYS) else 28
        return cls(known, given.get("service", ""), given.get("client", ""), given.get("rule", ""))

    @property
    def query(self) -> str:
        return urlencode({name: value for name, value in msgspec.structs.asdict(self).items() if value})


def addresses(service: Application, site: Site) -> Mapping[str, Address]:
    """The page and its tables, for those who may use the test bench."""
    if not bench_access.is_on(service.settings):
        return {}
    page = _Page(service, site)
    tables = {f"{PATH}/{name}.{form}": get(partial(page.table, name, form)) for name in TABLES for form in _FORMS}
    return {PATH: get(page.show), **tables}


class _Kept:
    """What takes long to be counted, for a minute."""

    def __init__(self) -> None:
        self._held: dict[object, tuple[float, Any]] = {}
        self._turn = asyncio.Lock()

    async def get(self, key: object, count: Callable[[], Awaitable[Any]]) -> Any:
        async with self._turn:
            at, value = self._held.get(key, (0.0, None))
            if value is None or monotonic() - at > _KEPT_SECONDS:
                value = await count()
                self._held[key] = (monotonic(), value)
                if len(self._held) > _MOST_KEPT:
                    del self._held[min(self._held, key=lambda name: self._held[name][0])]
            return value


class _Read(msgspec.Struct, frozen=True):
    """What was counted and what rings."""

    found: Outcomes
    look: Look


class _Unread(msgspec.Struct, frozen=True):
    """The record is not kept, or cannot be read: which is not the same as nothing."""

    why: str


class _Page:
    def __init__(self, service: Application, site: Site) -> None:
        self._service = service
        self._site = site
        self._kept = _Kept()
        self._hooks = {text.id: text.hook for text in service.content.services.service}

    async def show(self, request: Request) -> Response:
        """GET /outcomes."""
        bench_access.admit(request, self._site.settings)
        asked = Asked.of(request)
        read = await self._read(asked.days)
        # Beside the event loop: a page takes some milliseconds to be drawn.
        drawn = partial(asyncio.to_thread, self._drawn, read, asked)
        if isinstance(read, _Unread):
            return Written(await drawn(), HTML, headers=_HEADERS)
        return Written(await self._kept.get(asked, drawn), HTML, headers=_HEADERS)

    async def table(self, name: str, form: str, request: Request) -> Response:
        """GET /outcomes/rules.csv and the like."""
        bench_access.admit(request, self._site.settings)
        asked = Asked.of(request)
        read = await self._read(asked.days)
        if isinstance(read, _Unread):
            raise NotReady(read.why)
        table = (await asyncio.to_thread(self._tables, read, asked))[name]
        named = (b"content-disposition", f'attachment; filename="outcomes-{name}.{form}"'.encode())
        body = table.csv() if form == "csv" else table.ndjson()
        return Written(body, _FORMS[form], headers=[NO_STORE, named])

    async def _read(self, days: int) -> _Read | _Unread:
        store = self._service.store
        if store is None:
            return _Unread("CDS_RECORD is off: nothing is counted.")
        from cds_service.record.outcomes import read_outcomes
        from cds_service.record.store import cause_of
        from cds_service.record.watching import look_at

        settings = self._site.settings
        today, clients = settings.today(), self._service.callers | set(DEMONSTRATION)
        try:
            async with asyncio.timeout(_SECONDS_TO_COUNT):
                found = await self._kept.get((days, today), partial(read_outcomes, store, days, today, settings.zone))
                look = await self._kept.get(today, partial(look_at, store, self._service.ruleset, clients, today))
        except store.lost as fault:
            told = type(cause_of(fault)).__name__
            return _Unread(f"The record cannot be read ({told}): nothing can be said of outcomes.")
        return _Read(found, look)

    def _tables(self, read: _Read, asked: Asked) -> dict[str, Table]:
        from cds_service.web import outcome_tables as made

        found = read.found.only(asked.service, asked.client, asked.rule)
        listed = (
            made.by_rule(found),
            made.by_period(found),
            made.by_caller(found),
            made.by_reason(found),
            made.by_hook(found, self._hooks),
            made.of_alarms(_rung(read.look, asked)),
        )
        return {table.name: table for table in listed}

    def _drawn(self, read: _Read | _Unread, asked: Asked) -> bytes:
        names: dict[str, object] = {"site": self._site, "asked": asked, "days": DAYS, "unread": None}
        if isinstance(read, _Unread):
            names |= {"unread": read.why}
        else:
            names |= self._counted(read, asked)
        return templates().get_template("outcomes.html").render(**names).encode()

    def _counted(self, read: _Read, asked: Asked) -> dict[str, object]:
        from cds_service.web import charts

        tables = self._tables(read, asked)
        found, clients = read.found, read.found.values("client")
        return {
            "tables": tables,
            "drawn": _drawings(tables, _rung(read.look, asked)),
            "in_words": charts.rate_in_words,
            "look": read.look,
            "choices": {
                "service": found.values("service"),
                "client": clients,
                "rule": found.values("rule"),
            },
            "demonstration": sorted(set(DEMONSTRATION).intersection(clients)),
            "counted_at": f"{self._site.settings.now():%H:%M}",
        }


def _rung(look: Look, asked: Asked) -> list[Verdict]:
    """What rings of that which is asked about; the calls of a client belong to each of its rules."""
    return [
        one
        for one in look.alarms
        if asked.service in ("", one.series.service)
        and asked.client in ("", one.series.client)
        and (not one.series.rule or asked.rule in ("", one.series.rule))
    ]


def _drawings(tables: Mapping[str, Table], rung: list[Verdict]) -> dict[str, Markup]:
    from cds_service.web import charts

    rules, periods, hooks = tables["rules"], tables["periods"], tables["hooks"]
    days = [str(day) for day in periods.column("from")]
    wrong: dict[str, str] = {}
    for one in rung:
        wrong.setdefault(one.series.rule, one.kind)
    names = [(label, wrong.get(str(row[0]), "")) for label, row in zip(_labels(rules), rules.rows, strict=True)]
    return {
        "periods": charts.columns("shown", "Cards shown, by what became of them", days, _parts(periods)),
        "shares": charts.lines("shares", "Shares over time", days, {one: periods.rates(one) for one in _SHARES}),
        "rules": charts.bars("rules", "Cards shown, by rule and version", names, _parts(rules)),
        "hooks": charts.bars(
            "hooks",
            "Queries to FHIR servers per call",
            [(str(hook), "") for hook in hooks.column("hook")],
            {"queries": [float(one) for one in hooks.column("queries per call")]},
        ),
    }


def _labels(rules: Table) -> list[str]:
    """Rule and version; with the digest of the card file only where it makes the difference."""
    short = [f"{rule} {str(version).partition('+')[0]}" for rule, version, *_ in rules.rows]
    many = Counter(short)
    whole = [f"{rule} {version}" for rule, version, *_ in rules.rows]
    return [one if many[one] == 1 else full for one, full in zip(short, whole, strict=True)]


def _parts(table: Table) -> dict[str, list[int]]:
    return {one: [int(count) for count in table.column(one)] for one in _PARTS}
