"""How sure the record is about REM sleep behaviour disorder (clinical specification 2.3).

The flags are not a validated score and are never added up or shown as a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.patient import Condition, PatientFacts, ScreeningAnswer
from cds_service.fhir.dates import Interval, within_months
from cds_service.phenotypes.numbers import Numbers

SYNUCLEIN_SETS = ("parkinson-disease", "dementia-with-lewy-bodies", "multiple-system-atrophy")
_MOVEMENTS = {"complex-movements", "dream-enactment", "brief-jerks", "sustained-contractions"}
_COMPLAINTS = ("sleep-twitching", "sleep-movement-disorder", "parasomnia-unspecified")
_WORDS = {
    "complex-movements": "complex-sleep-movements",
    "vocalizations": "sleep-vocalization",
    "dream-enactment": "dream-enactment",
    "injury": "sleep-injury",
}
QUESTIONS = (
    "complex-movements",
    "vocalizations",
    "dream-enactment",
    "sustained-contractions",
    "injury",
    "dream-recall",
    "brief-jerks",
    "only-at-sleep-onset",
)


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
    if seen.level is not Level.NONE:
        # A missing problem list could hold the diagnosis; what was answered stands all the same.
        return _known(seen)
    for missing in (found, facts.answer("dream-enactment")):
        if isinstance(missing, Unavailable):
            return missing
    return ABSENT


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
    return {name: _flag(name, facts, numbers) for name in QUESTIONS}


def _flag(name: str, facts: PatientFacts, numbers: Numbers) -> Flag:
    answered = facts.answer(name)
    if isinstance(answered, Known) and _valid(answered.value, facts, numbers):
        given = answered.value
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
    score, source = _questionnaire(facts, numbers)
    return Suspicion(_level(found, over, score, facts), found, over, score, source)


def _level(found: Mapping[str, Flag], over: bool | None, score: float | None, facts: PatientFacts) -> Level:
    yes = {name for name, flag in found.items() if flag.yes}
    moves = bool(yes & _MOVEMENTS) or isinstance(facts.conditions(*_COMPLAINTS), Known)
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
    denied = all(found[n].yes is False for n in ("complex-movements", "vocalizations", "dream-enactment", "injury"))
    return Level.BENIGN if "brief-jerks" in yes and denied else Level.NONE


def _over(facts: PatientFacts, numbers: Numbers) -> bool | None:
    age = facts.age
    return age.value.over(int(numbers.value("rbd", "age-over"))) if isinstance(age, Known) else None


def _questionnaire(facts: PatientFacts, numbers: Numbers) -> tuple[float | None, str]:
    """The newest RBDSQ total of the window, if it reaches its limit (higher with Parkinson's disease)."""
    found = facts.observations("rbdsq-total")
    if not isinstance(found, Known):
        return None, ""
    newest = found.value[0]
    parkinson = isinstance(facts.conditions("parkinson-disease"), Known)
    limit = numbers.value("rbd", "rbdsq-parkinson" if parkinson else "rbdsq")
    fresh = newest.day is not None and within_months(newest.day, numbers.months("rbd", "yes-months"), facts.today)
    return (newest.value, newest.source) if fresh and newest.value is not None and newest.value >= limit else (None, "")
