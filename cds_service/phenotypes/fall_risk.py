"""Fall risk: a fall, a fragility fracture, a tendency or a score (clinical specification 2.2 FALL and CLZ-02)."""

from __future__ import annotations

import msgspec

from cds_service.facts.conditions import FRACTURES
from cds_service.facts.knowledge import ABSENT, Fact, Unavailable, either, of, unread
from cds_service.facts.patient import CERTAIN_FIRST, Condition, Observation, PatientFacts
from cds_service.facts.words import Phrasing, Record, Said, Value, phrasing
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import labs
from cds_service.phenotypes.age import is_older
from cds_service.phenotypes.labs import Result

_FALL = phrasing("fall", "when")
_RECORDED = phrasing("fall-recorded", "when")
_UNDATED = phrasing("fall-undated")()
_REPORTED = phrasing("fall-reported", "when")
_SAID_YES = phrasing("falls-past-year")()
_FRACTURE_OF = {name: phrasing(name, "when") for name in FRACTURES}
_TENDENCY = phrasing("fall-tendency")()
_TENDENCY_DATED = phrasing("fall-tendency-dated", "when")
_HIGH_LEVEL = phrasing("fall-risk-high")()
_MORSE_LEVEL = phrasing("morse-level-high")()
_MORSE_TOTAL = phrasing("morse-total", "score")
_LEVEL_LOST = "observations: morse-level with a value that cannot be read"
_UP_AND_GO = phrasing("timed-up-and-go", "seconds")


class FallRisk(msgspec.Struct, frozen=True):
    """The finding that weighs most: an event before a tendency before a score."""

    label: Value
    """Short, for a summary: a fall on its day."""
    words: Record | Said
    """For the detail: what was found, in the record's words where it has any."""
    when: Interval | None
    source: str
    possible: bool = False
    denial: Fact[object] = ABSENT
    """The answers on falls that could have taken back an event without a date; unavailable if nobody could look."""


def fall_risk(facts: PatientFacts) -> Fact[FallRisk]:
    """What shows that the patient may fall; what is certain comes before what is possible.

    A later "no" to falls in the past year cancels an undated event that was recorded before it, and nothing dated.
    """
    found: list[Fact[FallRisk]] = []
    for look in (_event, _fracture, _tendency, _score):
        fact = look(facts)
        if fact.known and not fact.value.possible:
            return fact
        found.append(fact)
    return either(*found)


def _event(facts: PatientFacts) -> Fact[FallRisk]:
    dated, said = _dated(facts), _said_yes(facts)
    if dated.known and not (dated.value.possible and said.known):
        return dated
    return either(said, _undated(facts))


def _dated(facts: PatientFacts) -> Fact[FallRisk]:
    """The newest fall of the window, a certain one before a possible one."""
    window = facts.numbers.whole("fall-risk", "event-months")
    fallen = facts.events("fall-event").where(lambda event: facts.within_months(event.onset, window))
    newest = fallen.best(lambda e: (e.possible, -e.onset.last.toordinal() if e.onset else 0))
    return newest.read_as(lambda event: _fall(event, event.onset))


def _undated(facts: PatientFacts) -> Fact[FallRisk]:
    """A fall without a date, recorded in the window or on a day unknown, that was not denied since."""
    fallen = facts.events("fall-event").where(lambda event: event.onset is None and _stands(event, facts))
    return fallen.best(CERTAIN_FIRST).read_as(lambda event: _recorded(event, facts))


def _recorded(event: Condition, facts: PatientFacts) -> FallRisk:
    fall = _fall(event, event.recorded, _FALL if event.possible else _RECORDED)
    if event.recorded is None:
        return fall
    return msgspec.structs.replace(fall, denial=labs.answered(facts, "falls-past-year"))


def _fall(event: Condition, when: Interval | None, say: Phrasing = _FALL) -> FallRisk:
    label = event.called(say(when=when) if when else _UNDATED)
    return FallRisk(label, Record(event.words), when, event.source, event.possible)


def _stands(event: Condition, facts: PatientFacts) -> bool:
    if event.recorded is None:
        return True
    if not facts.within_months(event.recorded, facts.numbers.whole("fall-risk", "event-months")):
        return False
    newest = labs.answered(facts, "falls-past-year").value_or(None)
    denied_on = newest.day if newest and newest.answer is False else None
    return denied_on is None or denied_on.first < event.recorded.last


def _said_yes(facts: PatientFacts) -> Fact[FallRisk]:
    return labs.answered(facts, "falls-past-year").then(lambda newest: _told(newest, facts))


def _told(answer: Observation, facts: PatientFacts) -> Fact[FallRisk]:
    window = facts.numbers.whole("fall-risk", "event-months")
    if answer.answer is not True or not facts.within_months(answer.day, window):
        return ABSENT
    return of(FallRisk(_REPORTED(when=answer.day), _SAID_YES, answer.day, answer.source))


def _fracture(facts: PatientFacts) -> Fact[FallRisk]:
    """The newest fracture of the window that a weak bone may have had: it counts like a fall in older people."""
    if not is_older(facts):
        return ABSENT
    window = facts.numbers.whole("fall-risk", "event-months")
    broken = facts.events(*FRACTURES).where(lambda event: facts.within_months(event.since, window))
    newest = broken.best(lambda e: (e.possible, -e.since.last.toordinal() if e.since else 0))
    return newest.read_as(_broken)


def _broken(event: Condition) -> FallRisk:
    say = next(_FRACTURE_OF[name] for name in FRACTURES if name in event.sets)
    return FallRisk(event.called(say(when=event.since)), Record(event.words), event.since, event.source, event.possible)


def _tendency(facts: PatientFacts) -> Fact[FallRisk]:
    window = facts.numbers.whole("fall-risk", "tendency-months")
    recent = facts.conditions("fall-tendency").where(
        lambda item: item.last_recorded is None or facts.within_months(item.last_recorded, window)
    )
    return recent.best(CERTAIN_FIRST).read_as(_tending)


def _tending(item: Condition) -> FallRisk:
    label = _TENDENCY_DATED(when=item.last_recorded) if item.last_recorded else _TENDENCY
    return FallRisk(item.called(label), Record(item.words), item.last_recorded, item.source, item.possible)


def _score(facts: PatientFacts) -> Fact[FallRisk]:
    total, timed = _newest(facts, "morse-total", "{score}"), _newest(facts, "timed-up-and-go", "s")
    limit = facts.numbers.value("fall-risk", "timed-up-and-go-high")
    over = _over(timed, limit).read_as(lambda result: _scored(result, _UP_AND_GO(seconds=result.amount.value)))
    return either(_level(total, facts), over)


def _newest(facts: PatientFacts, name: str, unit: str) -> Fact[Result]:
    window = facts.numbers.whole("fall-risk", "score-months")
    return labs.newest(facts, name, unit, lambda day: facts.within_months(day, window), same=("",))


def _level(total: Fact[Result], facts: PatientFacts) -> Fact[FallRisk]:
    """The recorded Morse level if there is one as new as the total, else the total against the limit."""
    levels = facts.observations("morse-level")
    in_force = levels.where(lambda level: _is_in_force(level, total, facts))
    told = in_force.where(lambda level: level.readable).first()
    if told.known:
        return told.provided(lambda level: "answer-high-fall-risk" in level.answer_sets).read_as(_high)
    limit = facts.numbers.value("fall-risk", "morse-total-high")
    over = _over(total, limit).read_as(lambda result: _scored(result, _MORSE_TOTAL(score=result.amount.value)))
    return either(over, Unavailable(_LEVEL_LOST) if in_force.known else unread(levels))


def _high(level: Observation) -> FallRisk:
    return FallRisk(_HIGH_LEVEL, _MORSE_LEVEL, level.day, level.source)


def _is_in_force(level: Observation, total: Fact[Result], facts: PatientFacts) -> bool:
    if not facts.within_months(level.day, facts.numbers.whole("fall-risk", "score-months")):
        return False
    return not total.known or level.day.last >= total.value.when.last


def _over(found: Fact[Result], limit: float) -> Fact[Result]:
    return found.provided(lambda result: result.amount.definitely_at_least(limit))


def _scored(result: Result, words: Said) -> FallRisk:
    return FallRisk(words, words, result.when, result.source)
