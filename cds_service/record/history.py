"""The record's counts as series: what came day by day of each rule, client and service, and out of how much."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec
from sqlalchemy import select

from cds_service.content.model import at_least
from cds_service.record.entries import CALL, GRAVEST, LACKS, UNREAD, Tally
from cds_service.record.rates import Rate
from cds_service.record.store import Store
from cds_service.record.tables import TALLIES
from cds_service.rules.review import Outcome

Key: TypeAlias = tuple[str, str, str]
"""Client, service and rule; no rule where it is about the calls themselves."""
Days: TypeAlias = Mapping[dt.date, int]

_EVALUATED = frozenset(outcome.value for outcome in Outcome)


class Series(msgspec.Struct, frozen=True):
    """What came, out of how much, day by day."""

    client: str
    service: str
    rule: str
    what: str
    """Of codes, their collection and system; of answers, the indicator than which a card is as grave or graver."""
    days: Mapping[dt.date, Rate]
    ceiling: float | None = None
    """Of answers, which share may hold such a card; None of what is held against its own past."""


class History:
    """The tallies of some days, added up over versions."""

    def __init__(self, tallies: Iterable[Tally]) -> None:
        self._counts: dict[Key, dict[str, Counter[dt.date]]] = defaultdict(dict)
        self._versions: dict[Key, dict[str, dt.date]] = defaultdict(dict)
        for tally in tallies:
            self._add(tally, dt.date.fromisoformat(tally.day))

    def _add(self, tally: Tally, day: dt.date) -> None:
        key = (tally.client, tally.service, tally.rule)
        self._counts[key].setdefault(tally.outcome, Counter())[day] += tally.count
        known = self._versions[key]
        known[tally.version] = min(day, known.get(tally.version, day))

    def calls(self, last: dt.date) -> Iterator[Series]:
        """The calls of each client to each service, on every day since the first."""
        for client, service, calls in self._called():
            first = min(calls)
            days = (first + dt.timedelta(n) for n in range((last - first).days + 1))
            yield Series(client, service, "", "", {day: Rate(calls[day], 1) for day in days})

    def unread(self) -> Iterator[Series]:
        """The calls with codes of each system that is not read, out of all."""
        for client, service, calls in self._called():
            for name, days in self._counts[client, service, ""].items():
                if name.startswith(UNREAD):
                    yield Series(client, service, "", name.removeprefix(UNREAD), _rates(days, calls))

    def answers(self, ceilings: Mapping[str, Mapping[str, float]]) -> Iterator[Series]:
        """By service and indicator that have a ceiling, the answers with such a card, out of all."""
        for client, service, _ in self._called():
            counts = self._counts[client, service, ""]
            answers = _added(days for name, days in counts.items() if name.startswith(GRAVEST))
            for indicator, ceiling in ceilings.get(service, {}).items():
                cards = _added(counts.get(f"{GRAVEST}{name}", {}) for name in at_least(indicator))
                yield Series(client, service, "", indicator, _rates(cards, answers), ceiling)

    def outcomes(self, outcome: Outcome) -> Iterator[Series]:
        """The evaluations of each rule with this outcome: findings out of calls, others out of evaluations.

        A rule that is not started is not evaluated, so that only the calls tell whether it could have found anything.
        """
        for (client, service, rule), counts in self._counts.items():
            calls: Days = self._counts.get((client, service, ""), {}).get(CALL, {})
            if rule:
                began = min(day for days in counts.values() for day in days)
                asked = {day: count for day, count in calls.items() if day >= began}
                of = asked if outcome is Outcome.FOUND else _together(counts)
                yield Series(client, service, rule, "", _rates(counts.get(outcome.value, {}), of))

    def lacked(self, series: Series, since: dt.date) -> dict[str, int]:
        """For want of which data the rule could not tell since a day, the most frequent first."""
        counts = self._counts[series.client, series.service, series.rule]
        told = Counter(
            {
                name.removeprefix(LACKS): sum(count for day, count in days.items() if day >= since)
                for name, days in counts.items()
                if name.startswith(LACKS)
            }
        )
        return {name: count for name, count in told.most_common() if count}

    def new_versions(self, series: Series, since: dt.date) -> list[str]:
        """The versions of the rule that were not there before a day."""
        known = self._versions[series.client, series.service, series.rule]
        return sorted(version for version, first in known.items() if first >= since)

    def _called(self) -> Iterator[tuple[str, str, Counter[dt.date]]]:
        for (client, service, rule), counts in self._counts.items():
            if not rule and CALL in counts:
                yield client, service, counts[CALL]


def _together(counts: Mapping[str, Days]) -> Days:
    return _added(counts[name] for name in counts.keys() & _EVALUATED)


def _added(counts: Iterable[Days]) -> Days:
    added: Counter[dt.date] = Counter()
    for days in counts:
        added.update(days)
    return added


def _rates(events: Days, of: Days) -> dict[dt.date, Rate]:
    return {day: Rate(events.get(day, 0), count) for day, count in of.items()}


async def read_history(store: Store, first: dt.date, last: dt.date) -> History:
    """What was counted from one day to another; one of the store's ``lost`` where that cannot be read.

    The tables are taken as they are: a look changes nothing.
    """
    days = TALLIES.c.day >= first.isoformat(), TALLIES.c.day <= last.isoformat()
    rows = await store.rows(select(TALLIES).where(*days))
    tallies = (Tally(**dict(zip(TALLIES.c.keys(), row, strict=True))) for row in rows)
    return await asyncio.to_thread(History, tallies)
