"""Liberal reading of JSON that the typed decode of :mod:`cds_service.fhir.elements` refuses.

The decoder says where it stopped and what it expected there; that one place is mended and the decode tried again.
What cannot be mended makes the whole resource unreadable: a resource without one of its parts might say the opposite.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeAlias, get_args

import msgspec

from cds_service.fhir import elements
from cds_service.fhir.elements import OTHERS, READ, Resource, number

_TRIES = 32
_BY_NAME: dict[str, type[msgspec.Struct]] = {kind.__name__: kind for kind in (*READ, *OTHERS)}
_EXPECTED = re.compile(r"Expected `([^`]+)`")
_AT = " - at `$"
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_TEXT_MEMBER: dict[type[msgspec.Struct], str] = {
    elements.CodeableConcept: "text",
    elements.Dosage: "text",
    elements.Reference: "reference",
}
_NO_BEARING = frozenset({"display", "fullUrl"})
"""Members without which a resource still says the same."""

Path: TypeAlias = tuple[str | int, ...]


class _Unreadable(Exception):
    """A value that stands for nothing of the expected type."""


class _Fault(msgspec.Struct, frozen=True):
    path: Path
    expected: frozenset[str]


_GONE = object()


def resource_type(raw: object) -> str | None:
    """The ``resourceType`` that an untyped JSON value names, known or not."""
    name = raw.get("resourceType") if isinstance(raw, dict) else None
    return name if isinstance(name, str) else None


def is_known(raw: object) -> bool:
    """Whether it is a resource of a type this service can name, of R4 or of another release."""
    return resource_type(raw) in _BY_NAME


def read_resource(raw: object) -> Resource | None:
    """The resource, mended where that loses nothing; None for one of an unknown type or one that cannot be read."""
    if not isinstance(raw, dict) or not is_known(raw):
        return None
    try:
        return _read(raw)
    except (_Unreadable, RecursionError):
        return None


def _read(raw: dict[str, Any]) -> Resource | None:
    for _ in range(_TRIES):
        try:
            # One type at a time: converting to the union of all of them costs forty times as much.
            return msgspec.convert(raw, _BY_NAME[raw["resourceType"]])  # type: ignore[return-value]
        except msgspec.ValidationError as refusal:
            raw = _without_fault(raw, _fault(str(refusal)))
    return None


def _fault(message: str) -> _Fault:
    # The path stands last; before it there may be anything, a value of the resource among it.
    _, at, where = message.rpartition(_AT)
    path = tuple(name or int(index) for name, index in _STEP.findall(where)) if at else ()
    expected = _EXPECTED.match(message)
    return _Fault(path, frozenset(expected[1].split(" | ")) if expected else frozenset())


def _without_fault(raw: dict[str, Any], fault: _Fault) -> dict[str, Any]:
    if not fault.path:
        raise _Unreadable
    if fault.path[0] == "contained" and fault.path[-1] == "resourceType":
        # What referred to it is found unresolved later, so nothing is taken for complete.
        path, value = fault.path[:-1], _GONE
    else:
        path, value = fault.path, _mended(raw, fault)
    mended: dict[str, Any] = _replaced(raw, path, value)
    return mended


def _mended(raw: dict[str, Any], fault: _Fault) -> object:
    found = _at(raw, fault.path)
    try:
        return _fitted(found, fault.expected, _kind(raw, fault.path))
    except _Unreadable:
        named = [step for step in fault.path if isinstance(step, str)]
        if named[-1] in _NO_BEARING:
            return _GONE
        raise


def _fitted(found: object, expected: frozenset[str], kind: type[msgspec.Struct] | None) -> object:
    """The value as the expected type would have said it."""
    if found is None or found == "":
        return _GONE
    if isinstance(found, list):
        return _only(found)
    if "object" in expected and kind is not None:
        return _wrapped(found, kind)
    if "bool" in expected and isinstance(found, str):
        return _truth(found)
    if "str" in expected:
        return _plain(found)
    raise _Unreadable


def _only(items: list[object]) -> object:
    """The single item of a list that stands where one value is expected."""
    present = [item for item in items if item is not None]
    if len(present) > 1:
        raise _Unreadable
    return present[0] if present else _GONE


def _wrapped(found: object, kind: type[msgspec.Struct]) -> dict[str, object]:
    if isinstance(found, str) and kind in _TEXT_MEMBER:
        return {_TEXT_MEMBER[kind]: found}
    if kind is elements.Quantity and _is_number(found):
        return {"value": found}
    raise _Unreadable


def _is_number(found: object) -> bool:
    return isinstance(found, (int, float, str)) and not isinstance(found, bool) and number(found) is not None


def _truth(found: str) -> bool:
    plain = found.strip().lower()
    if plain not in ("true", "false"):
        raise _Unreadable
    return plain == "true"


def _plain(found: object) -> object:
    """A string or number out of a number, a wrapped value, or a coded one."""
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        return str(found)
    if isinstance(found, dict):
        coding = found.get("coding")
        first = coding[0] if isinstance(coding, list) and coding else coding
        for value in (found.get("value"), first.get("code") if isinstance(first, dict) else None, found.get("code")):
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                return value
    raise _Unreadable


def _at(raw: Any, path: Path) -> object:
    for step in path:
        raw = raw[step]
    return raw


def _replaced(raw: Any, path: Path, value: object) -> Any:
    """A copy of the JSON with another value at the path, or none; what lies beside the path is shared."""
    copy = raw.copy()
    step, rest = path[0], path[1:]
    if rest:
        copy[step] = _replaced(raw[step], rest, value)
    elif value is _GONE:
        del copy[step]
    else:
        copy[step] = value
    return copy


def _kind(raw: Any, path: Path) -> type[msgspec.Struct] | None:
    """The type of element that belongs at the path, if there is only one."""
    kinds: tuple[type[msgspec.Struct], ...] = (_BY_NAME[raw["resourceType"]],)
    for step in path:
        if isinstance(step, str):
            kinds = _members(kinds[0] if len(kinds) == 1 else _type_of(raw)).get(step, ())
        raw = raw[step]
    return kinds[0] if len(kinds) == 1 else None


def _type_of(raw: Any) -> type[msgspec.Struct]:
    """The type of a resource inside another one, which may be unknown: a Bundle's only entry."""
    if not is_known(raw):
        raise _Unreadable
    return _BY_NAME[raw["resourceType"]]


@cache
def _members(kind: type[msgspec.Struct]) -> dict[str, tuple[type[msgspec.Struct], ...]]:
    """The element types that each member of a type may hold, alone or in a list."""
    return {field.encode_name: tuple(_structs(field.type)) for field in msgspec.structs.fields(kind)}


def _structs(annotation: Any) -> dict[type[msgspec.Struct], None]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return {annotation: None}
    return {kind: None for part in get_args(annotation) for kind in _structs(part)}
