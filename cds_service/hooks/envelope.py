"""The body of a hook call, read as far as its shape allows. Whether that keeps the contract is judged elsewhere.

Two ways lead to the same values. The first decodes the whole body in one typed pass; when anything in it is not
typed as CDS Hooks has it, the second reads member by member. A member that cannot be read is as if it were not there.
Values of the prefetch are left as they were written unless they are to be read at once.

Bytes of members that nobody reads are passed over, so a fault of encoding inside them goes unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from cds_service.errors import ContractBroken, NotJson
from cds_service.fhir import elements as fhir
from cds_service.fhir.decoding import OBJECT, TEXT, LenientReader, has_endless_number, items, read_as
from cds_service.fhir.sources import NO_RESOURCE, Reading

_MOST_DECODERS = 64


class FhirAuthorization(msgspec.Struct):
    """How the client lets the service read its FHIR server, for this request only."""

    access_token: str
    token_type: str = ""
    expires_in: Any = None
    scope: Any = None
    patient: Any = None

    @property
    def lifetime(self) -> float | None:
        """Seconds that the token lasts, if that can be read."""
        return fhir.number(self.expires_in) if isinstance(self.expires_in, int | float | str) else None


class DraftEntry(msgspec.Struct, gc=False, rename="camel"):
    """An entry of ``draftOrders``; its resource stays as bytes, so that an update can repeat it exactly."""

    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw()


class DraftBundle(msgspec.Struct, gc=False, rename="camel"):
    resource_type: str | None = None
    entry: fhir.Many[DraftEntry] = None


class Context(msgspec.Struct, gc=False, rename="camel"):
    user_id: str = ""
    patient_id: str = ""
    encounter_id: str | None = None
    selections: list[str] | None = None
    draft_orders: DraftBundle | None = None


P = TypeVar("P")


class Envelope(msgspec.Struct, Generic[P], gc=False, rename="camel"):
    """A body; its prefetch is read as what the decoder was made for."""

    hook: str = ""
    hook_instance: str = ""
    fhir_server: str | None = None
    fhir_authorization: FhirAuthorization | None = None
    context: Context | None = None
    prefetch: P | None = None


Sent: TypeAlias = Mapping[str, fhir.Resource | msgspec.Raw | msgspec.UnsetType | None]
"""Prefetch values by key: as they were written, or the resource where they were read at once."""


def read_envelope(
    body: bytes, keys: frozenset[str] = frozenset(), at_once: frozenset[str] = frozenset()
) -> Envelope[Sent]:
    """The body's members, of its prefetch some keys read at once, or every value as it was written.

    Raises what the decoder raises when it is no JSON, or JSON nested beyond reason.
    """
    if has_endless_number(body):
        raise NotJson
    try:
        if not at_once:
            return _ENVELOPE.decode(body)
        typed = _decoder(keys, at_once).decode(body)
        sent = None if typed.prefetch is None else msgspec.structs.asdict(typed.prefetch)
        return msgspec.structs.replace(typed, prefetch=sent)
    except msgspec.ValidationError:
        return _member_by_member(body)


@lru_cache(_MOST_DECODERS)
def _decoder(keys: frozenset[str], at_once: frozenset[str]) -> msgspec.json.Decoder[Envelope[Any]]:
    """Reads a body in one pass: to pass over a value first and to read it then takes a fifth more."""
    kinds = {True: fhir.AnyResource | None | msgspec.UnsetType, False: msgspec.Raw | msgspec.UnsetType}
    members = [(key, kinds[key in at_once], msgspec.UNSET) for key in sorted(keys)]
    return msgspec.json.Decoder(Envelope[msgspec.defstruct("Values", members, gc=False)])  # type: ignore[misc]


def read_head(body: bytes) -> Envelope[Sent] | None:
    """The members before ``prefetch``, which is not looked at; None where they cannot be told without it.

    What stands before the name, with a brace to end it, is a JSON object only where the name stands at the outermost
    level and in no string.
    """
    head = body[: max(body.find(_PREFETCH), 0)].rstrip()
    if not head.endswith(b",") or has_endless_number(head):
        return None
    try:
        return _ENVELOPE.decode(head[:-1] + b"}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def may_come_twice(body: bytes) -> bool:
    """Whether another context may stand behind the prefetch, which would count instead of the one before it."""
    return body.rfind(_CONTEXT, body.find(_PREFETCH)) > 0


def read_draft(raw: msgspec.Raw, reader: LenientReader) -> Reading:
    """The resource of a draft, as far as there is one that can be read."""
    written = bytes(raw)
    return reader.reading(raw) if written and _is_text(written) else NO_RESOURCE


def _is_text(written: bytes) -> bool:
    return written.isascii() or bool(written.decode())


def _member_by_member(body: bytes) -> Envelope[Sent]:
    members = read_as(OBJECT, msgspec.json.decode(body, type=msgspec.Raw))
    if members is None:
        raise ContractBroken("", "The body must be a JSON object.")
    return Envelope(
        hook=read_as(TEXT, members.get("hook")) or "",
        hook_instance=read_as(TEXT, members.get("hookInstance")) or "",
        fhir_server=read_as(TEXT, members.get("fhirServer")),
        fhir_authorization=read_as(_AUTHORIZATION, members.get("fhirAuthorization")),
        context=_context(members.get("context")),
        prefetch=read_as(OBJECT, members.get("prefetch")),
    )


def _context(raw: msgspec.Raw | None) -> Context | None:
    members = read_as(OBJECT, raw)
    if members is None:
        return None
    return Context(
        user_id=read_as(TEXT, members.get("userId")) or "",
        patient_id=read_as(TEXT, members.get("patientId")) or "",
        encounter_id=read_as(TEXT, members.get("encounterId")),
        selections=read_as(_TEXTS, members.get("selections")),
        draft_orders=_drafts(members.get("draftOrders")),
    )


def _drafts(raw: msgspec.Raw | None) -> DraftBundle | None:
    members = read_as(OBJECT, raw)
    if members is None:
        return None
    written = items(members.get("entry"))
    return DraftBundle(
        resource_type=read_as(TEXT, members.get("resourceType")),
        entry=[DraftEntry()] if written is None else [_draft(entry) for entry in written if bytes(entry) != b"null"],
    )


def _draft(raw: msgspec.Raw) -> DraftEntry:
    entry = read_as(OBJECT, raw) or {}
    return DraftEntry(read_as(TEXT, entry.get("fullUrl")), entry.get("resource", msgspec.Raw()))


_PREFETCH = b'"prefetch"'
_CONTEXT = b'"context"'
_ENVELOPE: msgspec.json.Decoder[Envelope[Sent]] = msgspec.json.Decoder(Envelope[dict[str, msgspec.Raw]])
_TEXTS = msgspec.json.Decoder(list[str])
_AUTHORIZATION = msgspec.json.Decoder(FhirAuthorization)
