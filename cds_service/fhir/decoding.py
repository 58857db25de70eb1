"""From the bytes of a resource to the typed value, as far as they can be read; who sent them does not matter here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from math import isfinite
from time import thread_time
from typing import Any, TypeVar

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.fhir.lenient import walk
from cds_service.fhir.sources import Answer, Reading, Unreadable

T = TypeVar("T")

_DIGITS = 16_384
"""No number of a chart needs this many digits, and one that has them takes long to read."""
_MENDING_SECONDS = 0.25
"""Processor time for mending in one request: a body of nothing but oddities must not hold up everyone else."""
_NO_TIME = Reading(None, (Unreadable("resource", "too much of the request is odd"),))
_NO_BUNDLE = Unreadable("Bundle.entry", "not a list")


class LenientReader:
    """Reads resources, mending those that need it while its time lasts; the others then count as unreadable."""

    def __init__(self, seconds: float = _MENDING_SECONDS) -> None:
        self._left = seconds

    def reading(self, raw: bytes | msgspec.Raw) -> Reading:
        try:
            return Reading(_RESOURCE.decode(raw))
        except msgspec.ValidationError:
            return self._mended(raw)

    def _mended(self, raw: bytes | msgspec.Raw) -> Reading:
        if self._left <= 0:
            return _NO_TIME
        started = thread_time()
        reading = walk(_anything(raw))
        self._left -= thread_time() - started
        return reading


class _LooseBundle(msgspec.Struct, gc=False, rename="camel"):
    """A Bundle whose members are read one by one."""

    resource_type: msgspec.Raw = msgspec.Raw()
    total: msgspec.Raw = msgspec.Raw()
    link: msgspec.Raw = msgspec.Raw()
    entry: msgspec.Raw = msgspec.Raw()


def read_value(raw: bytes | msgspec.Raw, reader: LenientReader) -> Answer:
    """The resource in some JSON. In a Bundle each entry is read for itself, and tells its resource its address."""
    try:
        return Answer(addressed(_NULL_OR_RESOURCE.decode(raw)))
    except msgspec.ValidationError:
        bundle = read_as(_LOOSE_BUNDLE, raw)
    if bundle is not None and read_as(TEXT, bundle.resource_type) == "Bundle":
        return _bundle(bundle, reader)
    reading = reader.reading(raw)
    return Answer(reading.resource, (reading,) if reading.unreadable else ())


def addressed(value: fhir.Resource | None) -> fhir.Resource | None:
    """The value, each resource of a Bundle told the address of its entry."""
    if isinstance(value, fhir.Bundle):
        for entry in fhir.many(value.entry):
            if entry.full_url and entry.resource is not None:
                entry.resource.full_url = entry.full_url
    return value


def _bundle(bundle: _LooseBundle, reader: LenientReader) -> Answer:
    entries: list[fhir.Entry] = []
    odd: list[Reading] = []
    written = items(bundle.entry)
    for raw in written or ():
        try:
            entries.append(_ENTRY.decode(raw))
        except msgspec.ValidationError:
            if bytes(raw) != b"null":
                members = read_as(OBJECT, raw) or {}
                reading = _mended(members.get("resource"), reader)
                entries.append(fhir.Entry(read_as(TEXT, members.get("fullUrl")), reading.resource))
                odd += [reading] if reading.unreadable else ()
    odd += [Reading(None, (_NO_BUNDLE,))] if written is None else ()
    total = read_as(_NUMBER, bundle.total)
    read = fhir.Bundle(total=total, link=list(_links(bundle.link)), entry=entries)
    return Answer(addressed(read), tuple(odd))


def items(raw: msgspec.Raw | None) -> list[msgspec.Raw] | None:
    """The members of an array, none for nothing; a single object stands for its only member, and None for the rest."""
    if raw is None or bytes(raw) in (b"", b"null"):
        return []
    listed = read_as(_ARRAY, raw)
    return [raw] if listed is None and read_as(OBJECT, raw) is not None else listed


def has_endless_number(body: bytes) -> bool:
    return any(body[start : start + _DIGITS].isdigit() for start in range(0, len(body) - _DIGITS, _DIGITS))


def read_as(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw | None) -> T | None:
    """What the decoder makes of some JSON; None for nothing, and for JSON of another shape."""
    try:
        return decoder.decode(raw) if raw is not None and memoryview(raw).nbytes else None
    except msgspec.ValidationError:
        return None


def _anything(raw: bytes | msgspec.Raw) -> Any:
    """Some JSON untyped; what stands for a number beyond all measure is no value of any type."""
    try:
        return _ANYTHING.decode(raw)
    except msgspec.ValidationError:
        return json.loads(bytes(raw), parse_int=_whole, parse_float=_decimal)


def _whole(digits: str) -> object:
    try:
        return int(digits)
    except ValueError:
        return _BEYOND_MEASURE


def _decimal(digits: str) -> object:
    found = float(digits)
    return found if isfinite(found) else _BEYOND_MEASURE


def _links(raw: msgspec.Raw | None) -> Iterator[fhir.BundleLink]:
    for link in items(raw) or ():
        with suppress(msgspec.ValidationError):
            yield _LINK.decode(link)


def _mended(written: msgspec.Raw | None, reader: LenientReader) -> Reading:
    """The resource of an entry, as far as it can be read."""
    return reader.reading(written) if written is not None else Reading(None)


_BEYOND_MEASURE = object()
OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
TEXT = msgspec.json.Decoder(str)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_NUMBER: msgspec.json.Decoder[fhir.Number] = msgspec.json.Decoder(float | str | None)
_LINK = msgspec.json.Decoder(fhir.BundleLink)
_LOOSE_BUNDLE = msgspec.json.Decoder(_LooseBundle)
_ENTRY = msgspec.json.Decoder(fhir.Entry)
_ANYTHING = msgspec.json.Decoder()
_RESOURCE: msgspec.json.Decoder[fhir.Resource] = msgspec.json.Decoder(fhir.AnyResource)
_NULL_OR_RESOURCE: msgspec.json.Decoder[fhir.Resource | None] = msgspec.json.Decoder(fhir.AnyResource | None)
