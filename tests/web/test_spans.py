"""Where a site collects traces, a call and its parts are spans under its caller's, and none tells of a patient."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cds_service.fhir_client.trace import call_span
from cds_service.web.logs import _line
from cds_service.web.tracing import Tracing
from tests.calling import application_with, requests
from tests.contract import speaking_to
from tests.fhir_client import misbehaving
from tests.marks import MARK, TOKEN, marked
from tests.processes import ROOT
from tests.web.test_tracing import GIVEN, PARENT, TRACE_ID

NAME = "order-select-rbd-dementia"


@contextmanager
def collected():
    """The spans that have ended, once it is over."""
    exporter, spans = InMemorySpanExporter(), []
    with Tracing(exporter).running():
        yield spans
    spans += exporter.get_finished_spans()


async def fetched(headers, body=None):
    """A call whose data must be fetched; what the FHIR server was asked, and the answer."""
    body = body or requests()[NAME]
    async with misbehaving.running() as server, speaking_to(application_with()) as client:
        asking = body | {"prefetch": {}, "fhirServer": server.url}
        answer = await client.post("/cds-services/rbd-order-select", json=asking, headers=headers)
    assert server.asked
    return server.asked, answer


@pytest.mark.anyio
async def test_a_call_and_its_parts_are_spans_under_that_of_the_caller():
    with collected() as spans:
        asked, answer = await fetched({"traceparent": GIVEN, "tracestate": "vendor=opaque"})
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE_ID}
    (call,) = [span for span in spans if span.name == "call"]
    assert f"{call.parent.span_id:016x}" == PARENT
    assert (call.attributes["cds.service"], call.attributes["cds.caller"]) == ("rbd-order-select", "anyone")
    assert (call.attributes["cds.hook"], call.attributes["cds.status"]) == ("order-select", answer.status_code)
    assert {span.name for span in spans if span.parent.span_id == call.context.span_id} >= {
        "open",
        "gather first",
        "decide",
    }
    questions = {f"00-{TRACE_ID}-{span.context.span_id:016x}-01" for span in spans if span.name == "fhir request"}
    assert {one.headers["traceparent"] for one in asked} == questions
    assert {one.headers["tracestate"] for one in asked} == {"vendor=opaque"}
    gathering = {span.context.span_id for span in spans if span.name.startswith("gather")}
    assert {span.parent.span_id for span in spans if span.name == "fhir request"} <= gathering


@pytest.mark.anyio
async def test_a_call_that_its_caller_does_not_sample_is_not_collected_and_its_trace_goes_on():
    with collected() as spans:
        asked, _ = await fetched({"traceparent": GIVEN[:-1] + "0"})
    assert spans == []
    assert {one.headers["traceparent"][:36] for one in asked} == {f"00-{TRACE_ID}-"}
    assert {one.headers["traceparent"][-2:] for one in asked} == {"00"}


def test_the_line_of_a_call_names_its_span():
    with collected() as spans, call_span():
        line = json.loads(_line(None, "info", {"event": "call"}))
    (span,) = spans
    assert (line["trace_id"], line["span_id"]) == (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}")


@pytest.mark.anyio
@pytest.mark.attack("Reading the traces for what tells of a patient", "nothing there")
async def test_no_span_tells_of_a_patient():
    with collected() as spans:
        await fetched({"Authorization": f"Bearer {TOKEN}", "X-Request-Id": MARK}, marked(NAME))
        async with speaking_to(application_with()) as client:
            for path in (f"/cds-services/{MARK}", f"/cds-services/rbd-order-select/{MARK}?x={MARK}"):
                await client.post(path, content=MARK)
            await client.post("/cds-services/rbd-order-select", json={"hook": MARK, MARK: MARK})
    assert len(spans) > 5
    for span in spans:
        assert MARK.lower() not in span.to_json().lower()
        assert TOKEN not in span.to_json()
        assert "pat-" not in span.to_json()


def test_nothing_of_it_is_loaded_where_it_is_off():
    program = "import sys; from tests.calling import serving;\nwith serving() as call: call('patient-view', b'{}')\n"
    told = "print([name for name in sys.modules if name.startswith(('opentelemetry', 'google.protobuf', 'requests'))])"
    done = subprocess.run([sys.executable, "-c", program + told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
