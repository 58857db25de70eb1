"""JSON Schemas (2020-12) of what travels: the documents this service writes, and what it takes."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal, TypeAlias

import msgspec

from cds_service.hooks.hooks import HOOKS

SchemaName: TypeAlias = Literal["request", "response", "feedback", "discovery"]


def schema(name: SchemaName) -> dict[str, Any]:
    """The schema in a file, its hooks and their versions being those of the table."""
    document = msgspec.json.decode(files(__name__).joinpath(f"{name}.json").read_bytes(), type=dict[str, Any])
    named = {
        "hook": list(HOOKS),
        "hookVersion": sorted({hook.version for hook in HOOKS.values()}),
        "hookWithOrders": [hook.name for hook in HOOKS.values() if hook.brings_orders],
        "hookWithSelections": [hook.name for hook in HOOKS.values() if hook.brings_selections],
    }
    return document | {"$defs": document["$defs"] | {key: {"enum": names} for key, names in named.items()}}
