"""Plain values of fetching: which server, until when, how much, and why something was not had."""

from __future__ import annotations

from time import monotonic
from typing import Literal, TypeAlias

import msgspec

from cds_service.fhir_client.egress import Base

Why: TypeAlias = Literal[
    "not in time",
    "token refused",
    "not authorised for this data",
    "not found",
    "the server refused",
    "the server failed",
    "redirected",
    "no connection",
    "answer too large",
    "answer unreadable",
    "more pages",
    "more pages elsewhere",
]
"""Why an answer was not had, or not all of it; short words that go into logs and name nobody."""

TokenNotUsable: TypeAlias = Literal["token not usable"]
"""Why a server is not asked that the client meant to be asked: its token has run out, or is none for this patient."""

Closed: TypeAlias = Literal["no FHIR server", "FHIR server not allowed", "no token"] | TokenNotUsable
"""Why a server is not asked at all."""

REFERENCES = "references"
"""The key under which stands what other resources refer to and nobody had sent."""


PAGE_SIZE = 200
"""The matches that a server is asked to give at a time; many give 20 unless they are asked, and few more than this."""


class Target(msgspec.Struct, frozen=True):
    """A server that may be called in one request, with the token for it and for no other."""

    base: Base
    token: str | None = None

    def __repr__(self) -> str:
        return f"Target({self.base.url!r})"


class Deadline:
    """When the fetching of one request ends, whatever has come."""

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds; below zero once it is past."""
        return self._at - monotonic()


class Bounds(msgspec.Struct, frozen=True):
    """What is taken from a server in one request, and how many calls may be under way to it."""

    pages: int = 20
    entries: int = 5_000
    bytes: int = 8 * 1_048_576
    page_bytes: int = 4 * 1_048_576
    references: int = 300
    reads: int = 50
    """Resources that are read one by one, where they cannot be searched by id."""
    calls: int = 128
