"""Dementia, cognitive impairment, or a low score alone (clinical specification 2.2 DEM, MCI and CLZ-01)."""

from __future__ import annotations

from enum import Enum
from functools import partial

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, either, of, unread
from cds_service.facts.patient import Condition, PatientFacts
from cds_service.facts.words import Record, Said, Value, phrasing, possible
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import labs
from cds_service.phenotypes.labs import Result

DEMENTIA_SETS = ("alzheimer-disease", "dementia-with-lewy-bodies", "creutzfeldt-jakob-disease", "dementia")
_NAMES = {name: phrasing(name)() for name in DEMENTIA_SETS}
_MILD, _IMPAIRED, _EXPLAINED = "mild-cognitive-impairment", "cognitive-impairment", "other-cognitive-impairment"
IMPAIRMENT_SETS = (_MILD, _IMPAIRED, _EXPLAINED)
_MILDLY, _IMPAIRMENT = phrasing(_MILD)(), phrasing(_IMPAIRED)()
_SCORES = {name: phrasing(name, "score") for name in ("moca-total", "mmse-total", "bims-total", "slums-total")}
_LOW = phrasing("low-score", "score")


class Kind(Enum):
    DEMENTIA = "dementia"
    IMPAIRMENT = "impairment"
    LOW_SCORE = "low-score"


class Decline(msgspec.Struct, frozen=True):
    """What the record says of the patient's thinking, by our own short name and in its words."""

    kind: Kind
    name: Said
    words: Record | Said
    since: Interval | None
    possible: bool
    sets: frozenset[str]
    source: str

    @property
    def label(self) -> Value:
        """The name, marked where the diagnosis is only possible."""
        return possible(self.name) if self.possible else self.name


def decline(facts: PatientFacts) -> Fact[Decline]:
    """The most serious of dementia, cognitive impairment, and a newest score below its limit."""
    certain, impaired = dementia(facts), _diagnosis(facts.conditions(*IMPAIRMENT_SETS), Kind.IMPAIRMENT)
    if certain.known and certain.value.possible and impaired.known and not impaired.value.possible:
        return impaired
    coded = either(certain, impaired)
    return coded if coded.known else either(coded, low_score(facts))


def early_decline(facts: PatientFacts) -> Fact[Decline]:
    """An impairment without dementia, severity or a cause of its own, or a low score: perhaps a sign of what comes."""
    found = decline(facts)
    if found.known and found.value.kind is Kind.DEMENTIA:
        return ABSENT
    unexplained = facts.conditions(*IMPAIRMENT_SETS).where(lambda c: _EXPLAINED not in c.sets)
    return either(_diagnosis(unexplained, Kind.IMPAIRMENT), low_score(facts))


def dementia(facts: PatientFacts) -> Fact[Decline]:
    return _diagnosis(facts.conditions(*DEMENTIA_SETS), Kind.DEMENTIA)


def label_of(condition: Condition) -> Said:
    """The service's own short name for a dementia."""
    return next((_NAMES[name] for name in DEMENTIA_SETS if name in condition.sets), _NAMES["dementia"])


def _diagnosis(found: Fact[tuple[Condition, ...]], kind: Kind) -> Fact[Decline]:
    return found.best(lambda c: (c.possible, _rank(c))).read_as(lambda c: _declined(c, kind))


def _declined(found: Condition, kind: Kind) -> Decline:
    name = label_of(found) if kind is Kind.DEMENTIA else _MILDLY if _MILD in found.sets else _IMPAIRMENT
    return Decline(kind, name, Record(found.words), found.since, found.possible, found.sets, found.source)


def _rank(condition: Condition) -> int:
    return next((n for n, name in enumerate(DEMENTIA_SETS) if name in condition.sets), len(DEMENTIA_SETS))


def low_score(facts: PatientFacts) -> Fact[Decline]:
    """The newest score of the window, of whichever scale, if it is below its limit; of two on one day a low one."""
    found = {name: _newest(facts, name) for name in _SCORES}
    read = {name: fact.value for name, fact in found.items() if fact.known}
    if not read:
        return unread(*found.values())
    name = max(read, key=lambda one: (read[one].when.last, _is_low(read[one], one, facts)))
    if _is_low(read[name], name, facts):
        return of(_scored(read[name], name))
    return unread(*found.values())


def _newest(facts: PatientFacts, name: str) -> Fact[Result]:
    window, most = facts.numbers.whole("cognition", "score-months"), facts.numbers.value("scales", f"{name}-most")
    fresh = partial(facts.within_months, months=window)
    return labs.newest(facts, name, "{score}", fresh, same=("",), most=most)


def _is_low(score: Result, name: str, facts: PatientFacts) -> bool:
    return score.amount.definitely_below(facts.numbers.value("cognition", f"{name}-low"))


def _scored(score: Result, name: str) -> Decline:
    words = _SCORES[name](score=score.amount.value)
    return Decline(Kind.LOW_SCORE, _LOW(score=words), words, score.when, False, frozenset({name}), score.source)
