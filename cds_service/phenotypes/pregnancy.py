"""Pregnancy now: an active diagnosis or a recorded status, dated within the length of a pregnancy."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Unavailable, either, of
from cds_service.facts.patient import CERTAIN_FIRST, Observation, PatientFacts
from cds_service.facts.words import Record, Said, phrasing
from cds_service.fhir.dates import Interval

_STATED = phrasing("pregnancy-status")()


class Pregnancy(msgspec.Struct, frozen=True):
    words: Record | Said
    when: Interval
    possible: bool
    source: str


def pregnancy(facts: PatientFacts) -> Fact[Pregnancy]:
    """The pregnancy on record; without a date it does not count, for old codes stay on problem lists."""
    days = 7 * facts.numbers.whole("pregnancy", "weeks")
    return either(_listed(facts, days), _status(facts, days))


def _listed(facts: PatientFacts, days: int) -> Fact[Pregnancy]:
    listed = facts.conditions("pregnancy").where(lambda c: c.ended is None and facts.within_days(c.since, days))
    certain = listed.best(CERTAIN_FIRST)
    return certain.then(lambda c: of(Pregnancy(Record(c.words), c.since, c.possible, c.source)) if c.since else ABSENT)


def _status(facts: PatientFacts, days: int) -> Fact[Pregnancy]:
    """The newest recorded status, if it says pregnant."""
    return facts.observations("pregnancy-status").first().then(lambda newest: _stated(newest, facts, days))


def _stated(status: Observation, facts: PatientFacts, days: int) -> Fact[Pregnancy]:
    if not status.readable or status.day is None:
        return Unavailable("observations: pregnancy-status without a date or with a value that cannot be read")
    if "answer-pregnant" not in status.answer_sets or not facts.within_days(status.day, days):
        return ABSENT
    return of(Pregnancy(_STATED, status.day, False, status.source))
