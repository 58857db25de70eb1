"""Instants of a resource in the time zone of the site, so that whoever asks for their day gets the site's day."""

from __future__ import annotations

from datetime import tzinfo
from functools import cache
from typing import get_args

import msgspec

from cds_service.fhir.dates import localized

DATES = frozenset(
    {
        "abatement_date_time",
        "authored",
        "authored_on",
        "created",
        "date",
        "date_asserted",
        "deceased_date_time",
        "effective_date_time",
        "effective_instant",
        "issued",
        "last_modified",
        "occurrence_date_time",
        "onset_date_time",
        "performed_date_time",
        "recorded_date",
        "when_handed_over",
    }
)
"""Members of resources that are a dateTime or an instant; a birth date has no time of the day."""
_INSTANTS = DATES | {"abatement_string", "onset_string", "start", "end", "value_date_time"}
"""Every member that may hold one."""


def localize(element: msgspec.Struct, zone: tzinfo) -> None:
    """Brings every instant in the element to the zone; doing it again changes nothing."""
    instants, elements = _members(type(element))
    for name in instants:
        text = getattr(element, name)
        if text is not None and len(text) > _DAY:
            setattr(element, name, localized(text, zone))
    for name in elements:
        held = getattr(element, name)
        for one in held if isinstance(held, list) else (held,):
            if one is not None:
                localize(one, zone)


_DAY = len("2026-06-15")


@cache
def _members(kind: type[msgspec.Struct]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The members that are instants, and those whose elements hold some."""
    fields = msgspec.structs.fields(kind)
    return (
        tuple([field.name for field in fields if field.name in _INSTANTS]),
        tuple([field.name for field in fields if any(_holds_instants(one, {kind}) for one in _structs(field.type))]),
    )


def _holds_instants(kind: type[msgspec.Struct], above: set[type]) -> bool:
    if kind in above:
        return False
    fields = msgspec.structs.fields(kind)
    return any(
        field.name in _INSTANTS or any(_holds_instants(one, above | {kind}) for one in _structs(field.type))
        for field in fields
    )


def _structs(declared: object) -> set[type[msgspec.Struct]]:
    """The elements that a member may hold; contained resources are asked for no dates."""
    parts = get_args(declared)
    if isinstance(declared, type) and not parts:
        return {declared} if issubclass(declared, msgspec.Struct) else set()
    found: set[type[msgspec.Struct]] = set()
    return found.union(*map(_structs, parts)) if len(parts) <= _MOST_ALTERNATIVES else found


_MOST_ALTERNATIVES = 4
"""Only resources are declared as a choice among more."""
