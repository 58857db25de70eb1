"""The R4 elements this service reads, as typed values decoded straight from JSON.

Only what a fact needs is named; every other member is skipped by the decoder at no cost.
What cannot be decoded as typed goes through :mod:`cds_service.fhir.lenient`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, Union

import msgspec

from cds_service.fhir.datatypes import (
    Annotation as Annotation,
    CodeableConcept as CodeableConcept,
    Coding as Coding,
    ConceptKey as ConceptKey,
    Element as Element,
    Extension as Extension,
    Many as Many,
    Meta as Meta,
    Number as Number,
    Period as Period,
    Quantity as Quantity,
    Range as Range,
    Ratio as Ratio,
    Reference as Reference,
    Status as Status,
    codings as codings,
    concept_key as concept_key,
    many as many,
    number as number,
    texts as texts,
)
from cds_service.fhir.resource_types import OTHER_RELEASES, UNREAD

NOT_R4 = OTHER_RELEASES


class Repeat(Element):
    frequency: Number = None
    frequency_max: Number = None
    count: Number = None
    period: Number = None
    period_max: Number = None
    period_unit: str | None = None
    when: Many[str] = None
    time_of_day: Many[str] = None
    day_of_week: Many[str] = None
    bounds_period: Period | None = None


class Timing(Element):
    repeat: Repeat | None = None
    code: CodeableConcept | None = None


class DoseAndRate(Element):
    dose_quantity: Quantity | None = None
    dose_range: Range | None = None


class Dosage(Element):
    sequence: Number = None
    text: str | None = None
    timing: Timing | None = None
    as_needed_boolean: bool | None = None
    route: CodeableConcept | None = None
    dose_and_rate: Many[DoseAndRate] = None
    dose_quantity: Quantity | None = None


class DispenseRequest(Element):
    validity_period: Period | None = None
    expected_supply_duration: Quantity | None = None


class Ingredient(Element):
    item_codeable_concept: CodeableConcept | None = None
    item_reference: Reference | None = None
    strength: Ratio | None = None


class Answer(Element):
    value_boolean: bool | None = None
    value_coding: Coding | None = None
    value_string: str | None = None
    item: Many[Item] = None


class Component(Element):
    """One result of a panel, with a code and the same kinds of value as an Observation.

    They are named twice, for a struct has no more than one base with members.
    """

    code: CodeableConcept | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_boolean: bool | None = None
    value_string: str | None = None
    value_integer: Number = None
    value_ratio: Ratio | None = None
    data_absent_reason: CodeableConcept | None = None


class Item(Element):
    link_id: str | None = None
    answer: Many[Answer] = None
    item: Many[Item] = None


class Reaction(Element):
    substance: CodeableConcept | None = None


class Issue(Element):
    severity: str | None = None
    code: str | None = None


class Resource(msgspec.Struct, gc=False, rename="camel", tag_field="resourceType"):
    """Any FHIR resource; the name of its type is ``type_of(resource)``."""

    id: str | None = None
    meta: Meta | None = None
    full_url: str | None = None
    """The address under which it came in its Bundle, no member of the resource itself."""


class Patient(Resource, tag=True):
    birth_date: str | None = None
    gender: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None


class Condition(Resource, tag=True):
    clinical_status: Status | str | None = None
    verification_status: Status | str | None = None
    category: Many[CodeableConcept] = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    """Only DSTU2 has this member; it marks the resource as not R4."""
    encounter: Reference | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    onset_age: Quantity | None = None
    onset_range: Range | None = None
    onset_string: str | None = None
    abatement_date_time: str | None = None
    abatement_period: Period | None = None
    abatement_age: Quantity | None = None
    abatement_range: Range | None = None
    abatement_string: str | None = None
    abatement_boolean: bool | None = None
    recorded_date: str | None = None
    note: Many[Annotation] = None
    extension: Many[Extension] = None


class ReferenceRange(Element, gc=False):
    high: Quantity | None = None


class Observation(Resource, tag=True):
    status: str | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    focus: Many[Reference] = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    effective_instant: str | None = None
    issued: str | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_boolean: bool | None = None
    value_string: str | None = None
    value_integer: Number = None
    value_ratio: Ratio | None = None
    data_absent_reason: CodeableConcept | None = None
    has_member: Many[Reference] = None
    component: Many[Component] = None
    reference_range: Many[ReferenceRange] = None


class Substance(Resource, tag=True):
    code: CodeableConcept | None = None


class Medication(Resource, tag=True):
    contained: Many[AnyResource] = None
    code: CodeableConcept | None = None
    form: CodeableConcept | None = None
    ingredient: Many[Ingredient] = None


class MedicationRequest(Resource, tag=True):
    contained: Many[AnyResource] = None
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    medication: dict[str, Any] | None = None
    """Only R5 has this member; it marks the resource as not R4."""
    subject: Reference | None = None
    authored_on: str | None = None
    requester: Any = None
    """As it was sent: nothing is decided by it, so that one that cannot be read loses nothing."""
    status_reason: Many[CodeableConcept] = None
    reason_code: Many[CodeableConcept] = None
    reason_reference: Many[Reference] = None
    reported_boolean: bool | None = None
    reported_reference: Reference | None = None
    dosage_instruction: Many[Dosage] = None
    dispense_request: DispenseRequest | None = None


class MedicationStatement(Resource, tag=True):
    contained: Many[AnyResource] = None
    status: str | None = None
    taken: str | None = None
    """Only STU3 has this member; it marks the resource as not R4."""
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    medication: dict[str, Any] | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    date_asserted: str | None = None
    status_reason: Many[CodeableConcept] = None
    reason_code: Many[CodeableConcept] = None
    reason_reference: Many[Reference] = None
    dosage: Many[Dosage] = None


class MedicationDispense(Resource, tag=True):
    contained: Many[AnyResource] = None
    status: str | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    medication: dict[str, Any] | None = None
    subject: Reference | None = None
    days_supply: Quantity | None = None
    when_handed_over: str | None = None
    dosage_instruction: Many[Dosage] = None


class Procedure(Resource, tag=True):
    status: str | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None


class ServiceRequest(Resource, tag=True):
    contained: Many[AnyResource] = None
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    authored_on: str | None = None
    requester: Any = None
    """As in a MedicationRequest."""
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    reason_code: Many[CodeableConcept] = None
    reason_reference: Many[Reference] = None


class CarePlan(Resource, tag=True):
    status: str | None = None
    intent: str | None = None
    category: Many[CodeableConcept] = None
    title: str | None = None
    subject: Reference | None = None
    period: Period | None = None
    created: str | None = None


class Task(Resource, tag=True):
    status: str | None = None
    intent: str | None = None
    code: CodeableConcept | None = None
    description: str | None = None
    focus: Reference | None = None
    for_: Reference | None = msgspec.field(default=None, name="for")
    authored_on: str | None = None
    last_modified: str | None = None


class QuestionnaireResponse(Resource, tag=True):
    questionnaire: str | None = None
    status: str | None = None
    subject: Reference | None = None
    authored: str | None = None
    item: Many[Item] = None


class AllergyIntolerance(Resource, tag=True):
    clinical_status: Status | str | None = None
    verification_status: Status | str | None = None
    code: CodeableConcept | None = None
    patient: Reference | None = None
    reaction: Many[Reaction] = None


class DiagnosticReport(Resource, tag=True):
    contained: Many[AnyResource] = None
    status: str | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    result: Many[Reference] = None


class Encounter(Resource, tag=True):
    status: str | None = None
    subject: Reference | None = None
    period: Period | None = None
    type: Many[CodeableConcept] = None
    service_type: CodeableConcept | None = None
    reason_code: Many[CodeableConcept] = None


class AdverseEvent(Resource, tag=True):
    actuality: str | None = None
    event: CodeableConcept | None = None
    subject: Reference | None = None
    date: str | None = None


class OperationOutcome(Resource, tag=True):
    issue: Many[Issue] = None


class BundleLink(Element):
    relation: str | None = None
    url: str | None = None


class Entry(Element):
    full_url: str | None = None
    resource: AnyResource | None = None


class Bundle(Resource, tag=True):
    type: str | None = None
    total: Number = None
    link: Many[BundleLink] = None
    entry: Many[Entry] = None


# A tagged union refuses a whole body for one unnamed type, so every R4 type is named, the unread ones without fields.
READ: tuple[type[Resource], ...] = tuple(Resource.__subclasses__())
OTHERS: tuple[type[msgspec.Struct], ...] = tuple(
    msgspec.defstruct(name, [], bases=(Resource,), tag=True) for name in (*UNREAD, *OTHER_RELEASES)
)

if TYPE_CHECKING:
    AnyResource: TypeAlias = Resource
else:
    AnyResource = Union[(*READ, *OTHERS)]


def type_of(resource: Resource) -> str:
    """The resource's ``resourceType``."""
    return type(resource).__name__
