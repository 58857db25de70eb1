"""Fall risk: an event, a recorded tendency, or a score over its limit (clinical specification 2.2 FALL and CLZ-02)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.patient import Condition, Observation, PatientFacts
from cds_service.fhir.dates import Interval, spell, within_months
from cds_service.phenotypes.numbers import Numbers


class FallRisk(msgspec.Struct, frozen=True):
    """The finding that weighs most: an event before a tendency before a score."""

    label: str
    """Short, for a summary: ``fall 12 Jan 2026``."""
    words: str
    """For the detail: what was found, in the record's words where it has any."""
    when: Interval | None
    source: str


def fall_risk(facts: PatientFacts, numbers: Numbers) -> Fact[FallRisk]:
    """What shows that the patient may fall.

    A later "no" to falls in the past year cancels an undated event that was recorded before it, and nothing dated.
    """
    return either(_event(facts, numbers), _tendency(facts, numbers), _score(facts, numbers))


def _event(facts: PatientFacts, numbers: Numbers) -> Fact[FallRisk]:
    window = numbers.months("fall-risk", "event-months")
    said = _said_yes(facts, window)
    found = facts.events("fall-event")
    if not isinstance(found, Known):
        return either(said, found)
    recent = [e for e in found.value if e.onset and within_months(e.onset, window, facts.today)]
    recent.sort(key=lambda e: e.onset.last if e.onset else facts.today, reverse=True)
    if recent:
        when = recent[0].onset
        return _risk(f"fall {spell(when)}" if when else "fall", recent[0], when)
    if isinstance(said, Known):
        return said
    undated = [e for e in found.value if e.onset is None and not _denied_since(e, facts)]
    undated = [e for e in undated if e.recorded is None or within_months(e.recorded, window, facts.today)]
    if undated:
        when = undated[0].recorded
        return _risk(f"fall recorded {spell(when)}" if when else "fall, date unknown", undated[0], when)
    return either(said, ABSENT)


def _risk(label: str, event: Condition, when: Interval | None) -> Known[FallRisk]:
    return Known(FallRisk(label, event.words, when, event.source), (event.source,))


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
    for item in found.value:
        when = item.recorded or item.onset
        if when is None or within_months(when, window, facts.today):
            return Known(FallRisk("fall risk on record", item.words, when, item.source), (item.source,))
    return ABSENT


def _score(facts: PatientFacts, numbers: Numbers) -> Fact[FallRisk]:
    return either(_level(facts, numbers), _limit(facts, numbers, "timed-up-and-go", "Timed Up and Go"))


def _level(facts: PatientFacts, numbers: Numbers) -> Fact[FallRisk]:
    """The recorded Morse level if there is one, else the Morse total against the limit."""
    found = facts.observations("morse-level")
    if not isinstance(found, Known):
        return either(_limit(facts, numbers, "morse-total", "Morse Fall Scale"), found)
    newest = found.value[0]
    if not newest.day or not within_months(newest.day, numbers.months("fall-risk", "score-months"), facts.today):
        return _limit(facts, numbers, "morse-total", "Morse Fall Scale")
    if "answer-high-fall-risk" not in newest.answer_sets:
        return ABSENT
    risk = FallRisk("high fall-risk level", "Morse Fall Scale level: high", newest.day, newest.source)
    return Known(risk, (newest.source,))


def _limit(facts: PatientFacts, numbers: Numbers, name: str, title: str) -> Fact[FallRisk]:
    found = facts.observations(name)
    if not isinstance(found, Known):
        return found
    newest: Observation = found.value[0]
    window = numbers.months("fall-risk", "score-months")
    if newest.day is None or not within_months(newest.day, window, facts.today) or newest.value is None:
        return ABSENT
    if newest.comparator in ("<", "<=") or newest.value < numbers.value("fall-risk", f"{name}-high"):
        return ABSENT
    words = f"{title} {newest.value:g}"
    return Known(FallRisk(words[:28], words, newest.day, newest.source), (newest.source,))
