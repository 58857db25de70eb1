"""Spans of calls for the site's own tracing system, by OpenTelemetry; imported only where CDS_TRACING is on.

What a span tells is of the service and never of a patient: no address, no id, no message of a fault.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import (
    NonRecordingSpan,
    Span as OpenSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from cds_service import __version__
from cds_service.fhir_client.trace import TRACE, Span, Trace, trace_by

_PREFIX = "cds."
_SERVICE = "rbd-cds"
_FAILED = 500


class _Noting:
    def __init__(self, span: OpenSpan) -> None:
        self._span = span

    def note(self, **told: str | int) -> None:
        for name, value in told.items():
            self._span.set_attribute(_PREFIX + name, value)
        status = told.get("status")
        if isinstance(status, int) and status >= _FAILED:
            self._span.set_status(Status(StatusCode.ERROR))

    def note_of(self, line: Mapping[str, Any], names: Collection[str]) -> None:
        self.note(**{name: line[name] for name in names if line.get(name) is not None})


class Tracing:
    """Sends what it collects in the background, sampled and bounded as the OTEL_ variables say."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(_SERVICE, __version__)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The spans of this process are its own; at the end what is left is sent."""
        trace_by(self)
        try:
            yield
        finally:
            trace_by(None)
            self._provider.shutdown()

    @contextmanager
    def open(self, name: str, told: Mapping[str, str | int], *, asks: bool) -> Iterator[Span]:
        above = TRACE.get()
        begins = above is None or not above.spanned
        kind = SpanKind.CLIENT if asks else SpanKind.SERVER if begins else SpanKind.INTERNAL
        span = self._tracer.start_span(name, _parent(above), kind)
        noting = _Noting(span)
        noting.note(**told)
        token = TRACE.set(_trace(span.get_span_context(), above))
        try:
            yield noting
        except BaseException:
            span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            # The line that is written of a call names the span of the call.
            if not begins:
                TRACE.reset(token)
            span.end()


def _resource() -> Resource:
    """As OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say."""
    given = Resource.create({SERVICE_VERSION: __version__})
    unnamed = str(given.attributes[SERVICE_NAME]).startswith("unknown_service")
    return given.merge(Resource({SERVICE_NAME: _SERVICE})) if unnamed else given


def _parent(above: Trace | None) -> Context:
    if above is None:
        return Context()
    state = TraceState.from_header([above.state]) if above.state else None
    span = above.span if above.spanned else above.parent
    flags = TraceFlags(TraceFlags.SAMPLED if above.sampled else TraceFlags.DEFAULT)
    return set_span_in_context(
        NonRecordingSpan(SpanContext(int(above.trace_id, 16), int(span, 16), not above.spanned, flags, state)),
        Context(),
    )


def _trace(span: SpanContext, above: Trace | None) -> Trace:
    state = span.trace_state.to_header() or None
    parent = above.span if above else ""
    return Trace(f"{span.trace_id:032x}", parent, f"{span.span_id:016x}", span.trace_flags.sampled, state, spanned=True)
