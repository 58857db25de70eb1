"""The trace that a call belongs to (W3C Trace Context), from its headers to those of the questions that it leads to.

Where a site has its traces collected, the parts of a call are spans of it; else they cost nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

import msgspec

_PARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE = re.compile(r"[ -~]{1,512}")
_OURS = b"00"
_SAMPLED = 1


class Trace(msgspec.Struct, frozen=True):
    """``span`` is the call's own, which what it asks for names as its parent."""

    trace_id: str
    parent: str
    span: str
    sampled: bool
    state: str | None = None
    """``tracestate``: what others' tracing systems hand on to each other."""
    spanned: bool = False
    """Whether the span is one that is told of."""

    @classmethod
    def of(cls, headers: Sequence[tuple[bytes, bytes]]) -> Trace | None:
        """None without a ``traceparent``, and where it is not as it must be, or there are several."""
        given = [value for name, value in headers if name == b"traceparent"]
        found = _PARENT.fullmatch(given[0]) if len(given) == 1 else None
        if found is None or (found[1] == _OURS and found[5]):
            return None
        _, trace_id, parent, flags, _ = found.groups()
        state = ",".join(value.decode("latin-1") for name, value in headers if name == b"tracestate")
        passed = state if _STATE.fullmatch(state) else None
        return cls(trace_id.decode(), parent.decode(), os.urandom(8).hex(), bool(int(flags, 16) & _SAMPLED), passed)

    @property
    def headers(self) -> dict[str, str]:
        """For what is asked for under the span."""
        parent = f"00-{self.trace_id}-{self.span}-{int(self.sampled):02x}"
        return {"traceparent": parent} | ({"tracestate": self.state} if self.state else {})


TRACE: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""Of the call under way."""


class Span(Protocol):
    """A part of a call that is told of when it has ended; never of whom it was about."""

    def note(self, **told: str | int) -> None: ...

    def note_of(self, line: Mapping[str, Any], names: Collection[str]) -> None:
        """Of a line that is written anyway these members, as far as it has them."""


class Tracer(Protocol):
    """Collects spans; what it opens is in :data:`TRACE` until it has ended."""

    def open(self, name: str, told: Mapping[str, str | int], *, asks: bool) -> AbstractContextManager[Span]: ...


class _Untold:
    def note(self, **_: str | int) -> None:
        """Nobody collects."""

    def note_of(self, line: Mapping[str, Any], names: Collection[str]) -> None:
        """Nobody collects."""


UNTOLD: AbstractContextManager[Span] = nullcontext(_Untold())
_tracer: Tracer | None = None


def trace_by(tracer: Tracer | None) -> None:
    """From now on, in this process."""
    global _tracer
    _tracer = tracer


def call_span() -> AbstractContextManager[Span]:
    """A whole call, under whoever sent it."""
    return _tracer.open("call", {}, asks=False) if _tracer else UNTOLD


def span(name: str, *, asks: bool = False, **told: str | int) -> AbstractContextManager[Span]:
    """A part of the call under way; ``asks`` where it is an answer of another server that it waits for."""
    above = TRACE.get() if _tracer else None
    return _tracer.open(name, told, asks=asks) if _tracer and above and above.spanned else UNTOLD
