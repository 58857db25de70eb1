"""A made-up record, so that the page of outcomes can be seen before anything has happened.

From a seed, under client names that no client may have, and of patients that no pseudonym can stand for. It has its
troubles: a rule that falls silent at the hospital, and one that floods the clinics.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterable, Iterator

import msgspec
from sqlalchemy import func, select

from cds_service.content.model import RuleContent
from cds_service.decisions.ruleset import Ruleset
from cds_service.record.entries import (
    CALL,
    DEMONSTRATION,
    QUERY,
    Batch,
    CardAnswer,
    Entry,
    Fingerprint,
    ShownCard,
    Tally,
    milliseconds,
)
from cds_service.record.store import Store
from cds_service.record.tables import ANSWERS, CARDS, TALLIES
from cds_service.rules.review import Outcome, Prepared

HOSPITAL, CLINICS = DEMONSTRATION
SILENT, FLOODING = "clonazepam-dementia", "rbd-drug-new"
_SILENT_DAYS, _FLOOD_DAYS = 8, 2
_CALLS = {HOSPITAL: 90, CLINICS: 120}
_WEEKEND = 0.5
_QUERIES = {"patient-view": 0.9, "order-select": 0.5, "order-sign": 0.2}
_MUTED = 0.1
_DAY = dt.timedelta(days=1)


class _Habit(msgspec.Struct, frozen=True):
    """What comes of a rule, as chances."""

    started: float
    found: float
    undetermined: float
    accepted: float
    overridden: float


class Demonstration:
    """Entries of a year or less; the same for the same seed, rules and days."""

    def __init__(self, ruleset: Ruleset, now: dt.datetime, seed: int) -> None:
        self._rules = {name: _as_recorded(one) for name, one in ruleset.rules.items() if one.content.status == "active"}
        self._services = ruleset.content.services.service
        self._now = now
        self._chance = random.Random(seed)  # noqa: S311  no secret is made of it
        self._habits = {name: self._habit(name) for name in self._rules}

    def days(self, count: int) -> Iterator[tuple[Entry, ...]]:
        """The entries of each day, the last of which is today."""
        for ago in range(count - 1, -1, -1):
            yield tuple(self._day(ago))

    def _habit(self, rule: str) -> _Habit:
        draw = self._chance.uniform
        often = rule in (SILENT, FLOODING)
        started, found = (0.3, 0.12) if often else (draw(0.02, 0.3), draw(0.01, 0.1))
        return _Habit(started, found, draw(0.0, 0.12), draw(0.1, 0.5), draw(0.1, 0.4))

    def _day(self, ago: int) -> Iterator[Entry]:
        day = (self._now - ago * _DAY).date()
        weight = _WEEKEND if day.weekday() >= 5 else 1.0
        for service in self._services:
            for client, most in _CALLS.items():
                made = _Made(day.isoformat(), service.id, service.hook, client)
                calls = round(weight * most * self._chance.uniform(0.85, 1.15))
                yield made.tally("", "", CALL, calls)
                yield made.tally("", "", QUERY, self._drawn(2 * calls, _QUERIES[service.hook] / 2))
                for rule in (self._rules[name] for name in service.rules if name in self._rules):
                    yield from self._came_of(rule, made, calls, ago)

    def _came_of(self, rule: RuleContent, made: _Made, calls: int, ago: int) -> Iterator[Entry]:
        habit = self._habits[rule.id]
        evaluated = self._drawn(calls, habit.started)
        found = self._drawn(evaluated, habit.found * _trouble(rule.id, made.client, ago))
        unknown = self._drawn(evaluated - found, habit.undetermined)
        muted = self._drawn(found, _MUTED)
        counts = {
            Outcome.FOUND.value: found,
            Outcome.UNDETERMINED.value: unknown,
            Outcome.NOT_MET.value: evaluated - found - unknown,
            "muted": muted,
            "shown": found - muted,
        }
        yield from (made.tally(rule.id, rule.version, name, count) for name, count in counts.items() if count)
        for _ in range(found - muted):
            yield from self._card(rule, made, habit, ago)

    def _card(self, rule: RuleContent, made: _Made, habit: _Habit, ago: int) -> Iterator[Entry]:
        midnight = (self._now - ago * _DAY).replace(hour=0, minute=0, second=0, microsecond=0)
        ends = self._now if ago == 0 else midnight + dt.timedelta(hours=18)
        begins = min(midnight + dt.timedelta(hours=7), ends)
        at = milliseconds(begins + (ends - begins) * self._chance.random())
        card = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        yield made.card(card, at, rule, f"demonstration-{self._chance.randrange(2_000)}")
        answered = self._chance.random()
        outcome = "accepted" if answered < habit.accepted else "overridden"
        if answered < habit.accepted + habit.overridden:
            later = min(at + self._chance.randrange(5_000, 600_000), milliseconds(self._now))
            reason = self._chance.choice((*rule.override, "")) if outcome == "overridden" else ""
            yield made.answer(card, later, outcome, reason)

    def _drawn(self, of: int, chance: float) -> int:
        return sum(self._chance.random() < chance for _ in range(of))


def _as_recorded(rule: Prepared) -> RuleContent:
    """With the version as the record has it."""
    return msgspec.structs.replace(rule.content, version=f"{rule.content.version}+{rule.digest}")


def _trouble(rule: str, client: str, ago: int) -> float:
    """Times which a rule finds something now."""
    if rule == SILENT and client == HOSPITAL and ago < _SILENT_DAYS:
        return 0.0
    return 7.0 if rule == FLOODING and client == CLINICS and ago < _FLOOD_DAYS else 1.0


class _Made(msgspec.Struct, frozen=True):
    """What the entries of one day, service and client have in common."""

    day: str
    service: str
    hook: str
    client: str

    def tally(self, rule: str, version: str, outcome: str, count: int) -> Tally:
        where = {"day": self.day, "service": self.service, "client": self.client}
        return Tally(**where, rule=rule, version=version, outcome=outcome, count=count)

    def card(self, card: str, at: int, rule: RuleContent, patient: str) -> ShownCard:
        indicator = next(iter(rule.indicator.values())).indicator
        finding = Fingerprint(rule=rule.id, version=rule.version, indicator=indicator, drug="", classes=())
        return ShownCard(
            card=card,
            at=at,
            service=self.service,
            hook=self.hook,
            client=self.client,
            indicator=indicator,
            patient=patient,
            user="demonstration",
            encounter="",
            findings=(finding,),
        )

    def answer(self, card: str, at: int, outcome: str, reason: str) -> CardAnswer:
        given = {"card": card, "outcome": outcome, "at": at, "received": at, "reason": reason}
        return msgspec.convert({**given, "type": "answer", "service": self.service, "client": self.client}, CardAnswer)


async def is_empty(store: Store) -> bool:
    """Whether nothing at all was recorded."""
    counted = [await store.rows(select(func.count()).select_from(table)) for table in (CARDS, ANSWERS, TALLIES)]
    return not any(count for ((count,),) in counted)


async def write(store: Store, days: Iterable[tuple[Entry, ...]]) -> int:
    """Stores the days, and gives how many cards they hold."""
    cards = 0
    name = str(uuid.uuid4())
    for number, entries in enumerate(days, 1):
        await store.apply(name, [Batch(number, entries)])
        cards += sum(isinstance(entry, ShownCard) for entry in entries)
    await store.forget(name)
    return cards
