"""Resources of every type we read, as R4 has them and with something else in some places."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin

import msgspec
from hypothesis import given, strategies as st

from cds_service.fhir import elements as fhir
from cds_service.fhir.lenient import walk
from cds_service.fhir.sources import Reading
from tests.web.spoiling import so_many

Json = Any
LEFT_OUT = object()
DEEP = 5


class Written(NamedTuple):
    """A value as it is sent, the same without what cannot be read, and the names of what that is."""

    sent: Json
    readable: Json
    odd: frozenset[str] = frozenset()


Draw = Callable[[st.SearchStrategy[Any]], Any]
Spoil = Callable[[Draw, type, str], Written]
"""Something else in place of a value of a type, at a path."""


@cache
def members(kind):
    return msgspec.structs.fields(kind)


def types(declared):
    """The types that a member may have, or the lists of them."""
    parts = get_args(declared) if get_origin(declared) not in (list, dict) else (declared,)
    return [part for part in parts or (declared,) if part is not type(None)]


def element(draw: Draw, kind: type, path: str, spoil: Spoil | None) -> Written:
    named = {"resourceType": kind.__name__} if issubclass(kind, fhir.Resource) else {}
    sent, readable, odd = dict(named), dict(named), set()
    for field in draw(st.lists(st.sampled_from(members(kind)), max_size=4, unique_by=lambda field: field.name)):
        one = member(draw, field.type, f"{path}.{field.encode_name}", spoil)
        sent[field.encode_name] = one.sent
        odd |= one.odd
        if one.readable is not LEFT_OUT:
            readable[field.encode_name] = one.readable
    return Written(sent, readable, frozenset(odd))


def member(draw: Draw, declared: Any, path: str, spoil: Spoil | None) -> Written:
    chosen = draw(st.sampled_from(types(declared)[:3]))
    if get_origin(chosen) is not list:
        return value(draw, chosen, path, spoil)
    items = [value(draw, get_args(chosen)[0], path, spoil) for _ in range(draw(st.integers(0, 2)))]
    readable = [item.readable for item in items if item.readable is not LEFT_OUT]
    return Written([item.sent for item in items], readable, frozenset().union(*(item.odd for item in items)))


def value(draw: Draw, declared: Any, path: str, spoil: Spoil | None) -> Written:
    kind = draw(st.sampled_from(fhir.READ)) if len(get_args(declared)) > 2 else get_origin(declared) or declared
    if spoil and declared is not Any and draw(st.integers(0, 5)) == 0:
        return spoil(draw, kind, path)
    if issubclass(kind, msgspec.Struct) and path.count(".") < DEEP:
        return element(draw, kind, path, spoil)
    plain = draw(PLAIN[kind]) if kind in PLAIN else {"resourceType": kind.__name__}
    return Written(plain, plain)


PLAIN = {
    str: st.text(max_size=4),
    float: st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    dict: st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["coding", "code", "value", "item", "resourceType"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def unreadable(draw: Draw, kind: type, path: str) -> Written:
    """What stands for nothing of the type, however liberal the reading."""
    if issubclass(kind, fhir.Resource) and draw(st.booleans()):
        return Written({"resourceType": "Potion", "id": "p"}, LEFT_OUT, frozenset({f"{path}.resourceType"}))
    wrong = {bool: [7, "perhaps", {}], float: [True, [1, 2], {"code": False}, 10**400]}
    return Written(draw(st.sampled_from(wrong.get(kind, [True, False]))), LEFT_OUT, frozenset({path}))


def anything(draw: Draw, kind: type, path: str) -> Written:
    return Written(draw(ANYTHING), LEFT_OUT)


@st.composite
def resources(draw: Draw, spoil: Spoil | None = None) -> Written:
    kind = draw(st.sampled_from(fhir.READ))
    return element(draw, kind, kind.__name__, spoil)


def typed(raw: Json) -> fhir.Resource:
    return msgspec.convert(raw, next(kind for kind in fhir.READ if kind.__name__ == raw["resourceType"]))


@so_many(300)
@given(resources())
def test_a_resource_as_r4_has_it_is_read_as_the_typed_decode_reads_it(written):
    assert repr(walk(written.sent)) == repr(Reading(typed(written.sent)))


@so_many(600)
@given(resources(unreadable))
def test_what_cannot_be_read_is_left_out_and_named_and_all_else_is_read(written):
    reading = walk(written.sent)
    assert {one.member for one in reading.unreadable} == written.odd
    assert reading.resource == typed(written.readable)


@so_many(600)
@given(resources(anything))
def test_whatever_is_sent_nothing_of_a_wrong_type_is_read(written):
    before = copy.deepcopy(written.sent)
    reading = walk(written.sent)
    read = msgspec.to_builtins(reading.resource)
    assert repr(msgspec.convert(read, type(reading.resource))) == repr(reading.resource)
    assert walk(read).unreadable == ()
    assert written.sent == before


@so_many(300)
@given(resources(anything))
def test_names_of_what_was_left_out_hold_nothing_of_the_chart(written):
    declared = {field.encode_name for kind in structs() for field in members(kind)} | {"resourceType"}
    for one in walk(written.sent).unreadable:
        name, *path = one.member.split(".")
        assert name == written.sent["resourceType"]
        assert path
        assert declared.issuperset(path)


@cache
def structs():
    return (*fhir.READ, *fhir.Element.__subclasses__())
