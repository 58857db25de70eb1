"""How sure the record is about REM sleep behaviour disorder (clinical specification 2.3).

The flags are not a validated score and are never added up or shown as a number.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from enum import Enum

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, either, unread
from cds_service.facts.patient import Condition, PatientFacts, ScreeningAnswer
from cds_service.facts.queries import QUESTIONS
from cds_service.fhir.dates import Interval
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


_NOT_RECORDED = Flag()


class Suspicion(msgspec.Struct, frozen=True):
    """The level with what it rests on."""

    level: Level
    flags: Mapping[str, Flag]
    over_age: bool | None = None
    """Whether the patient is over the age from which acting out dreams makes RBD suspected."""
    score: float | None = None
    """RBDSQ total, where it is at or over its limit."""
    score_source: str = ""
    score_day: Interval | None = None
    diagnosis: Condition | None = None

    def says(self, name: str) -> bool:
        return self.flags[name].yes is True

    @property
    def rests_on_possible(self) -> bool:
        """Whether it is a diagnosis that is only possible."""
        return self.diagnosis is not None and self.diagnosis.possible

    @property
    def sources(self) -> tuple[str, ...]:
        found = [f.source for f in self.flags.values() if f.yes and f.source]
        found += [self.diagnosis.source] if self.diagnosis else []
        return tuple(dict.fromkeys([*found, *([self.score_source] if self.score_source else [])]))


def suspicion(facts: PatientFacts) -> Fact[Suspicion]:
    """The level of suspicion; absent when nothing is recorded, unavailable when what is missing could decide it."""
    return _suspicion(facts, diagnosis(facts))


def firm_suspicion(facts: PatientFacts) -> Fact[Suspicion]:
    """The same where a possible diagnosis counts for nothing."""
    return _suspicion(facts, firm_diagnosis(facts))


def _suspicion(facts: PatientFacts, listed: Fact[Condition]) -> Fact[Suspicion]:
    if listed.known:
        return _known(Suspicion(Level.CONFIRMED, flags(facts), diagnosis=listed.value))
    past = facts.past_conditions("rbd").first()
    if past.known:
        return _known(Suspicion(Level.HISTORY, flags(facts), diagnosis=past.value))
    seen = _from_flags(facts)
    if seen.level not in (Level.NONE, Level.BENIGN):
        # A missing problem list could hold the diagnosis; what was answered stands all the same.
        return _known(seen)
    answers = [facts.answer(name) for name in RED_FLAGS]
    missing = unread(listed, *answers, _questionnaire(facts))
    return _known(seen) if seen.level is Level.BENIGN and missing == ABSENT else missing


def _known(seen: Suspicion) -> Known[Suspicion]:
    return Known(seen, seen.sources)


def diagnosis(facts: PatientFacts) -> Fact[Condition]:
    """The active diagnosis of RBD, confirmed before possible, the earliest first."""
    return facts.conditions("rbd").best(lambda c: (c.possible, not c.confirmed))


def firm_diagnosis(facts: PatientFacts) -> Fact[Condition]:
    """The active diagnosis of RBD that is not only possible."""
    return diagnosis(facts).provided(lambda listed: not listed.possible)


def settled(facts: PatientFacts) -> Fact[Condition]:
    """RBD that is on the list and not only possible, or in the history: what its red flags could lead to is done."""
    past = facts.past_conditions("rbd").first()
    return either(firm_diagnosis(facts), past)


def flags(facts: PatientFacts) -> dict[str, Flag]:
    """The questions' answers that are still valid, completed by the problem list's words."""
    answers = facts.answers(*QUESTIONS).value_or(())
    newest = {answer.question: answer for answer in reversed(answers)}
    return {name: _flag(name, newest.get(name), facts) for name in QUESTIONS}


def _flag(name: str, given: ScreeningAnswer | None, facts: PatientFacts) -> Flag:
    if given is not None and _valid(given, facts):
        return Flag(given.yes, given.day, given.informant, given.source)
    if name not in _WORDS:
        return _NOT_RECORDED
    told = facts.conditions(_WORDS[name]).where(lambda listed: not listed.possible).first()
    return told.read_as(lambda c: Flag(True, c.since, "", c.source, c.words)).value_or(_NOT_RECORDED)


def _valid(answer: ScreeningAnswer, facts: PatientFacts) -> bool:
    months = facts.numbers.whole("rbd", "yes-months" if answer.yes else "no-months")
    return facts.within_months(answer.day, months)


def _from_flags(facts: PatientFacts) -> Suspicion:
    told, over, total = flags(facts), _over(facts), _questionnaire(facts).value_or(None)
    score, source, day = (total.amount.value, total.source, total.when) if total else (None, "", None)
    return Suspicion(_level(told, over, score, facts), told, over, score, source, day)


def _level(found: Mapping[str, Flag], over: bool | None, score: float | None, facts: PatientFacts) -> Level:
    yes = {name for name, flag in found.items() if flag.yes}
    moves = bool(yes & _MOVEMENTS) or complaint(facts).known
    with_synuclein = facts.conditions(*SYNUCLEIN_SETS).known
    if "complex-movements" in yes or ("injury" in yes and moves):
        return Level.SUSPECTED
    if "dream-enactment" in yes and over:
        return Level.SUSPECTED
    if score is not None and not with_synuclein:
        return Level.SUSPECTED
    if "dream-enactment" in yes or score is not None:
        return Level.POSSIBLE
    if yes & {"vocalizations", "sustained-contractions", "dream-recall", "injury"}:
        return Level.WEAK
    return Level.BENIGN if only_jerks(found) else Level.NONE


def only_jerks(found: Mapping[str, Flag]) -> bool:
    """Whether brief jerks were told and every red flag was denied; other signs may have been told."""
    return found["brief-jerks"].yes is True and all(found[name].yes is False for name in RED_FLAGS)


def _over(facts: PatientFacts) -> bool | None:
    limit = facts.numbers.whole("rbd", "age-over")
    return facts.age.read_as(lambda age: age.over(limit)).value_or(None)


def _questionnaire(facts: PatientFacts) -> Fact[Result]:
    """The newest RBDSQ total of the window, if it reaches its limit (higher with Parkinson's disease)."""
    window = facts.numbers.whole("rbd", "yes-months")
    limit = facts.numbers.value("rbd", "rbdsq-parkinson" if facts.conditions("parkinson-disease").known else "rbdsq")
    total = labs.newest(facts, "rbdsq-total", "{score}", lambda day: facts.within_months(day, window), same=("",))
    return total.provided(lambda score: score.amount.definitely_at_least(limit))


def unanswered(facts: PatientFacts) -> Fact[tuple[str, ...]]:
    """The red-flag questions without an answer that still holds; absent when each has one."""
    told = flags(facts)
    missing = tuple([name for name in RED_FLAGS if told[name].yes is None])
    lost = unread(*[facts.answer(name) for name in missing])
    return Known(missing) if missing and lost == ABSENT else lost


def complaint(facts: PatientFacts) -> Fact[Condition]:
    """The active complaint of twitching, jerks or movements in sleep with the newest record, if that is recent."""
    window = facts.numbers.whole("rbd", "complaint-days")
    newest = facts.conditions(*COMPLAINTS).best(lambda c: -c.last_recorded.last.toordinal() if c.last_recorded else 0)
    return newest.provided(lambda told: facts.within_days(told.last_recorded, window))


def suspected_since(facts: PatientFacts, seen: Suspicion) -> Interval | None:
    """The first day on which a sign was told that makes RBD suspected, and has been told ever since."""
    telling = ("complex-movements", "injury", *(("dream-enactment",) if seen.over_age else ()))
    days = [_first_told(name, facts, seen) for name in telling if seen.says(name)]
    return min((day for day in (*days, seen.score_day) if day), key=lambda day: day.last, default=None)


def _first_told(name: str, facts: PatientFacts, seen: Suspicion) -> Interval | None:
    agreeing = list(itertools.takewhile(lambda answer: answer.yes, facts.answers(name).value_or(())))
    return agreeing[-1].day if agreeing else seen.flags[name].when
