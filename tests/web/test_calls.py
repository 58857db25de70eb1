"""A hook over HTTP, from the body to the headers of the answer."""

import json
import logging

import pytest
import structlog

pytestmark = pytest.mark.anyio

VIEW = {
    "hook": "patient-view",
    "hookInstance": "0d5b2a0e-8a53-4a3b-9d5e-6d1a4e0c1f01",
    "context": {"userId": "Practitioner/p1", "patientId": "pat-1"},
}
ORDER = {"resourceType": "MedicationRequest", "id": "draft-1", "status": "draft", "dose": [1, None, ""]}
SIGN = VIEW | {
    "hook": "order-sign",
    "context": VIEW["context"] | {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": ORDER}]}},
}


async def test_a_call_is_answered_with_cards(client, stand_in):
    answer = await client.post("/cds-services/rbd-patient-view", json=VIEW)
    assert answer.status_code == 200
    assert answer.content == b'{"cards":[]}'
    assert stand_in.seen[0].patient_id == "pat-1"


async def test_the_phases_are_timed(client):
    timing = (await client.post("/cds-services/rbd-patient-view", json=VIEW)).headers["server-timing"]
    assert [part.split(";")[0] for part in timing.split(", ")] == ["parse", "gather", "decide"]
    assert "gather;dur=1.00" in timing


async def test_missing_data_names_the_keys(client, stand_in):
    stand_in.needed = ("patient", "conditions")
    answer = await client.post("/cds-services/rbd-patient-view", json=VIEW)
    assert answer.status_code == 412
    assert answer.json()["issue"][0]["expression"] == ["prefetch.patient", "prefetch.conditions"]


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
    marked = json.loads(json.dumps(SIGN).replace("pat-1", "MARK-1").replace("draft-1", "MARK-2"))
    marked |= {"hookInstance": "MARK-3", "extension": {"x": "MARK-4"}}
    with structlog.testing.capture_logs() as lines:
        await client.post("/cds-services/rbd-order-sign", json=marked, headers={"Authorization": "Bearer MARK-5"})
        await client.post("/cds-services/MARK-6", json=marked)
        await client.get("/MARK-7?x=MARK-8")
    assert [line["event"] for line in lines] == ["call", "call", "call"]
    assert lines[0]["service"] == "rbd-order-sign"
    assert lines[0]["status"] == 200
    assert lines[0]["found"] == 1
    assert lines[1]["path"] is None
    assert "MARK" not in json.dumps(lines)


async def test_an_unforeseen_fault_is_answered_without_its_message(client, stand_in, monkeypatch):
    async def broken(*_):
        raise RuntimeError("MARK in the chart")

    monkeypatch.setattr(stand_in, "answer", broken)
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
