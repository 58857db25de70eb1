"""From the bytes of a resource to the typed value, as far as they can be read; who sent them does not matter here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from time import thread_time
from typing import Any, TypeVar

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.fhir.lenient import is_known, read_resource

T = TypeVar("T")

_DIGITS = 16_384
"""No number of a chart needs this many digits, and one that has them takes long to read."""
_MENDING_SECONDS = 0.25
"""Processor time for mending in one request: a body of nothing but oddities must not hold up everyone else."""


class LenientReader:
    """Reads resources, mending those that need it while its time lasts; the others then count as unreadable."""

    def __init__(self, seconds: float = _MENDING_SECONDS) -> None:
        self._left = seconds

    def resource(self, raw: bytes | msgspec.Raw) -> fhir.Resource | None:
        try:
            return _RESOURCE.decode(raw)
        except msgspec.ValidationError:
            return self._mended(raw)

    def _mended(self, raw: bytes | msgspec.Raw) -> fhir.Resource | None:
        if self._left <= 0:
            return None
        started = thread_time()
        resource = read_resource(read_as(_ANYTHING, raw))
        self._left -= thread_time() - started
        return resource


class _LooseBundle(msgspec.Struct, gc=False, rename="camel"):
    """A Bundle whose entries are read one by one."""

    resource_type: Any = None
    total: Any = None
    link: Any = None
    entry: list[msgspec.Raw] | None = None


def read_value(raw: bytes | msgspec.Raw, mender: LenientReader) -> fhir.Resource | None:
    """The resource in some JSON; None when it cannot be read. In a Bundle each entry is read for itself."""
    try:
        return _RESOURCE.decode(raw)
    except msgspec.ValidationError:
        bundle = read_as(_LOOSE_BUNDLE, raw)
    if bundle is None or bundle.resource_type != "Bundle":
        return mender.resource(raw)
    entries = [_entry(entry, mender) for entry in bundle.entry or ()]
    return fhir.Bundle(
        total=bundle.total if isinstance(bundle.total, (int, float, str)) else None,
        link=list(_links(bundle.link)),
        entry=[entry for entry in entries if entry is not None],
    )


def has_endless_number(body: bytes) -> bool:
    return any(body[start : start + _DIGITS].isdigit() for start in range(0, len(body) - _DIGITS, _DIGITS))


def read_as(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw | None) -> T | None:
    """What the decoder makes of some JSON; None for nothing, and for JSON of another shape."""
    try:
        return None if raw is None else decoder.decode(raw)
    except msgspec.ValidationError:
        return None


def _links(value: object) -> Iterator[fhir.BundleLink]:
    for link in value if isinstance(value, list) else [value]:
        with suppress(msgspec.ValidationError):
            yield msgspec.convert(link, fhir.BundleLink)


def _entry(raw: msgspec.Raw, mender: LenientReader) -> fhir.Entry | None:
    try:
        return _ENTRY.decode(raw)
    except msgspec.ValidationError:
        return None if bytes(raw) == b"null" else _mended_entry(raw, mender)


def _mended_entry(raw: msgspec.Raw, mender: LenientReader) -> fhir.Entry | None:
    """An entry without a resource stands for one that cannot be read; None for a type that is not of FHIR."""
    written = (read_as(OBJECT, raw) or {}).get("resource")
    if written is None:
        return fhir.Entry()
    resource = mender.resource(written)
    return None if resource is None and _is_of_no_known_type(written) else fhir.Entry(resource=resource)


def _is_of_no_known_type(raw: msgspec.Raw) -> bool:
    name = read_as(TEXT, (read_as(OBJECT, raw) or {}).get("resourceType"))
    return name is not None and not is_known({"resourceType": name})


OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
TEXT = msgspec.json.Decoder(str)
_LOOSE_BUNDLE = msgspec.json.Decoder(_LooseBundle)
_ENTRY = msgspec.json.Decoder(fhir.Entry)
_ANYTHING = msgspec.json.Decoder()
_RESOURCE: msgspec.json.Decoder[fhir.Resource] = msgspec.json.Decoder(fhir.AnyResource)
