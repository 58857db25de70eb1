"""What rules came to and what became of their cards, counted in the database by rule, version, caller and time."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import starmap
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import (
    JSON,
    Case,
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    select,
    true,
)

from cds_service.record.entries import LACKS, UNREAD, milliseconds
from cds_service.record.recall import answered_at
from cds_service.record.report import NO_REASON
from cds_service.record.store import Store
from cds_service.record.tables import ANSWERED, ANSWERS, CARDS, TALLIES
from cds_service.rules.review import Outcome

Key: TypeAlias = tuple[Any, ...]

_DAY = dt.timedelta(days=1)
_MOST_BY_DAY = 31
_WEEK = 7


class Count(msgspec.Struct, frozen=True):
    """How often something came of a rule in a period; rule and version are empty for the calls themselves.

    ``outcome`` is that of a tally, or ``accepted`` or ``overridden`` for what a clinician did with a card in the end.
    """

    period: int
    service: str
    client: str
    rule: str
    version: str
    outcome: str
    reason: str
    count: int


class Outcomes(msgspec.Struct, frozen=True):
    """The counts of some days, parted into equal periods: days, or weeks where there are many."""

    starts: tuple[dt.date, ...]
    last: dt.date
    counts: tuple[Count, ...]

    def only(self, service: str = "", client: str = "", rule: str = "") -> Outcomes:
        """The counts of one service, client or rule; the calls stay, out of which a rule was asked."""
        kept = (
            one
            for one in self.counts
            if service in ("", one.service) and client in ("", one.client) and (not one.rule or rule in ("", one.rule))
        )
        return msgspec.structs.replace(self, counts=tuple(kept))

    def summed(self, *by: str) -> dict[Key, Counter[str]]:
        """The counts of each outcome by these fields, in their order."""
        fields = attrgetter(*by, "outcome", "count")
        found: defaultdict[Key, Counter[str]] = defaultdict(Counter)
        for one in self.counts:
            *key, outcome, count = fields(one)
            found[tuple(key)][outcome] += count
        return {key: _with_derived(found[key]) for key in sorted(found)}

    def values(self, field: str) -> list[str]:
        """What there is in a field."""
        return sorted({getattr(one, field) for one in self.counts} - {""})

    @property
    def of_rules(self) -> Outcomes:
        """Without the calls themselves."""
        return msgspec.structs.replace(self, counts=tuple(one for one in self.counts if one.rule))


def _with_derived(counts: Counter[str]) -> Counter[str]:
    counts["evaluated"] = sum(counts[outcome.value] for outcome in Outcome)
    # A card without an answer counts as ignored; a damaged record must not make less than none of them.
    counts["ignored"] = max(0, counts["shown"] - counts["accepted"] - counts["overridden"])
    return counts


def periods(days: int, last: dt.date) -> tuple[dt.date, ...]:
    """The first days of the periods of so many days, the last of which ends today."""
    step = 1 if days <= _MOST_BY_DAY else _WEEK
    return tuple(last - dt.timedelta(days=ago - 1) for ago in range(days, 0, -step))


async def read_outcomes(store: Store, days: int, last: dt.date, zone: dt.tzinfo) -> Outcomes:
    """What was counted; one of the store's ``lost`` where it cannot be read."""
    starts = periods(days, last)
    on_file = store.engine.dialect.name == "sqlite"
    tallied = await store.rows(_tallied(starts, last))
    bounds = list(map(_at(zone), (*starts, last + _DAY)))
    answered = await store.rows(_answered(bounds, on_file=on_file))
    # Beside the event loop: of a year there are many.
    counts = await asyncio.to_thread(lambda: (*starmap(_tally, tallied), *starmap(_answer, answered)))
    return Outcomes(starts, last, counts)


def _tally(period: int, service: str, client: str, rule: str, version: str, outcome: str, count: int) -> Count:
    return Count(period, service, client, rule, version, outcome, "", int(count))


def _answer(
    period: int, service: str, client: str, rule: str, version: str, outcome: str, reason: str, count: int
) -> Count:
    said = (reason or NO_REASON) if outcome == "overridden" else ""
    return Count(period, service, client, rule, version, outcome, said, count)


def _at(zone: dt.tzinfo) -> Callable[[dt.date], int]:
    """In milliseconds since 1970, when a day begins at the site."""
    return lambda day: milliseconds(dt.datetime.combine(day, dt.time(), zone))


def _period(of: ColumnElement[Any], starts: Sequence[Any]) -> ColumnElement[int]:
    if len(starts) == 1:
        return literal(0)
    found: Case[int] = case(*((of < later, n) for n, later in enumerate(starts[1:])), else_=len(starts) - 1)
    return found


def _tallied(starts: Sequence[dt.date], last: dt.date) -> Select[Any]:
    told, period = TALLIES.c, _period(TALLIES.c.day, [day.isoformat() for day in starts])
    names = ("service", "client", "rule", "version", "outcome")
    days = told.day >= starts[0].isoformat(), told.day <= last.isoformat()
    kept = ~told.outcome.startswith(LACKS), ~told.outcome.startswith(UNREAD)
    counted = select(period.label("period"), *(told[name] for name in names), func.sum(told.count))
    # By the label: PostgreSQL would take the same expression with parameters of its own for another.
    return counted.where(*days, *kept).group_by("period", *(told[name] for name in names))


def _answered(bounds: Sequence[int], *, on_file: bool) -> Select[Any]:
    """The cards shown, by the answer given last, once for each rule that they name."""
    cards = _last_answers(bounds[0], bounds[-1])
    period = _period(cards.c.at, bounds[:-1])
    value, each = _each_finding(cards, on_file=on_file)
    parted = [cards.c.service, cards.c.client, value("rule").label("rule"), value("version").label("version")]
    answer = cards.c.outcome, cards.c.reason
    counted = select(period.label("period"), *parted, *answer, func.count(cards.c.card.distinct()))
    joined = counted.select_from(cards.join(each, true())).where(cards.c.place == 1)
    return joined.group_by("period", *parted[:2], "rule", "version", *answer)


def _last_answers(begin: int, end: int) -> Subquery:
    told = [CARDS.c[name] for name in ("card", "at", "service", "client", "findings")]
    given = answered_at(), ANSWERS.c.received, ANSWERS.c.at
    place = func.row_number().over(partition_by=CARDS.c.card, order_by=[time.desc() for time in given])
    same = and_(ANSWERS.c.card == CARDS.c.card, ANSWERS.c.client == CARDS.c.client)
    shown = CARDS.c.at >= begin, CARDS.c.at < end, CARDS.c.state == ANSWERED
    ranked = select(*told, ANSWERS.c.outcome, ANSWERS.c.reason, place.label("place")).join(ANSWERS, same)
    return ranked.where(*shown).subquery()


def _each_finding(cards: Subquery, *, on_file: bool) -> Any:
    """How a member of a finding is had, and the findings of each card as rows."""
    if on_file:
        each = func.json_each(cards.c.findings).table_valued("value")
        return (lambda name: func.json_extract(each.c.value, f"$.{name}")), each
    listed = func.json_array_elements(cast(cards.c.findings, JSON)).table_valued(column("value", JSON))
    each = listed.render_derived()
    return (lambda name: each.c.value.op("->>")(name)), each
