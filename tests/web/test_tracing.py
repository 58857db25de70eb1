"""What a caller numbers its request and its trace by is taken up, and nothing that may name a patient."""

import re

import pytest

from tests.calling import application_with, as_bytes, requests, serving
from tests.contract import speaking_to
from tests.fhir_client import misbehaving

TRACE_ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE_ID}-{PARENT}-01"
BODY = as_bytes(requests()["order-select-rbd-dementia"])


@pytest.fixture(scope="module")
def call():
    with serving() as called:
        yield called


def named(call, **headers):
    answer = call("order-select", BODY, {name.replace("_", "-"): value for name, value in headers.items()})
    (line,) = [line for line in answer.lines if line["event"] == "call"]
    return answer.headers["x-request-id"], line


@pytest.mark.parametrize("given", ["7b2d3c1e-52c1-4a52-9b6a-3c1f0d9e7a01", "0123456789abcdef", "A" * 64])
def test_a_request_id_of_drawn_digits_is_taken_up(call, given):
    assert named(call, X_Request_Id=given)[0] == given


@pytest.mark.parametrize("given", ["", "Jane Doe", "jane-doe-1950", "123456", "a" * 65, "é" * 20])
def test_any_other_request_id_is_replaced(call, given):
    assert re.fullmatch("[0-9a-f]{16}", named(call, X_Request_Id=given)[0])


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        (GIVEN, True),
        (f"00-{TRACE_ID}-{PARENT}-00", True),
        (f"cc-{TRACE_ID}-{PARENT}-01-what-the-future-brings", True),
        (f"00-{TRACE_ID}-{PARENT}-01-more", False),
        (f"ff-{TRACE_ID}-{PARENT}-01", False),
        (f"00-{TRACE_ID.upper()}-{PARENT}-01", False),
        (f"00-{'0' * 32}-{PARENT}-01", False),
        (f"00-{TRACE_ID}-{'0' * 16}-01", False),
        (f"00-{TRACE_ID}-{PARENT}", False),
        (f" {GIVEN}", False),
        ("Jane Doe", False),
        (None, False),
    ],
)
async def test_a_trace_goes_on_to_the_fhir_server_under_a_span_of_our_own(given, passed_on):
    body = requests()["order-select-rbd-dementia"] | {"prefetch": {}}
    async with misbehaving.running() as server, speaking_to(application_with()) as client:
        body |= {"fhirServer": server.url}
        headers = {"traceparent": given, "tracestate": "vendor=opaque,other=1"} if given is not None else {}
        assert (await client.post("/cds-services/rbd-order-select", json=body, headers=headers)).status_code in (
            200,
            412,
        )
    sent = {asked.headers.get("traceparent") for asked in server.asked}
    assert server.asked
    if not passed_on:
        assert sent == {None}
        return
    assert {asked.headers.get("tracestate") for asked in server.asked} == {"vendor=opaque,other=1"}
    (one,) = sent
    version, trace_id, span, flags = one.split("-")
    assert (version, trace_id, flags) == ("00", TRACE_ID, given[53:55])
    assert re.fullmatch("[0-9a-f]{16}", span)
    assert span != PARENT


def test_two_traces_are_none(call):
    headers = [(b"traceparent", GIVEN.encode())] * 2
    assert call("order-select", BODY, headers).status == 200
