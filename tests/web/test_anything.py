"""Whatever is sent, the answer is below 500, is written as promised, and repeats nothing of a refused call."""

import asyncio
import copy
import json

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.web.app import create_app

MARK = "xQMARKQx"
CALLS = {
    "patient-view": {"userId": "Practitioner/p", "patientId": "pat-1"},
    "order-select": {
        "userId": "Practitioner/p",
        "patientId": "pat-1",
        "selections": ["MedicationRequest/d"],
        "draftOrders": {
            "resourceType": "Bundle",
            "entry": [{"fullUrl": "urn:uuid:1", "resource": {"resourceType": "MedicationRequest", "id": "d"}}],
        },
    },
}
PREFETCH = {
    "patient": {"resourceType": "Patient", "id": "pat-1", "birthDate": "1950"},
    "conditions": {
        "resourceType": "Bundle",
        "total": 1,
        "link": [{"relation": "next", "url": "https://a"}],
        "entry": [
            {"resource": {"resourceType": "Condition", "code": {"coding": [{"system": "s", "code": "c"}]}}},
            {"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}},
        ],
    },
    "medicationRequests": None,
}

texts = st.sampled_from(
    [MARK, "", "Bundle", "MedicationOrder", "Condition", "next", "\u0000", "é" * 200, "\ud83d\ude00"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.just("resourceType"), inner, max_size=3),
    max_leaves=6,
)


def places(node, path=()):
    yield path
    if isinstance(node, dict | list):
        for step, member in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(member, (*path, step))


@st.composite
def spoilt_calls(draw):
    hook = draw(st.sampled_from(sorted(CALLS)))
    body = {"hook": hook, "hookInstance": MARK, "context": CALLS[hook], "prefetch": PREFETCH}
    body = copy.deepcopy(body) | {"fhirServer": f"https://{MARK}", "extension": {MARK: MARK}}
    for _ in range(draw(st.integers(1, 4))):
        *steps, last = draw(st.sampled_from([place for place in places(body) if place]))
        node = body
        for step in steps:
            node = node[step]
        if draw(st.booleans()):
            node[last] = draw(values)
        else:
            del node[last]
    return hook, json.dumps(body).encode()


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as one:
        yield one


async def answered(app, hook, body):
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": f"/cds-services/rbd-{hook}", "headers": [], "query_string": b""}
    with structlog.testing.capture_logs() as lines:
        await app(scope, receive, send)
    return sent[0]["status"], sent[0]["headers"], sent[1]["body"], lines


def check(runner, stand_in, validated, hook, body):
    status, headers, answer, lines = runner.run(answered(create_app(stand_in), hook, body))
    assert status in (200, 400, 422)
    assert MARK not in json.dumps(lines)
    assert MARK.encode() not in b"".join(name + value for name, value in headers)
    if status == 200:
        validated(answer)
    else:
        assert json.loads(answer)["resourceType"] == "OperationOutcome"
        assert MARK.encode() not in answer


quietly = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@quietly
@given(spoilt_calls())
def test_a_call_with_something_else_in_some_places(runner, stand_in, validated, call):
    check(runner, stand_in, validated, *call)


@quietly
@given(values)
def test_any_json(runner, stand_in, validated, value):
    check(runner, stand_in, validated, "patient-view", json.dumps(value).encode())


@quietly
@given(st.binary(max_size=200))
def test_any_bytes(runner, stand_in, validated, body):
    check(runner, stand_in, validated, "patient-view", MARK.encode() + body)
    check(runner, stand_in, validated, "patient-view", body)
