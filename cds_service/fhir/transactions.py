"""Whether a server has done what a transaction asked: only its own word for each entry counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_NAMED = 3
"""How many refused entries are told by their addresses."""


def fault_in(answer: bytes, transaction: bytes) -> str | None:
    """What shows that a transaction was not done as a whole, in a sentence; None where every entry was done."""
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError):
        return "the answer is no JSON: is this the base address of a FHIR server?"
    kind = read.get("resourceType") if isinstance(read, dict) else None
    if kind == "OperationOutcome":
        return f"the answer is an OperationOutcome: {'; '.join(_issues(read)) or 'it says nothing'}"
    if kind != "Bundle" or read.get("type") != "transaction-response":
        return f"the answer is no transaction-response but {_called(kind, read)}"
    asked = [one["request"]["url"] for one in json.loads(transaction)["entry"]]
    statuses = [_status(one) for one in _list(read.get("entry"))]
    if len(statuses) != len(asked):
        return f"{len(statuses)} entries were answered, and {len(asked)} were sent"
    refused = [f"{address} ({status})" for address, status in zip(asked, statuses, strict=True) if status[:1] != "2"]
    if not refused:
        return None
    more = ", ..." if len(refused) > _NAMED else ""
    return f"{len(refused)} of {len(asked)} entries were refused: {', '.join(refused[:_NAMED])}{more}"


def _called(kind: object, read: Any) -> str:
    if not isinstance(kind, str):
        return "no FHIR resource"
    return f"a {kind}{' of type ' + str(read.get('type')) if kind == 'Bundle' else ''}"


def _status(entry: Any) -> str:
    response = entry.get("response") if isinstance(entry, dict) else None
    return str(response.get("status") or "no status") if isinstance(response, dict) else "no status"


def _issues(outcome: dict[str, Any]) -> Iterator[str]:
    for issue in _list(outcome.get("issue"))[:_NAMED]:
        if isinstance(issue, dict):
            details = issue.get("details")
            text = details.get("text") if isinstance(details, dict) else None
            yield str(issue.get("diagnostics") or text or issue.get("code"))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
