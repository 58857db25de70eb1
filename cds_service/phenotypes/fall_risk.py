"""Fall risk: an event, a recorded tendency, or a score over its limit (clinical specification 2.2 FALL and CLZ-02)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Condition, Observation, PatientFacts
from cds_service.fhir.dates import Interval, spell, within_months
from cds_service.phenotypes import labs
from cds_service.phenotypes.labs import Result


class FallRisk(msgspec.Struct, frozen=True):
    """The finding that weighs most: an event before a tendency before a score."""

    label: str
    """Short, for a summary: ``fall 12 Jan 2026``."""
    words: str
    """For the detail: what was found, in the record's words where it has any."""
    when: Interval | None
    source: str
    possible: bool = False
    denial: Fact[object] = ABSENT
    """The answers on falls that could have taken back an event without a date; unavailable if nobody could look."""


def fall_risk(facts: PatientFacts, numbers: Numbers) -> Fact[FallRisk]:
    """What shows that the patient may fall; what is certain comes before what is possible.

    A later "no" to falls in the past year cancels an undated event that was recorded before it, and nothing dated.
    """
    found: list[Fact[FallRisk]] = []
    for look in (_event, _tendency, _score):
        fact = look(facts, numbers)
        if isinstance(fact, Known) and not fact.value.possible:
            return fact
        found.append(fact)
    return either(*found)


def _event(facts: PatientFacts, numbers: Numbers) -> Fact[FallRisk]:
    window = numbers.months("fall-risk", "event-months")
    said = _said_yes(facts, window)
    found = facts.events("fall-event")
    if not isinstance(found, Known):
        return either(said, found)
    recent = [e for e in found.value if e.onset and within_months(e.onset, window, facts.today)]
    recent.sort(key=lambda e: (not e.possible, e.onset.last if e.onset else facts.today), reverse=True)
    if recent and not (recent[0].possible and isinstance(said, Known)):
        when = recent[0].onset
        return _risk(f"fall {spell(when)}" if when else "fall", recent[0], when)
    if isinstance(said, Known):
        return said
    undated = [e for e in found.value if e.onset is None and not _denied_since(e, facts)]
    undated = [e for e in undated if e.recorded is None or within_months(e.recorded, window, facts.today)]
    if undated:
        event = min(undated, key=lambda e: e.possible)
        when, verb = event.recorded, "" if event.possible else "recorded "
        fallen = _risk(f"fall {verb}{spell(when)}" if when else "fall, date unknown", event, when)
        denial = facts.observations("falls-past-year") if when else ABSENT
        return Known(msgspec.structs.replace(fallen.value, denial=denial), fallen.sources)
    return either(said, ABSENT)


def _risk(label: str, event: Condition, when: Interval | None) -> Known[FallRisk]:
    label = f"possible {label}" if event.possible else label
    return Known(FallRisk(label, event.words, when, event.source, event.possible), (event.source,))


def _said_yes(facts: PatientFacts, window: int) -> Fact[FallRisk]:
    found = facts.observations("falls-past-year")
    if not isinstance(found, Known):
        return found
    newest = found.value[0]
    if newest.answer is not True or newest.day is None or not within_months(newest.day, window, facts.today):
        return ABSENT
    label = f"fall reported {spell(newest.day)}"
    return Known(FallRisk(label, "falls in the past year: yes", newest.day, newest.source), (newest.source,))


def _denied_since(event: Condition, facts: PatientFacts) -> bool:
    found = facts.observations("falls-past-year")
    if not isinstance(found, Known) or event.recorded is None:
        return False
    newest = found.value[0]
    return newest.answer is False and newest.day is not None and newest.day.first >= event.recorded.last


def _tendency(facts: PatientFacts, numbers: Numbers) -> Fact[FallRisk]:
    found = facts.conditions("fall-tendency")
    if not isinstance(found, Known):
        return found
    window = numbers.months("fall-risk", "tendency-months")
    for item in sorted(found.value, key=lambda c: c.possible):
        when = item.last_recorded
        if when is None or within_months(when, window, facts.today):
            label = "possible fall risk" if item.possible else "fall risk on record"
            return Known(FallRisk(label, item.words, when, item.source, item.possible), (item.source,))
    return ABSENT


def _score(facts: PatientFacts, numbers: Numbers) -> Fact[FallRisk]:
    window = numbers.months("fall-risk", "score-months")
    total = labs.newest(facts, "morse-total", "{score}", _fresh(facts, window), same=("",))
    timed = labs.newest(facts, "timed-up-and-go", "s", _fresh(facts, window), same=("",))
    return either(
        _level(total, facts, numbers),
        _over(timed, numbers.value("fall-risk", "timed-up-and-go-high"), "Timed Up and Go"),
    )


def _fresh(facts: PatientFacts, months: int) -> Callable[[Interval], bool]:
    return lambda when: within_months(when, months, facts.today)


def _level(total: Fact[Result], facts: PatientFacts, numbers: Numbers) -> Fact[FallRisk]:
    """The recorded Morse level if there is one as new as the total, else the total against the limit."""
    found = facts.observations("morse-level")
    levels = found.value if isinstance(found, Known) else ()
    newest = next((o for o in levels if _is_in_force(o, total, facts, numbers)), None)
    if newest is None:
        told = _over(total, numbers.value("fall-risk", "morse-total-high"), "Morse Fall Scale")
        return told if isinstance(found, Known) else either(told, found)
    if "answer-high-fall-risk" not in newest.answer_sets:
        return ABSENT
    risk = FallRisk("high fall-risk level", "Morse Fall Scale level: high", newest.day, newest.source)
    return Known(risk, (newest.source,))


def _is_in_force(level: Observation, total: Fact[Result], facts: PatientFacts, numbers: Numbers) -> bool:
    if level.day is None or not within_months(level.day, numbers.months("fall-risk", "score-months"), facts.today):
        return False
    return not isinstance(total, Known) or level.day.last >= total.value.when.last


def _over(found: Fact[Result], limit: float, title: str) -> Fact[FallRisk]:
    if not isinstance(found, Known):
        return found
    result = found.value
    if not result.amount.definitely_at_least(limit):
        return ABSENT
    words = f"{title} {result.amount.value:g}"
    return Known(FallRisk(words[:28], words, result.when, result.source), (result.source,))
