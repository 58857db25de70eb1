"""The body of a hook call, read as far as its shape allows. Whether that keeps the contract is judged elsewhere.

Two ways lead to the same values. The first decodes the whole body in one typed pass; when anything in it is not
typed as R4 has it, the second reads member by member and mends the resources that need it. A member that cannot
be read is as if it were not there.

Bytes of members that nobody reads are passed over, so a fault of encoding inside them goes unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from time import thread_time
from typing import Any, TypeVar

import msgspec

from cds_service.errors import ContractBroken, NotJson
from cds_service.fhir import elements as fhir
from cds_service.fhir.mending import read_resource
from cds_service.hooks.prefetch import KINDS, Value

T = TypeVar("T")

_DIGITS = 16_384
"""No number of a chart needs this many digits; a body with one that has them is refused."""


_MENDING_SECONDS = 0.25
"""Processor time for mending in one request: a body of nothing but oddities must not hold up everyone else."""


class Mender:
    """Reads resources, mending those that need it while its time lasts; the others then count as unreadable."""

    def __init__(self, seconds: float = _MENDING_SECONDS) -> None:
        self._left = seconds

    def resource(self, raw: msgspec.Raw) -> fhir.Resource | None:
        try:
            return _RESOURCE.decode(raw)
        except msgspec.ValidationError:
            return self._mended(raw)

    def _mended(self, raw: msgspec.Raw) -> fhir.Resource | None:
        if self._left <= 0:
            return None
        started = thread_time()
        resource = read_resource(_read(_ANYTHING, raw))
        self._left -= thread_time() - started
        return resource


class FhirAuthorization(msgspec.Struct):
    """How the client lets the service read its FHIR server, for this request only."""

    access_token: str
    token_type: str = ""
    expires_in: Any = None
    scope: Any = None
    patient: Any = None


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


class Envelope(msgspec.Struct, gc=False, rename="camel"):
    hook: str = ""
    hook_instance: str = ""
    fhir_server: str | None = None
    fhir_authorization: FhirAuthorization | None = None
    context: Context | None = None
    prefetch: dict[str, fhir.AnyResource | None] | None = None


class _LooseBundle(msgspec.Struct, gc=False, rename="camel"):
    """A Bundle whose entries are read one by one."""

    resource_type: Any = None
    total: Any = None
    link: Any = None
    entry: list[msgspec.Raw] | None = None


def read_envelope(body: bytes) -> Envelope:
    """The body's members; raises what the decoder raises when it is no JSON, or JSON nested beyond reason."""
    if _has_endless_number(body):
        raise NotJson
    try:
        return _ENVELOPE.decode(body)
    except msgspec.ValidationError:
        return _member_by_member(body)


def read_draft(raw: msgspec.Raw, mender: Mender) -> fhir.Resource | None:
    """The resource of a draft; None when there is none, or none that can be read."""
    written = bytes(raw)
    return mender.resource(raw) if written and _is_text(written) else None


def _has_endless_number(body: bytes) -> bool:
    return any(body[start : start + _DIGITS].isdigit() for start in range(0, len(body) - _DIGITS, _DIGITS))


def _is_text(written: bytes) -> bool:
    return written.isascii() or bool(written.decode())


def _member_by_member(body: bytes) -> Envelope:
    members = _read(_OBJECT, msgspec.json.decode(body, type=msgspec.Raw))
    if members is None:
        raise ContractBroken("", "The body must be a JSON object.")
    return Envelope(
        hook=_read(_TEXT, members.get("hook")) or "",
        hook_instance=_read(_TEXT, members.get("hookInstance")) or "",
        fhir_server=_read(_TEXT, members.get("fhirServer")),
        fhir_authorization=_read(_AUTHORIZATION, members.get("fhirAuthorization")),
        context=_context(members.get("context")),
        prefetch=_prefetch(members.get("prefetch")),
    )


def _context(raw: msgspec.Raw | None) -> Context | None:
    members = _read(_OBJECT, raw)
    if members is None:
        return None
    return Context(
        user_id=_read(_TEXT, members.get("userId")) or "",
        patient_id=_read(_TEXT, members.get("patientId")) or "",
        encounter_id=_read(_TEXT, members.get("encounterId")),
        selections=_read(_TEXTS, members.get("selections")),
        draft_orders=_drafts(members.get("draftOrders")),
    )


def _drafts(raw: msgspec.Raw | None) -> DraftBundle | None:
    members = _read(_OBJECT, raw)
    if members is None:
        return None
    entries = [_read(_OBJECT, entry) for entry in _items(members.get("entry"))]
    return DraftBundle(
        resource_type=_read(_TEXT, members.get("resourceType")),
        entry=[
            DraftEntry(_read(_TEXT, entry.get("fullUrl")), entry.get("resource", msgspec.Raw()))
            for entry in entries
            if entry is not None
        ],
    )


def _prefetch(raw: msgspec.Raw | None) -> dict[str, Value]:
    mender = Mender()
    values = {key: (written, _value(written, mender)) for key, written in (_read(_OBJECT, raw) or {}).items()}
    return {key: value for key, (written, value) in values.items() if value is not None or _is_null(written)}


def _value(raw: msgspec.Raw, mender: Mender) -> Value:
    bundle = _read(_LOOSE_BUNDLE, raw)
    if bundle is None or bundle.resource_type != "Bundle":
        return mender.resource(raw)
    entries = [_entry(entry, mender) for entry in bundle.entry or ()]
    return fhir.Bundle(
        total=bundle.total if isinstance(bundle.total, (int, float, str)) else None,
        link=list(_links(bundle.link)),
        entry=[entry for entry in entries if entry is not None],
    )


def _links(value: object) -> Iterator[fhir.BundleLink]:
    for link in value if isinstance(value, list) else [value]:
        with suppress(msgspec.ValidationError):
            yield msgspec.convert(link, fhir.BundleLink)


def _entry(raw: msgspec.Raw, mender: Mender) -> fhir.Entry | None:
    try:
        return _ENTRY.decode(raw)
    except msgspec.ValidationError:
        return None if _is_null(raw) else _mended_entry(raw, mender)


def _mended_entry(raw: msgspec.Raw, mender: Mender) -> fhir.Entry | None:
    """An entry without a resource stands for one that cannot be read; None for a type that is not of FHIR."""
    written = (_read(_OBJECT, raw) or {}).get("resource")
    if written is None:
        return fhir.Entry()
    resource = mender.resource(written)
    return None if resource is None and _is_of_no_known_type(written) else fhir.Entry(resource=resource)


def _is_of_no_known_type(raw: msgspec.Raw) -> bool:
    name = _read(_TEXT, (_read(_OBJECT, raw) or {}).get("resourceType"))
    return name is not None and name not in KINDS


def _is_null(raw: msgspec.Raw) -> bool:
    return bytes(raw) == b"null"


def _items(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    """The members of an array; a single object where an array belongs is its only member."""
    found = _read(_ARRAY, raw)
    if found is None and raw is not None and _read(_OBJECT, raw) is not None:
        return [raw]
    return found or []


def _read(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw | None) -> T | None:
    try:
        return None if raw is None else decoder.decode(raw)
    except msgspec.ValidationError:
        return None


_ENVELOPE = msgspec.json.Decoder(Envelope)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_TEXTS = msgspec.json.Decoder(list[str])
_AUTHORIZATION = msgspec.json.Decoder(FhirAuthorization)
_LOOSE_BUNDLE = msgspec.json.Decoder(_LooseBundle)
_ENTRY = msgspec.json.Decoder(fhir.Entry)
_ANYTHING = msgspec.json.Decoder()
_RESOURCE: msgspec.json.Decoder[fhir.Resource] = msgspec.json.Decoder(fhir.AnyResource)
