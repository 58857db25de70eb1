"""A hook call as the rest of the service sees it: typed, frozen, and known to keep the hook's contract.

Partners' FHIR is not validated here; what cannot be read is left out or told as a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

import msgspec

from cds_service.errors import ContractBroken, NotJson
from cds_service.fhir import elements as fhir
from cds_service.fhir.decoding import LenientReader
from cds_service.fhir.references import local
from cds_service.fhir.sources import Reading, Unreadable, other_release
from cds_service.hooks.envelope import (
    Context,
    DraftEntry,
    Envelope,
    FhirAuthorization,
    Sent,
    read_draft,
    read_envelope,
    read_head,
)
from cds_service.hooks.hooks import HOOKS, Hook
from cds_service.hooks.prefetch import Prefetch
from cds_service.hooks.services import Service

_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")
_LONGEST_ID = 64
PROBED_PATIENT = "cds-probe-"
"""How the ids of the synthetic patients begin about whom a probe asks."""
_MOST_ORDERS = 500
"""Orders are weighed against each other, so that their number counts twice."""


class Draft(msgspec.Struct, frozen=True):
    """A resource in ``draftOrders``: an unsigned order, or something that an order points to.

    ``raw`` is the resource byte for byte; ``reference`` is its ``Type/id``, which need not exist on the FHIR
    server, or None without a usable id. At signing every draft counts as selected.
    """

    resource: fhir.Resource | None
    """None where it cannot be read at all."""
    raw: bytes
    reference: str | None
    full_url: str | None
    selected: bool
    unreadable: tuple[Unreadable, ...] = ()
    """What of it could not be read."""


class HookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One firing of a hook."""

    hook: Hook
    hook_instance: str
    user_id: str
    patient_id: str
    encounter_id: str | None = None
    fhir_server: str | None = None
    fhir_authorization: FhirAuthorization | None = None
    selections: tuple[str, ...] = ()
    drafts: tuple[Draft, ...] = ()
    prefetch: Prefetch
    not_r4: str | None = None
    """A resource type among the drafts that shows the client speaks another release of FHIR."""
    is_head: bool = False
    """Only what stands before the prefetch was read; whether what follows is JSON was not looked at."""

    @property
    def is_about_probed(self) -> bool:
        """Whether the patient is one of a probe's, who does not exist."""
        return self.patient_id.startswith(PROBED_PATIENT)

    @property
    def lacks_selection(self) -> bool:
        """Whether selections belong to the hook, and they name none of the drafts."""
        return self.hook.brings_selections and not any(draft.selected for draft in self.drafts)

    @property
    def access_token(self) -> str | None:
        """The token for ``fhir_server``, if there is one that may be used for this patient and has not run out."""
        granted = self.fhir_authorization
        if granted is None or not granted.access_token or not self.fhir_server:
            return None
        other_patient = granted.patient is not None and granted.patient != self.patient_id
        expired = granted.lifetime is not None and granted.lifetime <= 0
        other_kind = granted.token_type.lower() not in ("bearer", "")
        return None if other_patient or expired or other_kind else granted.access_token


class Head(msgspec.Struct, frozen=True):
    """The members before the prefetch, and the call as far as they tell it."""

    envelope: Envelope[Sent]
    request: HookRequest


def parse_request(
    body: bytes, service: Service, at_once: frozenset[str] = frozenset(), head: Head | None = None
) -> HookRequest:
    """The call in a body sent to a service; NotJson or ContractBroken otherwise.

    Keys that are sure to be asked for are read best ``at_once``; any other when it is. Where the whole body has the
    context of its head, the drafts are those of the head, and not read again.
    """
    try:
        envelope = read_envelope(body, frozenset(service.prefetch), at_once)
        known = head.request.drafts if head and envelope.context == head.envelope.context else None
        return _request(envelope, service, known)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotJson from None


def parse_head(body: bytes, service: Service) -> Head | None:
    """The call as far as the members before its prefetch tell it; None where they are not enough."""
    head = read_head(body)
    try:
        return Head(head, _request(head, service, is_head=True)) if head else None
    except (ContractBroken, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _request(
    envelope: Envelope[Sent], service: Service, known: tuple[Draft, ...] | None = None, *, is_head: bool = False
) -> HookRequest:
    hook = HOOKS[service.hook]
    context = _checked_context(envelope, hook)
    drafts = tuple(_drafts(context, hook)) if known is None else known
    return HookRequest(
        hook=hook,
        hook_instance=envelope.hook_instance,
        user_id=context.user_id,
        patient_id=context.patient_id,
        encounter_id=_encounter_id(context.encounter_id or ""),
        fhir_server=envelope.fhir_server or None,
        fhir_authorization=envelope.fhir_authorization,
        selections=tuple(context.selections or ()) if hook.brings_selections else (),
        drafts=drafts,
        prefetch=Prefetch(envelope.prefetch or {}, {} if is_head else service.prefetch),
        not_r4=other_release([draft.resource for draft in drafts]),
        is_head=is_head,
    )


def _checked_context(envelope: Envelope[Sent], hook: Hook) -> Context:
    """The context, once everything the hook requires is known to be there."""
    _require(envelope.hook, "hook")
    if envelope.hook != hook.name:
        raise ContractBroken("hook", "This service answers another hook.")
    _require(envelope.hook_instance, "hookInstance")
    context = envelope.context
    if context is None:
        raise ContractBroken("context", "The context is missing or is not an object.", code="required")
    _require(context.user_id, "context.userId")
    _require(context.patient_id, "context.patientId")
    if not _is_id(context.patient_id):
        raise ContractBroken("context.patientId", "The patient must be named by a bare FHIR id.")
    if hook.brings_selections and context.selections is None:
        raise ContractBroken("context.selections", "The selections must be an array of strings.", code="required")
    if hook.brings_orders and (context.draft_orders is None or context.draft_orders.resource_type != "Bundle"):
        raise ContractBroken("context.draftOrders", "The draft orders must be a FHIR Bundle.", code="required")
    for member, items in (("selections", context.selections), ("draftOrders", _orders(context))):
        if items and len(items) > _MOST_ORDERS:
            raise ContractBroken(f"context.{member}", f"No more than {_MOST_ORDERS} are taken.", code="too-long")
    return context


def _orders(context: Context) -> list[DraftEntry]:
    return fhir.many(context.draft_orders.entry) if context.draft_orders else []


def _require(text: str, member: str) -> None:
    if not text:
        raise ContractBroken(member, "A required member is missing, empty or not a string.", code="required")


def _is_id(text: str) -> bool:
    return len(text) <= _LONGEST_ID and _ID_CHARACTERS.issuperset(text)


def _encounter_id(written: str) -> str | None:
    """The bare id, also out of ``Encounter/e1`` or an address that ends so; None for nothing or another type."""
    kind, slash, name = local(written).rpartition("/")
    return name if name and (kind == "Encounter" or not slash) else None


def _drafts(context: Context, hook: Hook) -> Iterator[Draft]:
    reader = LenientReader()
    selections = {local(written) for written in context.selections or ()} - {""}
    read = [(entry, read_draft(entry.resource, reader)) for entry in _orders(context) if hook.brings_orders]
    made = [_read(entry, reading, selections, hook) for entry, reading in read]
    unmatched = len(selections) > sum(draft.selected for draft in made)
    for draft in made:
        yield msgspec.structs.replace(draft, selected=True) if unmatched and _is_nameless(draft) else draft


def _read(entry: DraftEntry, reading: Reading, selections: Set[str], hook: Hook) -> Draft:
    resource = reading.resource
    if resource is not None:
        resource.full_url = entry.full_url
    reference = _reference(resource) if resource else None
    selected = not hook.brings_selections or not selections.isdisjoint(_names(entry, resource, reference))
    return Draft(resource, bytes(entry.resource), reference, entry.full_url, selected, reading.unreadable)


def _is_nameless(draft: Draft) -> bool:
    """Whether the selections may mean it, as its id cannot be read."""
    return draft.resource is None or any(one.member.endswith(".id") for one in draft.unreadable)


def _reference(resource: fhir.Resource) -> str | None:
    """Its ``Type/id``, however long or odd; None where blanks would make it no reference."""
    name = resource.id or ""
    return f"{fhir.type_of(resource)}/{name}" if name.split() == [name] else None


def _names(entry: DraftEntry, resource: fhir.Resource | None, reference: str | None) -> Iterator[str | None]:
    """What a selection may call this draft: its ``Type/id``, the end of its ``fullUrl``, its bare id."""
    address = local(entry.full_url or "")
    yield from (reference, resource.id if resource else None, address, address.rpartition("/")[2])
