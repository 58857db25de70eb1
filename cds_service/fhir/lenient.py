"""Liberal reading of JSON that the typed decode of :mod:`cds_service.fhir.elements` refuses.

One walk along the declared types: another way to write the same is taken for it, and a member that stands for
nothing of its type is left out and named. The cost follows from the size, however much of it is odd.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from cds_service.fhir import elements
from cds_service.fhir.elements import OTHERS, READ, Resource, number
from cds_service.fhir.sources import Reading, Unreadable

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
_Value: TypeAlias = "Json | msgspec.Struct | list[_Value]"
_Struct = TypeVar("_Struct", bound=msgspec.Struct)

_BY_NAME: dict[str, type[Resource]] = {kind.__name__: kind for kind in (*READ, *OTHERS)}  # type: ignore[misc]
_TEXT_MEMBER: dict[type[msgspec.Struct], str] = {
    elements.CodeableConcept: "text",
    elements.Dosage: "text",
    elements.Reference: "reference",
}
_TRUTHS = {"true": True, "yes": True, "y": True, "false": False, "no": False, "n": False}
_MEASURED = re.compile(r"\s*(?P<value>\d{1,12}(?:\.\d{1,12})?)\s*(?P<unit>[^\d\s.,][^\d,]{0,30}?)\s*")
"""A number and its unit, such as "0.5 mg"; a comma could be either kind."""
_UNKNOWN = "of no known type"


def resource_type(raw: object) -> str | None:
    """The ``resourceType`` that an untyped JSON value names, known or not."""
    name = raw.get("resourceType") if isinstance(raw, dict) else None
    return name if isinstance(name, str) else None


def _kind(raw: object) -> type[Resource] | None:
    return _BY_NAME.get(resource_type(raw) or "")


def walk(raw: Json) -> Reading:
    """All that can be read of a resource."""
    kind = _kind(raw)
    if kind is None or not isinstance(raw, dict):
        return Reading(None, (Unreadable("resourceType", _UNKNOWN),))
    reader = _Walk(kind.__name__)
    try:
        return Reading(reader.element(raw, kind), tuple(reader.unreadable))
    except RecursionError:
        return Reading(None, (Unreadable(kind.__name__, "nested too deeply"),))


class _Odd(Exception):
    """A value that stands for nothing of the expected type."""

    def __init__(self, why: str, *members: str) -> None:
        self.why, self.members = why, members
        super().__init__(why)


class _Member(msgspec.Struct, frozen=True):
    """A declared member: its name in JSON and as an attribute, and what it may hold, alone or in a list."""

    name: str
    attribute: str
    plain: frozenset[type]
    """What is taken as it is."""
    kind: type[msgspec.Struct] | None
    """The element; of a resource the base of all types."""
    many: bool


class _Walk:
    """One resource being read."""

    def __init__(self, name: str) -> None:
        self.unreadable: dict[Unreadable, None] = {}
        self._path = [name]

    def element(self, raw: dict[str, Json], kind: type[_Struct]) -> _Struct:
        values: dict[str, _Value] = {}
        for member in _members(kind):
            found = raw.get(member.name)
            if type(found) in member.plain:
                values[member.attribute] = found
            elif found is not None:
                values[member.attribute] = self._member(found, member)
        return kind(**values)

    def _member(self, found: Json, member: _Member) -> _Value:
        self._path.append(member.name)
        value = self._items(found, member) if member.many else self._one(found, member)
        self._path.pop()
        return value

    def _items(self, found: Json, member: _Member) -> list[_Value]:
        """The items of a list; what stands in place of a list is its only item."""
        values: list[_Value] = []
        for item in found if isinstance(found, list) else (found,):
            value = self._one(item, member, alone=item is found)
            if value is not None:
                values.append(value)
        return values

    def _one(self, found: Json, member: _Member, *, alone: bool = False) -> _Value:
        """One value as its type would have it, None for nothing and for what is left out.

        An object that stands alone for a list is no item where it has nothing of one.
        """
        try:
            single = _single(found)
            if type(single) in member.plain:
                return single
            if single is None or single == "" or (alone and single == {}):
                return None
            if member.kind is None:
                return _scalar(single, member.plain)
            if alone and isinstance(single, dict) and single.keys().isdisjoint(_names(member.kind)):
                raise _Odd("not a list")
            return self._struct(single, member.kind)
        except _Odd as odd:
            self.unreadable[Unreadable(".".join((*self._path, *odd.members)), odd.why)] = None
            return None

    def _struct(self, found: Json, kind: type[msgspec.Struct]) -> msgspec.Struct:
        written = found if isinstance(found, dict) else _wrapped(found, kind)
        return self.element(written, _type_of(written) if kind is Resource else kind)


def _single(found: Json) -> Json:
    """The only item of a list that stands where one value is expected."""
    while isinstance(found, list):
        present = [item for item in found if item is not None]
        if len(present) > 1:
            raise _Odd("more than one")
        found = present[0] if present else None
    return found


def _type_of(written: dict[str, Json]) -> type[Resource]:
    """The type of a resource inside another one."""
    if "resourceType" not in written:
        raise _Odd("not a resource")
    kind = _kind(written)
    if kind is None:
        raise _Odd(_UNKNOWN, "resourceType")
    return kind


def _wrapped(found: Json, kind: type[msgspec.Struct]) -> dict[str, Json]:
    """The element that a bare value stands for."""
    if isinstance(found, str) and kind in _TEXT_MEMBER:
        return {_TEXT_MEMBER[kind]: found}
    if isinstance(found, str) and kind is elements.Timing:
        return {"code": {"text": found}}
    if kind is elements.Quantity and _is_number(found):
        return {"value": found}
    measured = _MEASURED.fullmatch(found) if isinstance(found, str) and kind is elements.Quantity else None
    if measured:
        return {"value": measured["value"], "unit": measured["unit"]}
    raise _Odd("not an object")


def _is_number(found: Json) -> bool:
    return isinstance(found, (int, float, str)) and not isinstance(found, bool) and number(found) is not None


def _scalar(found: Json, plain: frozenset[type]) -> _Value:
    if bool in plain:
        return _truth(found)
    if dict in plain:
        raise _Odd("not an object")
    return _number(_bare(found)) if float in plain else str(_bare(found))


def _truth(found: Json) -> bool:
    truth = _TRUTHS.get(found.strip().lower()) if isinstance(found, str) else None
    if truth is None:
        raise _Odd("neither true nor false")
    return truth


def _number(bare: int | float | str) -> float | str:
    try:
        return bare if isinstance(bare, str) else float(bare)
    except OverflowError:
        raise _Odd("too large a number") from None


def _bare(found: Json) -> int | float | str:
    """A string or number as such, or out of a wrapped value or a coded one."""
    for value in _wrapped_values(found) if isinstance(found, dict) else (found,):
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return value
    raise _Odd("neither a string nor a number")


def _wrapped_values(found: dict[str, Json]) -> tuple[Json, ...]:
    coding = found.get("coding")
    first = coding[0] if isinstance(coding, list) and coding else coding
    return found.get("value"), first.get("code") if isinstance(first, dict) else None, found.get("code")


@cache
def _names(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The members of an element in JSON; of a resource the one that all have, for its type is not known yet."""
    return frozenset({"resourceType"} if kind is Resource else {member.name for member in _members(kind)})


@cache
def _members(kind: type[msgspec.Struct]) -> tuple[_Member, ...]:
    return tuple(_declared(field.encode_name, field.name, field.type) for field in msgspec.structs.fields(kind))


def _declared(name: str, attribute: str, declared: object) -> _Member:
    alternatives = frozenset(_alternatives(declared)) - {type(None)}
    structs = [one for one in alternatives if issubclass(one, msgspec.Struct)]
    # Only resources are declared as a choice among several.
    kind = Resource if len(structs) > 1 else next(iter(structs), None)
    many = any(get_origin(part) is list for part in get_args(declared))
    return _Member(name, attribute, alternatives.difference(structs), kind, many)


def _alternatives(declared: object) -> Iterator[type]:
    """The types that a member may have, those of a list's items among them."""
    if declared is Any:
        yield from (bool, int, float, str, list, dict)
    elif get_origin(declared) is dict:
        yield dict
    elif isinstance(declared, type):
        yield declared
    else:
        for part in get_args(declared):
            yield from _alternatives(part)
