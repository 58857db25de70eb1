"""Documents held against the JSON Schemas of this service: every fault, with its path.

For those who connect a client or look at an answer; no call waits for it. No fault repeats a value of the document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from cds_service.errors import NotJson
from cds_service.hooks.schemas import SchemaName, schema

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator


class Fault(msgspec.Struct, frozen=True, order=True):
    """``path`` is that of the member as JSON writes it, such as ``cards[0].summary``; of the document it is empty."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path or 'the document'} {self.text}"


def faults_in(body: bytes, name: SchemaName) -> tuple[Fault, ...]:
    """What a document of this kind breaks, sorted by path; raises NotJson where it is none."""
    from jsonschema.exceptions import best_match

    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotJson from None
    # Of alternatives, the fault of the nearest one is told.
    errors = (best_match((error,)) for error in _validator(name).iter_errors(document))
    return tuple(sorted({Fault(_path(error.absolute_path), _text(error)) for error in errors}))


@cache
def _validator(name: SchemaName) -> Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema(name))


def _path(steps: Iterator[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _text(error: ValidationError) -> str:
    rule: Any = error.validator_value
    held: Any = error.instance
    known: Any = error.schema
    match error.validator:
        case "required":
            return f"lacks {', '.join(member for member in rule if member not in held)}"
        case "additionalProperties":
            return f"holds what it may not: {', '.join(member for member in held if member not in known['properties'])}"
        case "type":
            return f"must be of type {rule if isinstance(rule, str) else ' or '.join(rule)}"
        case "enum":
            return f"must be one of {', '.join(rule)}"
        case "const":
            return f"must be {rule}"
        case "oneOf" | "anyOf":
            return ", or ".join(dict.fromkeys(_text(alternative) for alternative in error.context))
        case _:
            return f"breaks {error.validator} {json.dumps(rule)}"
