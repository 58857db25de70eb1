"""Draft orders, in all the shapes that clients send them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

import msgspec

from cds_service.facts.doses import dose
from cds_service.facts.drafted import NOTHING_DRAFTED, DraftedSets
from cds_service.facts.drugs import Indication
from cds_service.facts.losses import NAMES_THE_DRUG, Losses, is_named
from cds_service.facts.patient import Dose, Order
from cds_service.facts.pharmacy import Named, Pharmacy
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import interval
from cds_service.fhir.references import clinician
from cds_service.fhir.sources import Unreadable
from cds_service.terminology.vocabulary import Vocabulary

_NOT_TOLD = Dose(why_not="the drug is none that the value sets know")
_INTENTS = {None, "order", "original-order", "instance-order", "reflex-order", "filler-order"}
_NO_SETS: frozenset[str] = frozenset()
_DECIDES = frozenset({"status", "intent", "doNotPerform", "subject"})
"""Members without which it cannot be told whether a draft is an order for the patient."""
_DOSAGE = "dosageInstruction"
_UNREAD, _NAMELESS = "a draft cannot be read", "could not tell which service"
STOPPED = ("stopped", "cancelled")
REQUESTS = (fhir.MedicationRequest, fhir.ServiceRequest)
"""The types of orders that are reviewed."""


class Drafted(msgspec.Struct, frozen=True):
    """An entry of draftOrders as it came: the typed resource, its bytes, and its ``Type/id``.

    Without a resource it is one that cannot be read at all.
    """

    resource: fhir.Resource | None
    reference: str
    selected: bool = True
    raw: bytes = b""
    unreadable: tuple[Unreadable, ...] = ()


class Ordered(msgspec.Struct, frozen=True):
    """What a draft orders, as far as the value sets know it."""

    draft: Drafted
    request: fhir.MedicationRequest | fhir.ServiceRequest
    named: Named = Named()
    """The drug of a MedicationRequest."""
    sets: frozenset[str] = _NO_SETS
    """The value sets of the drug or of the service."""
    lost: frozenset[str] = _NO_SETS
    """Members of the request of which something cannot be read."""
    unread: str = ""
    """What cannot be read, where it leaves open whether the draft orders something or what."""
    may_be_service: bool = False
    """Whether that is open of a service."""
    words: str = ""
    """What a draft of a service calls it."""
    reasons: frozenset[str] = _NO_SETS
    """The value sets of what a drug is ordered for, as far as the draft itself says it."""


def ordered(
    draft: Drafted, vocabulary: Vocabulary, pharmacy: Pharmacy, losses: Losses, *, signing: bool
) -> Ordered | None:
    """What a draft orders, or None for a resource that orders nothing (proposal, on hold, not to be done)."""
    resource = draft.resource
    if resource is None:
        return Ordered(draft, fhir.MedicationRequest(), Named(unreadable=_UNREAD), unread=_UNREAD, may_be_service=True)
    if not isinstance(resource, REQUESTS) or not _counts(resource, signing=signing):
        return None
    lost = losses.of(resource)
    unsure = _lost_of(resource, lost & _DECIDES)
    if isinstance(resource, fhir.ServiceRequest):
        match = vocabulary.codes(resource.code)
        unnamed = "" if is_named(resource) else _lost_of(resource, lost & {"code"}) or _NAMELESS
        why = unnamed or (unsure if match else "")
        sets = match.sets if match else _NO_SETS
        return Ordered(draft, resource, Named(), sets, lost, why, bool(why), vocabulary.name(resource.code, sets))
    named = pharmacy.drug_of(resource)
    if named.drug and unsure:
        named = msgspec.structs.replace(named, drug=msgspec.structs.replace(named.drug, uncertain=unsure))
    why = unsure if named.drug else named.unreadable if lost & NAMES_THE_DRUG else ""
    if named.drug is None:
        return Ordered(draft, resource, named, _NO_SETS, lost, why)
    reasons = [told.sets | told.possible for told in map(vocabulary.diagnosis, fhir.many(resource.reason_code)) if told]
    return Ordered(draft, resource, named, named.drug.sets, lost, why, reasons=_NO_SETS.union(*reasons))


def _lost_of(resource: fhir.Resource, lost: Iterable[str]) -> str:
    member = min(lost, default=None)
    return f"{fhir.type_of(resource)}.{member} cannot be read" if member else ""


def drafted_sets(found: Iterable[Ordered], *, signing: bool) -> DraftedSets:
    known = [one for one in found if one.sets or one.named.unreadable or one.named.untold or one.may_be_service]
    if not known:
        return NOTHING_DRAFTED
    reviewed = [one for one in known if signing or one.draft.selected]
    return DraftedSets(
        _NO_SETS.union(*[one.sets for one in reviewed]),
        _NO_SETS.union(*[one.sets for one in known]),
        any(one.named.unreadable or one.named.untold for one in reviewed),
        any(one.named.unreadable for one in known),
        any(one.may_be_service for one in reviewed),
        _NO_SETS.union(*[one.reasons for one in reviewed]),
    )


def _counts(resource: fhir.MedicationRequest | fhir.ServiceRequest, *, signing: bool) -> bool:
    if resource.do_not_perform or resource.intent not in _INTENTS:
        return False
    return resource.status in (None, "draft", *STOPPED) or (signing and resource.status == "active")


def order(one: Ordered, reason: Callable[..., Indication], today: date) -> Order:
    """The order of a draft; ``reason`` reads what it is for."""
    request, draft = one.request, one.draft
    why = reason(request)
    made = Order(
        kind=fhir.type_of(request),
        source=draft.reference,
        selected=draft.selected,
        stops=request.status in STOPPED,
        reasons=why.sets,
        reason_words=why.words,
        words=one.words,
        each_reason=why.each,
        reasons_unreadable=why.unreadable,
        unread=one.unread,
        service_unreadable=one.unread if one.may_be_service else "",
        raw=draft.raw,
        requester=clinician(request.requester),
    )
    if isinstance(request, fhir.ServiceRequest):
        return msgspec.structs.replace(made, sets=one.sets)
    drug = one.named.drug
    return msgspec.structs.replace(
        made,
        drug=drug,
        drug_unreadable=one.named.unreadable or one.named.untold,
        words=drug.words if drug else "",
        written=interval(request.authored_on),
        dose=dose(request.dosage_instruction, drug.strength_mg, today, drug.untold_mg, lost=_DOSAGE in one.lost)
        if drug
        else _NOT_TOLD,
    )
