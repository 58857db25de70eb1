"""Diagnoses and events: what a Condition, an Encounter's reason or an AdverseEvent says of the patient."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import msgspec

from cds_service.facts.patient import Condition
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Interval, interval
from cds_service.terminology.vocabulary import Vocabulary

_NOT_MEANT = {"refuted", "entered-in-error", "differential"}
_POSSIBLE = {"unconfirmed", "provisional"}
_PAST = {"inactive", "remission", "resolved"}
_OF_AN_ENCOUNTER = {"encounter-diagnosis"}
FRACTURES = (
    "hip-fracture",
    "vertebral-fracture",
    "pelvic-fracture",
    "upper-arm-fracture",
    "wrist-fracture",
    "osteoporotic-fracture",
)
EVENT_SETS = frozenset({"fall-event", *FRACTURES})


def condition(
    resource: fhir.Condition,
    vocabulary: Vocabulary,
    today: date,
    encounter_day: Callable[[fhir.Reference | None], Interval | None],
) -> list[Condition]:
    """A diagnosis that some value set knows; nothing for one that does not count or has not begun.

    It is two where words beside it name another in doubt. The day of its encounter is asked for only where its own
    dates leave it open.
    """
    verification = fhir.status_code(resource.verification_status)
    if verification in _NOT_MEANT:
        return []
    match = vocabulary.diagnosis(resource.code)
    if match is None:
        return []
    onset = interval(resource.onset_date_time) or _started(resource.onset_period)
    recorded = interval(resource.recorded_date) or encounter_day(resource.encounter)
    begun = onset or recorded
    if begun is not None and begun.first > today:
        return []
    if onset is None and not (match.sets | match.possible).isdisjoint(EVENT_SETS):
        onset = encounter_day(resource.encounter)
    ended = _abatement(resource)
    past = fhir.status_code(resource.clinical_status) in _PAST or resource.abatement_boolean is True
    sure = Condition(
        sets=match.sets,
        words=vocabulary.name(resource.code, match.sets | match.possible),
        source=f"Condition/{resource.id}",
        active=not past and (ended is None or ended.first > today),
        possible=verification in _POSSIBLE,
        confirmed=verification == "confirmed",
        onset=onset,
        recorded=recorded,
        ended=ended,
        last_recorded=recorded or onset,
        listed={c.code for one in fhir.many(resource.category) for c in fhir.codings(one)} != _OF_AN_ENCOUNTER,
    )
    doubtful = msgspec.structs.replace(sure, sets=match.possible, possible=True)
    return [one for one in (sure, doubtful) if one.sets]


def is_foreign(resource: fhir.Condition, vocabulary: Vocabulary) -> bool:
    """Whether a diagnosis is meant whose codes are all of systems that are not read, and whose words are not known."""
    if fhir.status_code(resource.verification_status) in _NOT_MEANT:
        return False
    return vocabulary.is_foreign(resource.code, "condition", "order") and vocabulary.diagnosis(resource.code) is None


def encounter_event(resource: fhir.Encounter, vocabulary: Vocabulary) -> Condition | None:
    """An event named as the reason of an encounter, on the encounter's day."""
    if resource.status in ("cancelled", "entered-in-error", "planned"):
        return None
    for concept in fhir.many(resource.reason_code):
        found = _event(concept, vocabulary, f"Encounter/{resource.id}", encounter_day(resource))
        if found:
            return found
    return None


def adverse_event(resource: fhir.AdverseEvent, vocabulary: Vocabulary) -> Condition | None:
    """An event that did happen; a potential one is none."""
    if resource.actuality == "potential":
        return None
    return _event(resource.event, vocabulary, f"AdverseEvent/{resource.id}", interval(resource.date))


def encounter_day(resource: fhir.Encounter) -> Interval | None:
    return interval(resource.period.start) if resource.period else None


def is_event(condition: Condition) -> bool:
    return not condition.sets.isdisjoint(EVENT_SETS)


def on_or_before(condition: Condition, today: date) -> Condition | None:
    """The event, unless its first possible day lies after today."""
    return None if condition.since and condition.since.first > today else condition


def _event(
    concept: fhir.CodeableConcept | None, vocabulary: Vocabulary, source: str, day: Interval | None
) -> Condition | None:
    match = vocabulary.diagnosis(concept)
    if match is None:
        return None
    sure = match.sets & EVENT_SETS
    sets = sure or match.possible & EVENT_SETS
    if not sets:
        return None
    return Condition(sets=sets, words=vocabulary.name(concept, sets), source=source, onset=day, possible=not sure)


def _started(when: fhir.Period | None) -> Interval | None:
    return interval(when.start) if when else None


def _abatement(resource: fhir.Condition) -> Interval | None:
    ended = interval(resource.abatement_date_time)
    if ended or resource.abatement_period is None or resource.abatement_period.end is None:
        return ended
    return interval(resource.abatement_period.end)


def merged(found: list[Condition]) -> tuple[Condition, ...]:
    """The same diagnosis sent ten times is one fact: certain before possible, with the earliest and newest dates."""
    kept: dict[tuple[object, ...], Condition] = {}
    for item in found:
        key = (item.sets, item.active, item.words.casefold(), item.since if is_event(item) else None)
        kept[key] = item if key not in kept else _sooner(kept[key], item)
    return tuple(kept.values())


def _sooner(one: Condition, other: Condition) -> Condition:
    sure = other if one.possible else one
    onsets = [c.onset for c in (one, other) if c.onset]
    records = [c.recorded for c in (one, other) if c.recorded]
    newest = [c.last_recorded for c in (one, other) if c.last_recorded]
    return msgspec.structs.replace(
        sure,
        confirmed=one.confirmed or other.confirmed,
        onset=min(onsets, key=lambda i: i.first, default=None),
        recorded=min(records, key=lambda i: i.first, default=None),
        last_recorded=max(newest, key=lambda i: i.last, default=None),
        listed=one.listed or other.listed,
    )
