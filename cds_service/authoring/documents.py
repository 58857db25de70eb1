"""What somebody pastes to be tried: a FHIR Bundle or a whole hook request, as one document with resources in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any, TypeAlias

from cds_service.authoring.cases import key_of
from cds_service.errors import Unpasted

Json: TypeAlias = dict[str, Any]
_MOST_LEVELS = 100


def read(text: str) -> Json:
    """The document in a text; Unpasted, with a sentence for the person who typed it, for anything else."""
    return _known(parsed(text))


def parsed(text: str, what: str = "This is") -> Any:
    """The JSON in a text; Unpasted, which begins with ``what`` and names line and column, where it is none."""
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_constant=_no_number, parse_float=_number)
    except json.JSONDecodeError as fault:
        at = f"line {fault.lineno}, column {fault.colno}"
        raise Unpasted(f"{what} not JSON: {_said(fault.msg)} at {at}.", fault.lineno, fault.colno) from None
    except (ValueError, RecursionError) as fault:
        raise Unpasted(f"{what} not JSON that can be read: {_said(str(fault))}.") from None


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON")


def _number(text: str) -> float:
    """A number that can be written again: 1e400 would become one that JSON does not have."""
    value = float(text)
    if not isfinite(value):
        raise ValueError("a number in it is too large")
    return value


def _said(message: str) -> str:
    """A parser's message without the parts of the text that some quote."""
    told = message.partition(":")[0]
    return told if told.startswith("NaN") else told[:1].lower() + told[1:]


def _known(document: object) -> Json:
    if not isinstance(document, dict):
        raise Unpasted("This is JSON, but no object: a FHIR Bundle or a hook request is one.")
    if not _fits(document, _MOST_LEVELS):
        raise Unpasted("This JSON is nested too deeply.")
    if is_request(document):
        if not isinstance(document.get("context"), dict):
            raise Unpasted("This hook request has no context, which names the patient.")
        return document
    kind = document.get("resourceType")
    if kind != "Bundle":
        what = f"a FHIR {kind}" if isinstance(kind, str) and kind.isalpha() else "neither"
        raise Unpasted(f"A FHIR Bundle or a hook request is needed, and this is {what}.")
    if not isinstance(document.get("entry"), list):
        raise Unpasted("This Bundle has no entries.")
    if patient_of(document) is None:
        raise Unpasted("There is no Patient with an id in this Bundle.")
    return document


def _fits(value: object, levels: int) -> bool:
    """Whether it can be copied and written without running out of stack."""
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_fits(one, levels - 1) for one in held)


def is_request(document: Json) -> bool:
    return "hook" in document and "resourceType" not in document


def patient_of(document: Json) -> str | None:
    """The id of the patient whom the document is about: a Bundle's first."""
    if is_request(document):
        named = document["context"].get("patientId")
    else:
        patients = (one for one in resources_in(document) if one.get("resourceType") == "Patient")
        named = next((one["id"] for one in patients if one.get("id")), None)
    return named if isinstance(named, str) else None


def resources_in(document: Json) -> Iterator[Json]:
    """The resources of the chart, in their order; what is no object is passed over."""
    if not is_request(document):
        yield from _in_bundle(document)
        return
    sent = document.get("prefetch")
    for value in sent.values() if isinstance(sent, dict) else ():
        if isinstance(value, dict):
            yield from _in_bundle(value) if value.get("resourceType") == "Bundle" else (value,)


def _in_bundle(bundle: Json) -> Iterator[Json]:
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield entry["resource"]


def name_of(resource: Json) -> str:
    """``Type/id``, as a reference within the chart names it."""
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def add(document: Json, resource: Json) -> None:
    """Puts a resource into the chart: in a request, under the key that brings its type."""
    if not is_request(document):
        document["entry"].append({"resource": resource})
        return
    if not isinstance(document.get("prefetch"), dict):
        document["prefetch"] = {}
    sent, key = document["prefetch"], key_of(resource) or ""
    if not isinstance(sent.get(key), dict) or not isinstance(sent[key].get("entry"), list):
        sent[key] = {"resourceType": "Bundle", "type": "searchset", "entry": []}
    sent[key]["entry"].append({"resource": resource})


def drop(document: Json, gone: Callable[[Json], bool]) -> None:
    """Takes resources out of the chart; the patient of a request is sent by itself, and becomes null."""
    if not is_request(document):
        _drop_in(document, gone)
        return
    sent = document.get("prefetch")
    if not isinstance(sent, dict):
        return
    for key, value in sent.items():
        if isinstance(value, dict) and value.get("resourceType") == "Bundle":
            _drop_in(value, gone)
        elif isinstance(value, dict) and gone(value):
            sent[key] = None


def _drop_in(bundle: Json, gone: Callable[[Json], bool]) -> None:
    entries = bundle.get("entry")
    if isinstance(entries, list):
        bundle["entry"] = [one for one in entries if not (isinstance(one, dict) and _is_gone(one, gone))]


def _is_gone(entry: Json, gone: Callable[[Json], bool]) -> bool:
    held = entry.get("resource")
    return isinstance(held, dict) and gone(held)
