"""How sure the record is about REM sleep behaviour disorder (clinical specification 2.3).

The flags are not a validated score and are never added up or shown as a number.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import date
from enum import Enum

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Condition, PatientFacts, ScreeningAnswer
from cds_service.facts.queries import QUESTIONS
from cds_service.fhir.dates import Interval, within_days, within_months
from cds_service.phenotypes import labs
from cds_service.phenotypes.labs import Result

SYNUCLEIN_SETS = ("parkinson-disease", "dementia-with-lewy-bodies", "multiple-system-atrophy")
_MOVEMENTS = {"complex-movements", "dream-enactment", "brief-jerks", "sustained-contractions"}
COMPLAINTS = ("sleep-twitching", "sleep-myoclonus", "sleep-movement-disorder", "parasomnia-unspecified")
"""Twitching, jerks or movements in sleep, short of a red flag."""

RED_FLAGS = ("complex-movements", "vocalizations", "dream-enactment", "injury")
"""The questions without which the screen is not complete."""

_WORDS = {
    "brief-jerks": "sleep-twitching",
    "complex-movements": "complex-sleep-movements",
    "vocalizations": "sleep-vocalization",
    "dream-enactment": "dream-enactment",
    "injury": "sleep-injury",
}


class Level(Enum):
    """What the record allows; ``NONE`` is silence."""

    CONFIRMED = "0"
    HISTORY = "0h"
    SUSPECTED = "A"
    POSSIBLE = "B"
    WEAK = "C"
    BENIGN = "N"
    NONE = "-"


class Flag(msgspec.Struct, frozen=True):
    """One sign: yes, no, or not recorded (None)."""

    yes: bool | None = None
    when: Interval | None = None
    informant: str = ""
    source: str = ""
    words: str = ""


class Suspicion(msgspec.Struct, frozen=True):
    """The level with what it rests on."""

    level: Level
    flags: Mapping[str, Flag]
    over_50: bool | None = None
    score: float | None = None
    """RBDSQ total, where it is at or over its limit."""
    score_source: str = ""
    score_day: Interval | None = None
    diagnosis: Condition | None = None

    def says(self, name: str) -> bool:
        return self.flags[name].yes is True

    @property
    def sources(self) -> tuple[str, ...]:
        found = [f.source for f in self.flags.values() if f.yes and f.source]
        found += [self.diagnosis.source] if self.diagnosis else []
        return tuple(dict.fromkeys([*found, *([self.score_source] if self.score_source else [])]))


def suspicion(facts: PatientFacts, numbers: Numbers) -> Fact[Suspicion]:
    """The level of suspicion; absent when nothing is recorded, unavailable when what is missing could decide it."""
    found = facts.conditions("rbd")
    if isinstance(found, Known):
        best = min(found.value, key=lambda c: (c.possible, not c.confirmed))
        return _known(Suspicion(Level.CONFIRMED, flags(facts, numbers), diagnosis=best))
    past = facts.past_conditions("rbd")
    if isinstance(past, Known):
        return _known(Suspicion(Level.HISTORY, flags(facts, numbers), diagnosis=past.value[0]))
    seen = _from_flags(facts, numbers)
    if seen.level not in (Level.NONE, Level.BENIGN):
        # A missing problem list could hold the diagnosis; what was answered stands all the same.
        return _known(seen)
    for missing in (found, facts.answer("dream-enactment"), facts.observations("rbdsq-total")):
        if isinstance(missing, Unavailable):
            return missing
    return _known(seen) if seen.level is Level.BENIGN else ABSENT


def _known(seen: Suspicion) -> Known[Suspicion]:
    return Known(seen, seen.sources)


def diagnosis(facts: PatientFacts) -> Fact[Condition]:
    """The active diagnosis of RBD, confirmed before possible, the earliest first."""
    found = facts.conditions("rbd")
    if not isinstance(found, Known):
        return found
    best = min(found.value, key=lambda c: (c.possible, not c.confirmed))
    return Known(best, (best.source,))


def flags(facts: PatientFacts, numbers: Numbers) -> dict[str, Flag]:
    """The questions' answers that are still valid, completed by the problem list's words."""
    answers = facts.answers(*QUESTIONS)
    newest = {answer.question: answer for answer in reversed(answers.value)} if isinstance(answers, Known) else {}
    return {name: _flag(name, newest.get(name), facts, numbers) for name in QUESTIONS}


def _flag(name: str, given: ScreeningAnswer | None, facts: PatientFacts, numbers: Numbers) -> Flag:
    if given is not None and _valid(given, facts, numbers):
        return Flag(given.yes, given.day, given.informant, given.source)
    listed = facts.conditions(_WORDS[name]) if name in _WORDS else ABSENT
    if isinstance(listed, Known):
        item = listed.value[0]
        return Flag(True, item.since, "", item.source, item.words)
    return Flag()


def _valid(answer: ScreeningAnswer, facts: PatientFacts, numbers: Numbers) -> bool:
    months = numbers.months("rbd", "yes-months" if answer.yes else "no-months")
    return answer.day is not None and within_months(answer.day, months, facts.today)


def _from_flags(facts: PatientFacts, numbers: Numbers) -> Suspicion:
    found = flags(facts, numbers)
    over = _over(facts, numbers)
    total = _questionnaire(facts, numbers)
    score, source, day = (total.amount.value, total.source, total.when) if total else (None, "", None)
    return Suspicion(_level(found, over, score, facts), found, over, score, source, day)


def _level(found: Mapping[str, Flag], over: bool | None, score: float | None, facts: PatientFacts) -> Level:
    yes = {name for name, flag in found.items() if flag.yes}
    moves = bool(yes & _MOVEMENTS) or isinstance(facts.conditions(*COMPLAINTS), Known)
    with_synuclein = isinstance(facts.conditions(*SYNUCLEIN_SETS), Known)
    if "complex-movements" in yes or ("injury" in yes and moves):
        return Level.SUSPECTED
    if "dream-enactment" in yes and over:
        return Level.SUSPECTED
    if score is not None and not with_synuclein:
        return Level.SUSPECTED
    if "dream-enactment" in yes or score is not None:
        return Level.POSSIBLE
    if yes & {"vocalizations", "sustained-contractions", "dream-recall"}:
        return Level.WEAK
    return Level.BENIGN if only_jerks(found) else Level.NONE


def only_jerks(found: Mapping[str, Flag]) -> bool:
    """Whether brief jerks were told and every red flag was denied; other signs may have been told."""
    return found["brief-jerks"].yes is True and all(found[name].yes is False for name in RED_FLAGS)


def _over(facts: PatientFacts, numbers: Numbers) -> bool | None:
    age = facts.age
    return age.value.over(int(numbers.value("rbd", "age-over"))) if isinstance(age, Known) else None


def _questionnaire(facts: PatientFacts, numbers: Numbers) -> Result | None:
    """The newest RBDSQ total of the window, if it reaches its limit (higher with Parkinson's disease)."""
    window = numbers.months("rbd", "yes-months")
    found = labs.newest(
        facts, "rbdsq-total", "{score}", lambda day: within_months(day, window, facts.today), same=("",)
    )
    parkinson = isinstance(facts.conditions("parkinson-disease"), Known)
    limit = numbers.value("rbd", "rbdsq-parkinson" if parkinson else "rbdsq")
    return found.value if isinstance(found, Known) and found.value.amount.definitely_at_least(limit) else None


def unanswered(facts: PatientFacts, numbers: Numbers) -> Fact[tuple[str, ...]]:
    """The red-flag questions without an answer that still holds; absent when each has one."""
    found = flags(facts, numbers)
    missing = tuple(name for name in RED_FLAGS if found[name].yes is None)
    if not missing:
        return ABSENT
    lost = (answer for name in missing if isinstance(answer := facts.answer(name), Unavailable))
    return next(lost, Known(missing))


def complaint(facts: PatientFacts, numbers: Numbers) -> Fact[Condition]:
    """The active complaint of twitching, jerks or movements in sleep with the newest record, if that is recent."""
    found = facts.conditions(*COMPLAINTS)
    if not isinstance(found, Known):
        return found
    newest = max(found.value, key=lambda c: c.last_recorded.last if c.last_recorded else date.min)
    day, window = newest.last_recorded, int(numbers.value("rbd", "complaint-days"))
    return Known(newest, (newest.source,)) if day and within_days(day, window, facts.today) else ABSENT


def suspected_since(facts: PatientFacts, seen: Suspicion) -> Interval | None:
    """The first day on which a sign was told that makes RBD suspected, and has been told ever since."""
    telling = ("complex-movements", "injury", *(("dream-enactment",) if seen.over_50 else ()))
    days = [_first_told(name, facts, seen) for name in telling if seen.says(name)]
    return min((day for day in (*days, seen.score_day) if day), key=lambda day: day.last, default=None)


def _first_told(name: str, facts: PatientFacts, seen: Suspicion) -> Interval | None:
    answers = facts.answers(name)
    given = answers.value if isinstance(answers, Known) else ()
    agreeing = list(itertools.takewhile(lambda answer: answer.yes, given))
    return agreeing[-1].day if agreeing else seen.flags[name].when
