"""What the record says of a drug besides that it is, or was, taken: not begun yet, refused, or without effect."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Interval, interval
from cds_service.terminology.vocabulary import Vocabulary

_TO_COME = {"draft", "on-hold"}
_NEVER_BEGUN = {"not-taken", "cancelled"}
_GIVEN_UP = {*_NEVER_BEGUN, "stopped", "completed"}
_REFUSED, _WITHOUT_EFFECT = "treatment-refused", "treatment-without-effect"


class Outcome(Enum):
    TO_COME = "to come"
    REFUSED = "refused"
    WITHOUT_EFFECT = "without effect"


class Attempt(msgspec.Struct, frozen=True):
    sets: frozenset[str]
    """The value sets of the drug."""
    source: str
    outcome: Outcome
    when: Interval | None = None
    """The day on which it ended, else the day on which it was ordered or told."""


def is_one(resource: fhir.MedicationRequest | fhir.MedicationStatement) -> bool:
    """Whether an entry may be an attempt, by its status."""
    return resource.status in _TO_COME or (resource.status in _GIVEN_UP and bool(_reasons(resource)))


def attempts(
    resource: fhir.MedicationRequest | fhir.MedicationStatement, sets: frozenset[str], vocabulary: Vocabulary
) -> Iterator[Attempt]:
    """What an entry of a drug in these value sets tells; a drug that was taken to the end was not refused."""
    source = f"{fhir.type_of(resource)}/{resource.id}"
    if resource.status in _TO_COME:
        yield Attempt(sets, source, Outcome.TO_COME)
        return
    matches = (vocabulary.codes(reason) for reason in _reasons(resource))
    said = frozenset[str]().union(*(match.sets for match in matches if match))
    if _REFUSED in said and resource.status != "completed":
        yield Attempt(sets, source, Outcome.REFUSED, _day(resource))
    if _WITHOUT_EFFECT in said and resource.status not in _NEVER_BEGUN:
        yield Attempt(sets, source, Outcome.WITHOUT_EFFECT, _day(resource))


def _day(resource: fhir.MedicationRequest | fhir.MedicationStatement) -> Interval | None:
    if isinstance(resource, fhir.MedicationStatement):
        period, told = resource.effective_period, resource.effective_date_time or resource.date_asserted
    else:
        dispense = resource.dispense_request
        period, told = dispense.validity_period if dispense else None, resource.authored_on
    return interval(period.end if period and period.end else told)


def _reasons(resource: fhir.MedicationRequest | fhir.MedicationStatement) -> list[fhir.CodeableConcept]:
    return [*fhir.many(resource.status_reason), *fhir.many(resource.reason_code)]
