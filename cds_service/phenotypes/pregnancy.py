"""Pregnancy now: an active diagnosis or a recorded status, dated within the length of a pregnancy."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import PatientFacts
from cds_service.fhir.dates import Interval, within_days


class Pregnancy(msgspec.Struct, frozen=True):
    words: str
    when: Interval
    possible: bool
    source: str


def pregnancy(facts: PatientFacts, numbers: Numbers) -> Fact[Pregnancy]:
    """The pregnancy on record; without a date it does not count, for old codes stay on problem lists."""
    days = 7 * int(numbers.value("pregnancy", "weeks"))
    return either(_listed(facts, days), _status(facts, days))


def _listed(facts: PatientFacts, days: int) -> Fact[Pregnancy]:
    found = facts.conditions("pregnancy")
    if not isinstance(found, Known):
        return found
    dated = [c for c in found.value if c.ended is None and c.since and within_days(c.since, days, facts.today)]
    best = min(dated, key=lambda c: c.possible, default=None)
    if best is None or best.since is None:
        return ABSENT
    return Known(Pregnancy(best.words, best.since, best.possible, best.source), (best.source,))


def _status(facts: PatientFacts, days: int) -> Fact[Pregnancy]:
    """The newest recorded status, if it says pregnant."""
    found = facts.observations("pregnancy-status")
    if not isinstance(found, Known):
        return found
    newest = found.value[0]
    if "answer-pregnant" not in newest.answer_sets or not newest.day or not within_days(newest.day, days, facts.today):
        return ABSENT
    return Known(Pregnancy("pregnancy status: pregnant", newest.day, False, newest.source), (newest.source,))
