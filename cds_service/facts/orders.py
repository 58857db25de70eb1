"""Draft orders, in all the shapes that clients send them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cds_service.facts.doses import dose
from cds_service.facts.drugs import Indication, Pharmacy
from cds_service.facts.patient import Dose, Order
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import interval
from cds_service.terminology.vocabulary import Vocabulary

_NOT_TOLD = Dose(why_not="the drug is none that the value sets know")
_INTENTS = {None, "order", "original-order", "instance-order", "reflex-order", "filler-order"}


class Drafted(msgspec.Struct, frozen=True):
    """An entry of draftOrders as it came: the typed resource, its bytes, and its ``Type/id``."""

    resource: fhir.Resource
    reference: str
    selected: bool = True
    raw: bytes = b""


def order(
    draft: Drafted, vocabulary: Vocabulary, pharmacy: Pharmacy, reason: Callable[..., Indication], *, signing: bool
) -> Order | None:
    """The order of a draft, or None for a resource that orders nothing (proposal, on hold, not to be done)."""
    resource = draft.resource
    if isinstance(resource, fhir.MedicationRequest):
        return _medication_order(draft, resource, pharmacy, reason, signing=signing)
    if isinstance(resource, fhir.ServiceRequest):
        return _service_order(draft, resource, vocabulary, reason, signing=signing)
    return None


def _counts(status: str | None, intent: str | None, do_not_perform: bool | None, *, signing: bool) -> bool:
    if do_not_perform or intent not in _INTENTS:
        return False
    return status in (None, "draft", "stopped", "cancelled") or (signing and status == "active")


def _medication_order(
    draft: Drafted,
    resource: fhir.MedicationRequest,
    pharmacy: Pharmacy,
    reason: Callable[..., Indication],
    *,
    signing: bool,
) -> Order | None:
    if not _counts(resource.status, resource.intent, resource.do_not_perform, signing=signing):
        return None
    named = pharmacy.name(
        resource.medication_codeable_concept, resource.medication_reference, fhir.many(resource.contained)
    )
    why = reason(resource.reason_code, resource.reason_reference)
    return Order(
        kind="MedicationRequest",
        source=draft.reference,
        selected=draft.selected,
        stops=resource.status in ("stopped", "cancelled"),
        drug=named.drug,
        drug_unreadable=named.unreadable,
        words=named.drug.words if named.drug else "",
        reasons=why.sets,
        reason_words=why.words,
        each_reason=why.each,
        written=interval(resource.authored_on),
        dose=dose(resource.dosage_instruction, named.drug.strength_mg) if named.drug else _NOT_TOLD,
        raw=draft.raw,
    )


def _service_order(
    draft: Drafted,
    resource: fhir.ServiceRequest,
    vocabulary: Vocabulary,
    reason: Callable[..., Indication],
    *,
    signing: bool,
) -> Order | None:
    if not _counts(resource.status, resource.intent, resource.do_not_perform, signing=signing):
        return None
    match = vocabulary.codes(resource.code)
    why = reason(resource.reason_code, resource.reason_reference)
    return Order(
        kind="ServiceRequest",
        source=draft.reference,
        selected=draft.selected,
        stops=resource.status in ("stopped", "cancelled"),
        sets=match.sets if match else frozenset(),
        words=next(fhir.texts(resource.code), ""),
        reasons=why.sets,
        reason_words=why.words,
        each_reason=why.each,
        raw=draft.raw,
    )
