"""What resources refer to and nobody has sent: a drug, the Encounter of a diagnosis, the reason of a draft."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.fhir import elements as fhir
from cds_service.fhir.references import local, unversioned
from cds_service.fhir_client.egress import Base

REFERRING: dict[type[fhir.Resource], frozenset[type[fhir.Resource]]] = {
    fhir.Medication: frozenset({fhir.MedicationRequest, fhir.MedicationStatement, fhir.MedicationDispense}),
    fhir.Encounter: frozenset({fhir.Condition}),
    fhir.Condition: frozenset({fhir.MedicationRequest, fhir.ServiceRequest}),
}
"""The types that are followed, and the types whose references to them are."""


def unresolved(kind: type[fhir.Resource], resources: Iterable[fhir.Resource], base: Base) -> list[str]:
    """The ids of one type that the resources refer to on this server and that are not among them, each once."""
    resources = list(resources)
    named = dict.fromkeys(_id(reference, kind, base) for reference in _references(kind, resources, base))
    if not named:
        return []
    present = {resource.id for resource in resources if type(resource) is kind and _is_of(resource, base)}
    return [name for name in named if name and name not in present]


def _references(kind: type[fhir.Resource], resources: Iterable[fhir.Resource], base: Base) -> Iterator[fhir.Reference]:
    referring = REFERRING[kind]
    for resource in resources:
        if type(resource) not in referring or not _is_of(resource, base):
            continue
        if kind is fhir.Condition:
            yield from _reasons(resource)
            continue
        reference = _of_condition(resource) if isinstance(resource, fhir.Condition) else _of_order(resource)
        if reference is not None:
            yield reference


def _is_of(resource: fhir.Resource, base: Base) -> bool:
    """Whether it is of this server: what came without a web address is."""
    address = resource.full_url or ""
    return "://" not in address or base.within(address) is not None


def _reasons(resource: fhir.Resource) -> list[fhir.Reference]:
    """What a draft is for; the reasons of older orders are not worth a question."""
    order = resource if isinstance(resource, fhir.MedicationRequest | fhir.ServiceRequest) else None
    return fhir.many(order.reason_reference) if order and order.status == "draft" else []


def _of_condition(resource: fhir.Condition) -> fhir.Reference | None:
    """The encounter stands in for the day of onset, so one that begins on a known day needs none."""
    return None if resource.onset_date_time or resource.onset_period else resource.encounter


def _of_order(resource: fhir.Resource) -> fhir.Reference | None:
    """The Medication of an order, unless a concept beside it says what it is."""
    coded: fhir.CodeableConcept | None = getattr(resource, "medication_codeable_concept", None)
    reference: fhir.Reference | None = getattr(resource, "medication_reference", None)
    says = any(fhir.texts(coded)) or any(coding.code for coding in fhir.codings(coded))
    return None if says else reference


def _id(reference: fhir.Reference, kind: type[fhir.Resource], base: Base) -> str | None:
    """The bare id, unless it is contained, on another server, or could be read as more than one id."""
    target = unversioned(reference.reference or "")
    if target.startswith(("#", "urn:")) or ("://" in target and not base.within(target)):
        return None
    of, _, name = local(target).rpartition("/")
    return name if name and of == kind.__name__ and "," not in name and "?" not in name else None
