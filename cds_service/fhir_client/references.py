"""What resources refer to and nobody has sent: the Medication of an order, the Encounter of a diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.fhir import elements as fhir
from cds_service.fhir_client.egress import Base

REFERRING: dict[type[fhir.Resource], frozenset[type[fhir.Resource]]] = {
    fhir.Medication: frozenset({fhir.MedicationRequest, fhir.MedicationStatement, fhir.MedicationDispense}),
    fhir.Encounter: frozenset({fhir.Condition}),
}
"""The types that are followed, and the types whose references to them are."""


def unresolved(kind: type[fhir.Resource], resources: Iterable[fhir.Resource], base: Base) -> list[str]:
    """The ids of one type that the resources refer to on this server and that are not among them, each once."""
    resources = list(resources)
    named = dict.fromkeys(_id(reference, kind, base) for reference in _references(kind, resources))
    if not named:
        return []
    present = {resource.id for resource in resources if type(resource) is kind}
    return [name for name in named if name and name not in present]


def _references(kind: type[fhir.Resource], resources: Iterable[fhir.Resource]) -> Iterator[fhir.Reference]:
    referring = REFERRING[kind]
    for resource in resources:
        if type(resource) not in referring:
            continue
        reference = _of_condition(resource) if isinstance(resource, fhir.Condition) else _of_order(resource)
        if reference is not None:
            yield reference


def _of_condition(resource: fhir.Condition) -> fhir.Reference | None:
    """The encounter stands in for the day of onset, so one that begins on a known day needs none."""
    return None if resource.onset_date_time or resource.onset_period else resource.encounter


def _of_order(resource: fhir.Resource) -> fhir.Reference | None:
    coded = getattr(resource, "medication_codeable_concept", None)
    reference: fhir.Reference | None = getattr(resource, "medication_reference", None)
    return None if coded is not None else reference


def _id(reference: fhir.Reference, kind: type[fhir.Resource], base: Base) -> str | None:
    """The bare id, unless it is contained, on another server, or could be read as more than one id."""
    target = reference.reference or ""
    if "://" in target and not base.within(target):
        return None
    name = fhir.reference_id(reference, kind.__name__)
    return name if name and not target.startswith(("#", "urn:")) and "," not in name and "?" not in name else None
