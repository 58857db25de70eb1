"""A JSON document as lines for a page, with the places marked where it breaks its schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from cds_service.hooks.validation import Fault

_STEP = "  "


class Line(msgspec.Struct, frozen=True):
    """A line of the document, and what is wrong with the member that begins on it."""

    text: str
    fault: str = ""


def lines(document: object, faults: Iterable[Fault] = ()) -> list[Line]:
    """The document, indented; a fault stands at the line on which its member begins."""
    told: dict[str, str] = {}
    for fault in faults:
        told[fault.path] = f"{told[fault.path]}; {fault.text}" if fault.path in told else fault.text
    return list(_value(document, "", "", "", "", told))


def _value(value: Any, path: str, name: str, indent: str, end: str, told: Mapping[str, str]) -> Iterator[Line]:
    fault = told.get(path, "")
    if isinstance(value, dict) and value:
        yield Line(f"{indent}{name}{{", fault)
        members = [(f"{path}.{key}".removeprefix("."), f"{json.dumps(key)}: ", one) for key, one in value.items()]
        yield from _members(members, indent, told)
        yield Line(f"{indent}}}{end}")
    elif isinstance(value, list) and value:
        yield Line(f"{indent}{name}[", fault)
        yield from _members([(f"{path}[{place}]", "", one) for place, one in enumerate(value)], indent, told)
        yield Line(f"{indent}]{end}")
    else:
        yield Line(f"{indent}{name}{json.dumps(value, ensure_ascii=False)}{end}", fault)


def _members(members: list[tuple[str, str, Any]], indent: str, told: Mapping[str, str]) -> Iterator[Line]:
    for place, (path, name, value) in enumerate(members, 1):
        yield from _value(value, path, name, indent + _STEP, "," if place < len(members) else "", told)
