"""A hook over HTTP, from the body to the headers of the answer."""

import json
import logging
import re
import time

import pytest
import structlog

from tests.calling import requests, rules_of
from tests.marks import BORN, MARK, marked

pytestmark = pytest.mark.anyio

VIEW = requests()["patient-view-clonazepam-fall"]
SIGN = requests()["order-sign-rbd-dementia"]


async def test_a_call_is_answered_with_cards(client):
    answer = await client.post("/cds-services/rbd-order-sign", json=SIGN)
    assert answer.status_code == 200
    (card,) = answer.json()["cards"]
    assert rules_of(card) == ["clonazepam-dementia"]
    (order,) = (action["resource"] for action in card["suggestions"][0]["actions"] if action["type"] == "create")
    assert order["subject"] == {"reference": f"Patient/{SIGN['context']['patientId']}"}


async def test_nothing_to_say_is_said_in_few_bytes(client):
    answer = await client.post("/cds-services/rbd-patient-view", json=requests()["patient-view-hypertension"])
    assert answer.content == b'{"cards":[]}'


async def test_the_phases_are_timed_in_milliseconds(client):
    started = time.perf_counter()
    with structlog.testing.capture_logs() as lines:
        answer = await client.post("/cds-services/rbd-patient-view", json=VIEW)
    passed = (time.perf_counter() - started) * 1000
    phases = re.findall(r"(\w+);dur=(\d+\.\d\d)(?:, |$)", answer.headers["server-timing"])
    assert [name for name, _ in phases] == ["parse", "gather", "decide"]
    assert {name: float(said) for name, said in phases} == lines[0]["phases"]
    # Of a chart, no phase takes less than a hundredth of a millisecond: in seconds all of them would be nought.
    assert all(float(said) > 0 for _, said in phases)
    assert sum(float(said) for _, said in phases) <= passed


async def test_missing_data_names_the_keys(client):
    answer = await client.post("/cds-services/rbd-patient-view", json=VIEW | {"prefetch": {}})
    assert answer.status_code == 412
    assert {"prefetch.patient", "prefetch.conditions"} <= set(answer.json()["issue"][0]["expression"])


async def test_a_broken_contract_names_the_member(client):
    answer = await client.post("/cds-services/rbd-order-sign", json=SIGN | {"hookInstance": ""})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["hookInstance"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b"\xef\xbb\xbf{}", b"[" * 10_000])
async def test_what_is_no_json_is_400(client, body):
    answer = await client.post(
        "/cds-services/rbd-patient-view", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/fhir+json", "Application/JSON"])
async def test_json_by_any_of_its_names_is_taken(client, kind):
    answer = await client.post(
        "/cds-services/rbd-patient-view", content=json.dumps(VIEW), headers={"Content-Type": kind}
    )
    assert answer.status_code == 200


async def test_a_body_without_a_media_type_is_taken_for_json(client):
    assert (await client.post("/cds-services/rbd-patient-view", content=json.dumps(VIEW))).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "text/json"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_any_other_media_type_is_415(client, headers):
    answer = await client.post("/cds-services/rbd-patient-view", content=json.dumps(VIEW), headers=headers)
    assert answer.status_code == 415


async def test_one_line_is_logged_and_holds_nothing_of_the_patient(client):
    call = marked("order-sign-rbd-dementia")
    with structlog.testing.capture_logs() as lines:
        answered = await client.post("/cds-services/rbd-order-sign", json=call, headers={"Authorization": MARK})
        await client.post(f"/cds-services/{MARK}", json=call)
        await client.get(f"/{MARK}?x={MARK}")
    assert [line["event"] for line in lines] == ["call", "call", "call"]
    assert lines[0]["service"] == "rbd-order-sign"
    assert lines[0]["status"] == 200
    assert lines[0]["found"] == ("clonazepam-dementia",)
    assert lines[0]["uuids"] == [card["uuid"] for card in answered.json()["cards"]]
    assert lines[1]["path"] is None
    assert MARK.lower() not in json.dumps(lines).lower()
    assert BORN[:7] not in json.dumps(lines)


async def test_an_unforeseen_fault_is_answered_without_its_message(client, application, monkeypatch):
    async def broken(*_):
        raise RuntimeError("MARK in the chart")

    monkeypatch.setattr(application, "answer", broken)
    with structlog.testing.capture_logs() as lines:
        answer = await client.post("/cds-services/rbd-patient-view", json=VIEW)
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == "*"
    (issue,) = answer.json()["issue"]
    assert issue["diagnostics"] == f"request {answer.headers['x-request-id']}"
    assert "MARK" not in answer.text
    assert "MARK" not in json.dumps(lines)
    assert lines[0]["kind"] == "RuntimeError"


async def test_a_quiet_page_is_logged_for_debugging_only(client):
    with structlog.testing.capture_logs() as lines:
        await client.get("/health/live")
    assert [line["log_level"] for line in lines] == [logging.getLevelName(logging.DEBUG).lower()]
