"""JSON Schemas (2020-12) of what travels: the documents this service writes, and what it takes."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

import msgspec


def schema(name: Literal["request", "response", "feedback", "discovery"]) -> dict[str, Any]:
    return msgspec.json.decode(files(__name__).joinpath(f"{name}.json").read_bytes(), type=dict[str, Any])
