"""The facts of one patient: age, sex, death and drafts now, the collections when a rule asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, tzinfo

from cds_service.facts.chart import Chart
from cds_service.facts.collections import COLLECTIONS, Collections
from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.numbers import Numbers
from cds_service.facts.orders import Drafted
from cds_service.facts.patient import PatientFacts
from cds_service.facts.queries import TEMPLATES
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Age, Interval, age_on, interval
from cds_service.fhir.sources import Source
from cds_service.terminology.vocabulary import Vocabulary

_OLDEST_DEATH = date(1900, 1, 2)
_DEATH_TO_COME = "a death date that has not come was left aside"


def build(
    sources: Mapping[str, Source],
    vocabulary: Vocabulary,
    numbers: Numbers,
    today: date,
    *,
    patient_id: str,
    drafts: tuple[Drafted, ...] = (),
    signing: bool = False,
    zone: tzinfo = UTC,
    base: str | None = None,
) -> PatientFacts:
    """The facts of one patient, everything being read now."""
    chart = Chart(sources, drafts, vocabulary, patient_id, zone, base)
    collections = Collections(chart, vocabulary, numbers, today, signing=signing)
    collections.need(dict.fromkeys((*sources, *TEMPLATES)))
    for name in COLLECTIONS:
        collections[name]
    return facts_of(collections)


def facts_of(collections: Collections) -> PatientFacts:
    """The facts as far as the chart was read; the Patient must have been."""
    chart = collections.chart
    patient = next(iter(chart.of(fhir.Patient)), None)
    collections.notes |= collections.draft_notes() | _set_aside(patient, collections.today)
    return PatientFacts(
        today=collections.today,
        numbers=collections.numbers,
        age=_age(patient, chart, collections.today),
        sex=_sex(patient, chart),
        dead=has_died(chart, collections.today),
        orders=collections.orders(),
        drafted=collections.drafted,
        held=collections,
        gaps=chart.gaps,
        dropped=chart.dropped,
        unreadable=tuple(chart.losses.named),
        notes=collections.notes,
        unread_codes=collections.unread_codes,
    )


def has_died(chart: Chart, today: date) -> bool:
    """Whether the chart's Patient has died."""
    patient = next(iter(chart.of(fhir.Patient)), None)
    return patient is not None and _dead(patient, today)


def _age(patient: fhir.Patient | None, chart: Chart, today: date) -> Fact[Age]:
    if patient is None:
        return Unavailable(f"patient: {chart.why_not('patient') or 'not sent'}")
    if "birthDate" in chart.losses.of(patient):
        return Unavailable("patient: Patient.birthDate cannot be read")
    born: Interval | None = interval(patient.birth_date)
    age = age_on(born, today) if born else None
    return Known(age, (f"Patient/{patient.id}",)) if age else ABSENT


def _sex(patient: fhir.Patient | None, chart: Chart) -> Fact[str]:
    if patient is None:
        return Unavailable(f"patient: {chart.why_not('patient') or 'not sent'}")
    if "gender" in chart.losses.of(patient):
        return Unavailable("patient: Patient.gender cannot be read")
    return Known(patient.gender, (f"Patient/{patient.id}",)) if patient.gender in ("male", "female") else ABSENT


def _dead(patient: fhir.Patient, today: date) -> bool:
    """Whether the patient has died; dates before 1900-01-02, before birth or after today are ignored."""
    if patient.deceased_boolean:
        return True
    died, born = interval(patient.deceased_date_time), interval(patient.birth_date)
    if died is None or died.last < _OLDEST_DEATH or died.first > today:
        return False
    return born is None or died.last >= born.first


def _set_aside(patient: fhir.Patient | None, today: date) -> dict[str, str]:
    died = interval(patient.deceased_date_time) if patient else None
    return {"patient": _DEATH_TO_COME} if died and died.first > today else {}
