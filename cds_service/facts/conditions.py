"""Diagnoses and events: what a Condition, an Encounter's reason or an AdverseEvent says of the patient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

import msgspec

from cds_service.facts.patient import Condition
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Interval, interval, leading_date, years_after
from cds_service.fhir.quantities import amount
from cds_service.fhir.statuses import CLINICAL, ERROR, VERIFICATION, is_error, status_of
from cds_service.terminology.drug_names import Match
from cds_service.terminology.vocabulary import Vocabulary

_NOT_MEANT = {"refuted", ERROR, "differential"}
_NO_ENCOUNTER = ("cancelled", "entered-in-error", "planned")
_PALLIATIVE = "palliative"
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
RBD, PROVEN = "rbd", "proven-by-sleep-study"
EVENT_SETS = frozenset({"fall-event", *FRACTURES})
_ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"


def condition(
    resource: fhir.Condition,
    vocabulary: Vocabulary,
    today: date,
    encounter_day: Callable[[fhir.Condition], Interval | None],
    born: Interval | None = None,
) -> list[Condition]:
    """A diagnosis that some value set knows; nothing for one that does not count or has not begun.

    It is two where words beside it name another in doubt. The day of its encounter is asked for only where its own
    dates leave it open. An age needs the birth date.
    """
    match = vocabulary.diagnosis(resource.code)
    if match is None:
        return []
    verification = _verification(resource)
    if verification in _NOT_MEANT:
        return []
    if resource.note and RBD in match.sets:
        match = _with_notes(match, resource, vocabulary)
    onset = _onset(resource, born)
    recorded = _asserted(resource) or interval(resource.recorded_date) or encounter_day(resource)
    begun = onset or recorded
    if begun is not None and begun.first > today:
        return []
    if onset is None and not (match.sets | match.possible).isdisjoint(EVENT_SETS):
        onset = encounter_day(resource)
    ended = _abatement(resource, born)
    past = status_of(resource.clinical_status, CLINICAL) in _PAST
    sure = Condition(
        sets=match.sets,
        words=vocabulary.name(resource.code, match.sets | match.possible),
        source=f"Condition/{resource.id}",
        active=not past and (ended.first > today if ended else not _has_abated(resource)),
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


def _with_notes(match: Match, resource: fhir.Condition, vocabulary: Vocabulary) -> Match:
    """The same, proven by a study where a note says so."""
    said = (vocabulary.diagnosis(fhir.CodeableConcept(text=note.text)) for note in fhir.many(resource.note))
    proven = any(told and PROVEN in told.sets for told in said)
    return msgspec.structs.replace(match, sets=match.sets | {PROVEN}) if proven else match


def is_foreign(resource: fhir.Condition, vocabulary: Vocabulary) -> bool:
    """Whether a diagnosis is meant whose codes are all of systems that are not read, and whose words are not known."""
    foreign = vocabulary.is_foreign(resource.code, "condition", "order") and vocabulary.diagnosis(resource.code) is None
    return foreign and _verification(resource) not in _NOT_MEANT


def is_nameless(resource: fhir.Condition) -> bool:
    """Whether a diagnosis is meant, and neither a code nor a word says which."""
    code = resource.code
    named = code is not None and (code.text or any(one.code or one.display for one in fhir.codings(code)))
    return not named and _verification(resource) not in _NOT_MEANT


def _verification(resource: fhir.Condition) -> str | None:
    """The verification status: in error wherever it is said so, in the clinical one too."""
    verification = resource.verification_status
    return ERROR if is_error(verification, resource.clinical_status) else status_of(verification, VERIFICATION)


def encounter_event(resource: fhir.Encounter, vocabulary: Vocabulary) -> Condition | None:
    """An event named as the reason of an encounter, on the encounter's day."""
    if resource.status in _NO_ENCOUNTER:
        return None
    for concept in fhir.many(resource.reason_code):
        found = _event(concept, vocabulary, f"Encounter/{resource.id}", encounter_day(resource))
        if found:
            return found
    return None


def palliative_encounters(found: Iterable[fhir.Encounter], vocabulary: Vocabulary, today: date) -> Iterator[Condition]:
    """Palliative care as an encounter's type, service or reason, on its day; one without a day does not count."""
    for resource in found:
        visit = _palliative(resource, vocabulary)
        if visit and on_or_before(visit, today):
            yield visit


def _palliative(resource: fhir.Encounter, vocabulary: Vocabulary) -> Condition | None:
    day = encounter_day(resource)
    if resource.status in _NO_ENCOUNTER or day is None:
        return None
    for concept in (*fhir.many(resource.type), resource.service_type, *fhir.many(resource.reason_code)):
        match = vocabulary.diagnosis(concept)
        if match and _PALLIATIVE in match.sets:
            words, sets = vocabulary.name(concept, match.sets), frozenset({_PALLIATIVE})
            source = f"Encounter/{resource.id}"
            return Condition(sets, words, source, onset=day, recorded=day, last_recorded=day, listed=False)
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


def _onset(resource: fhir.Condition, born: Interval | None) -> Interval | None:
    return (
        interval(resource.onset_date_time)
        or _started(resource.onset_period)
        or _at_age(resource.onset_age, resource.onset_range, born)
        or leading_date(resource.onset_string)
    )


def _asserted(resource: fhir.Condition) -> Interval | None:
    dates = [one.value_date_time for one in fhir.many(resource.extension) if one.url == _ASSERTED]
    return interval(dates[0]) if dates else None


def _abatement(resource: fhir.Condition, born: Interval | None) -> Interval | None:
    """The day it ended, as far as one is told."""
    period = resource.abatement_period
    return (
        interval(resource.abatement_date_time)
        or (interval(period.end or period.start) if period else None)
        or _at_age(resource.abatement_age, resource.abatement_range, born)
        or leading_date(resource.abatement_string)
    )


def _has_abated(resource: fhir.Condition) -> bool:
    """Whether an end is told without a day."""
    told = resource.abatement_boolean, resource.abatement_age, resource.abatement_range
    return any(told) or (resource.abatement_string or "").strip().lower() not in ("", "false", "no")


def _at_age(age: fhir.Quantity | None, ages: fhir.Range | None, born: Interval | None) -> Interval | None:
    """The days of an age or a range of ages in years."""
    lowest, highest = _years(ages.low if ages else age), _years(ages.high if ages else age)
    return None if born is None or lowest is None or highest is None else years_after(born, lowest, highest)


def _years(age: fhir.Quantity | None) -> int | None:
    found = amount(age)
    return int(found.value) if found and found.unit == "a" and not found.comparator else None


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
