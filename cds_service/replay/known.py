"""What of a chart was known on a day, and how it stood then, as far as the chart of today tells.

An entry counts from the day on which it was written down, else from the day that it is about; one without a date is
taken as always known. What ended only later is put back. Of what ended without a date nothing is changed: it stands as
it stands today.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TypeVar

import msgspec

from cds_service.facts.drugs import stated_ends
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Interval, interval

R = TypeVar("R", bound=fhir.Resource)

_WRITTEN: dict[type[fhir.Resource], tuple[str, ...]] = {
    fhir.Condition: ("recorded_date", "onset_date_time", "onset_period"),
    fhir.MedicationRequest: ("authored_on", "dispense_request"),
    fhir.MedicationStatement: ("date_asserted", "effective_date_time", "effective_period"),
    fhir.MedicationDispense: ("when_handed_over",),
    fhir.Observation: ("issued", "effective_date_time", "effective_instant", "effective_period"),
    fhir.Procedure: ("performed_date_time", "performed_period"),
    fhir.ServiceRequest: ("authored_on", "occurrence_date_time", "occurrence_period"),
    fhir.CarePlan: ("created", "period"),
    fhir.Task: ("authored_on", "last_modified"),
    fhir.QuestionnaireResponse: ("authored",),
    fhir.DiagnosticReport: ("issued", "effective_date_time", "effective_period"),
    fhir.Encounter: ("period",),
    fhir.AdverseEvent: ("date",),
}
"""By type the members that tell since when it is known, the first that can be read."""
_OVER = frozenset({"completed", "stopped", "finished", "revoked"})
"""Statuses of what was under way before; what was cancelled never was."""
_COURSES: dict[type[fhir.Resource], tuple[str, str]] = {
    fhir.MedicationStatement: ("effective_period", "active"),
    fhir.Procedure: ("performed_period", "in-progress"),
    fhir.CarePlan: ("period", "active"),
    fhir.Encounter: ("period", "in-progress"),
}
"""By type the period in which it was under way, and its status meanwhile."""
_DAYS = {"d": 1, "day": 1, "days": 1, "wk": 7, "week": 7, "weeks": 7, "mo": 30, "month": 30, "months": 30}


class AllergyDates(msgspec.Struct, rename="camel", gc=False):
    """The dates of an allergy, which no rule reads."""

    recorded_date: str | None = None
    onset_date_time: str | None = None

    @property
    def first(self) -> date | None:
        return _first((self.recorded_date, self.onset_date_time))


class _Meta(msgspec.Struct, rename="camel", gc=False):
    last_updated: str | None = None


class LastChange(msgspec.Struct, gc=False):
    """When a resource was changed last, which no rule reads."""

    meta: _Meta | None = None

    @property
    def day(self) -> date | None:
        return _first((self.meta.last_updated,)) if self.meta else None


def ended_before_told(resource: fhir.Resource) -> bool:
    """Whether it may have ended before the end that it states: its last change tells when at the latest."""
    return isinstance(resource, fhir.MedicationRequest) and resource.status in _OVER and _end_of(resource) is not None


def known_from(resource: fhir.Resource) -> date | None:
    """The first day on which it may have been known; None where nothing tells."""
    return _first(getattr(resource, name) for name in _WRITTEN.get(type(resource), ()))


def exact_day(text: str | None) -> date | None:
    """The day of a date that names one."""
    found = interval(text)
    return found.first if found and found.first == found.last else None


def as_it_stood(resource: R, day: date) -> R:
    """A copy as it stood at the end of the day."""
    if isinstance(resource, fhir.Condition):
        changes = _condition_then(resource, day)
    elif isinstance(resource, fhir.MedicationRequest):
        changes = {"status": "active"} if resource.status in _OVER and _is_later(_end_of(resource), day) else {}
    else:
        changes = _course_then(resource, day)
    return msgspec.structs.replace(resource, **changes)


def _course_then(resource: fhir.Resource, day: date) -> dict[str, object]:
    """What is over by today and was still under way, by its period."""
    course = _COURSES.get(type(resource))
    if course is None or getattr(resource, "status", None) not in _OVER:
        return {}
    member, status = course
    period = getattr(resource, member)
    ends = interval(period.end) if period else None
    return {"status": status} if _is_later(ends.first if ends else None, day) else {}


def _condition_then(resource: fhir.Condition, day: date) -> dict[str, object]:
    if not _is_later(_first((resource.abatement_date_time, resource.abatement_period)), day):
        return {}
    return {"abatement_date_time": None, "abatement_period": None, "clinical_status": "active"}


def _end_of(order: fhir.MedicationRequest) -> date | None:
    """The last day for which it was written, as far as it says so."""
    if ends := [end.first for end in stated_ends(order) if end]:
        return min(ends)
    supply, began = order.dispense_request, exact_day(order.authored_on)
    duration = supply.expected_supply_duration if supply else None
    days = _DAYS.get((duration.code or duration.unit or "").strip().lower()) if duration else None
    amount = fhir.number(duration.value) if duration else None
    return _after(began, days * amount) if began and days and amount is not None and amount < 4000 else None


def _after(day: date, days: float) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def _is_later(when: date | None, day: date) -> bool:
    return when is not None and when > day


def _first(written: Iterable[object]) -> date | None:
    for one in written:
        found = _days_of(one)
        if found:
            return found.first
    return None


def _days_of(written: object) -> Interval | None:
    if isinstance(written, fhir.DispenseRequest):
        written = written.validity_period
    if isinstance(written, fhir.Period):
        written = written.start or written.end
    return interval(written) if isinstance(written, str) else None
