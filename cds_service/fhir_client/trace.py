"""The trace that a call belongs to (W3C Trace Context), from its headers to those of the questions that it leads to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar

import msgspec

_PARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_OURS = b"00"
_SAMPLED = 1


class Trace(msgspec.Struct, frozen=True):
    """``span`` is the call's own, which what it asks for names as its parent."""

    trace_id: str
    parent: str
    span: str
    sampled: bool

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> Trace | None:
        """None without a ``traceparent``, and where it is not as it must be, or there are several."""
        given = [value for name, value in headers if name == b"traceparent"]
        found = _PARENT.fullmatch(given[0]) if len(given) == 1 else None
        if found is None or (found[1] == _OURS and found[5]):
            return None
        _, trace_id, parent, flags, _ = found.groups()
        return cls(trace_id.decode(), parent.decode(), os.urandom(8).hex(), bool(int(flags, 16) & _SAMPLED))

    @property
    def header(self) -> str:
        """``traceparent`` for what the call asks for."""
        return f"00-{self.trace_id}-{self.span}-{int(self.sampled):02x}"


TRACE: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""Of the call under way."""
