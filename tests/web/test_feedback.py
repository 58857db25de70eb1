"""Feedback over HTTP: what is taken and kept, and what is refused."""

import datetime as dt
import json

import pytest
import structlog
from sqlalchemy import select

from cds_service import __version__
from cds_service.record.recorder import opened
from cds_service.record.tables import ANSWERS, version_needed
from cds_service.record.writer import Writer
from cds_service.settings import Settings
from tests.calling import application_with, requests
from tests.contract import speaking_to

pytestmark = pytest.mark.anyio

PATH = "/cds-services/rbd-order-select/feedback"
CARD = "4f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11"
AT = {"outcomeTimestamp": "2026-07-01T09:30:00Z"}
ACCEPTED = {"card": CARD, "outcome": "accepted", "acceptedSuggestions": [{"id": "s1"}], **AT}
OVERRIDDEN = {"card": CARD, "outcome": "overridden", **AT}
REASON = {"reason": {"code": "risk-benefit-ratio"}, "userComment": "MARK in a comment"}


async def post(client, *entries, path=PATH):
    return await client.post(path, json={"feedback": list(entries)})


@pytest.fixture
def environment(tmp_path):
    return {"CDS_RECORD": "on", "CDS_VAR": str(tmp_path)}


@pytest.fixture
def told(environment):
    """Posts a body to a service that keeps a record, and says what was answered and what is kept in the end."""

    async def sent(body):
        async with speaking_to(application_with(**environment)) as client:
            answer = await client.post(PATH, json=body)
        async with opened(Settings.read(environment)) as store:
            await store.open()
            async with store.engine.connect() as connection:
                return answer, (await connection.execute(select(ANSWERS))).all()

    return sent


def batch(*entries):
    return {"feedback": list(entries)}


def instant(row):
    return dt.datetime.fromtimestamp(row.at / 1000, dt.UTC).isoformat()


@pytest.mark.parametrize(
    "entry",
    [
        ACCEPTED,
        OVERRIDDEN,
        OVERRIDDEN | {"overrideReason": REASON},
        OVERRIDDEN | {"overrideReason": {"userComment": "MARK"}},
        OVERRIDDEN | {"overrideReasons": REASON | {"extension": {"com.epic": 1}}},
        OVERRIDDEN | {"extension": {"x": "y"}, "unheard": "of"},
        OVERRIDDEN | {"acceptedSuggestions": None, "overrideReason": None},
        OVERRIDDEN | {"overrideReasons": [REASON]},
        OVERRIDDEN | {"card": f"urn:uuid:{CARD}"},
        OVERRIDDEN | {"outcomeTimestamp": "2026-07-01t09:30:00z"},
        OVERRIDDEN | {"outcomeTimestamp": "2026-06-30T23:59:60Z"},
        ACCEPTED | {"acceptedSuggestions": ["s1"]},
        ACCEPTED | {"acceptedSuggestions": [{"id": 3}, None, {"id": "s1"}]},
    ],
)
async def test_feedback_is_answered_with_an_empty_object_and_kept(told, entry):
    answer, kept = await told(batch(entry))
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert [(row.card, row.outcome, row.service) for row in kept] == [(CARD, entry["outcome"], "rbd-order-select")]


async def test_several_cards_come_at_once(told):
    other = "5b1c86c0-9c2d-4f7e-8a55-3f3f7a0a3b22"
    answer, kept = await told(batch(ACCEPTED, OVERRIDDEN, OVERRIDDEN | {"card": other}))
    assert answer.status_code == 200
    assert sorted((row.card, row.outcome) for row in kept) == [
        (CARD, "accepted"),
        (CARD, "overridden"),
        (other, "overridden"),
    ]


async def test_the_same_entry_twice_is_kept_once(told):
    answer, kept = await told(batch(OVERRIDDEN, OVERRIDDEN))
    assert (answer.status_code, len(kept)) == (200, 1)


async def test_nothing_to_tell_is_fine(told):
    answer, kept = await told(batch())
    assert (answer.status_code, kept) == (200, [])


async def test_an_entry_that_cannot_be_used_does_not_cost_its_neighbours(told):
    with structlog.testing.capture_logs() as lines:
        answer, kept = await told(batch({"outcome": "overridden"}, ACCEPTED, OVERRIDDEN | {"outcome": "ignored"}))
    assert answer.status_code == 200
    assert [row.outcome for row in kept] == ["accepted"]
    assert [line["unusable"] for line in lines if line["event"] == "call"] == [2]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"feedback": {}},
        {"feedback": ["x"]},
        {"feedback": [OVERRIDDEN | {"outcome": "ignored"}]},
        {"feedback": [{"outcome": "overridden", **AT}]},
        {"feedback": [{"card": CARD, "outcome": "accepted", **AT}]},
        {"feedback": [{"card": CARD, "outcome": "overridden"}]},
        {"feedback": [OVERRIDDEN | {"outcomeTimestamp": "yesterday"}]},
        {"feedback": [OVERRIDDEN | {"outcomeTimestamp": "0001-01-01T00:00:00+14:00"}]},
    ],
    ids=json.dumps,
)
async def test_where_nothing_can_be_used_the_member_is_named(told, body):
    answer, kept = await told(body)
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["feedback"]
    assert kept == []


async def test_what_is_no_json_is_400(client):
    answer = await client.post(PATH, content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


async def test_other_methods_are_405_and_other_services_404(client):
    answer = await client.get(PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert (await post(client, ACCEPTED, path="/cds-services/unheard-of/feedback")).status_code == 404


async def test_a_slash_at_the_end_is_overlooked(client):
    assert (await post(client, ACCEPTED, path=f"{PATH}/")).status_code == 200


async def test_a_reason_in_an_array_is_the_reason(told):
    _, kept = await told(batch(OVERRIDDEN | {"overrideReasons": [REASON]}))
    assert [row.reason for row in kept] == ["risk-benefit-ratio"]


@pytest.mark.parametrize("said", ["2026-06-30T23:59:60Z", "2026-07-01T01:59:59+02:00"])
async def test_the_time_that_is_kept_is_that_of_the_entry(told, said):
    _, kept = await told(batch(OVERRIDDEN | {"outcomeTimestamp": said}))
    assert [instant(row) for row in kept] == ["2026-06-30T23:59:59+00:00"]


async def test_what_was_overridden_is_not_said_again(environment):
    """By a service that starts later: everything is written by then."""
    path, call = "/cds-services/rbd-order-select", requests()["order-select-rbd-dementia"]
    async with speaking_to(application_with(**environment)) as client:
        (card,) = (await client.post(path, json=call)).json()["cards"]
        assert (await post(client, OVERRIDDEN | {"card": card["uuid"]})).status_code == 200
    async with speaking_to(application_with(**environment)) as client:
        assert (await client.post(path, json=call)).json()["cards"] == []


@pytest.mark.attack("Feedback of very many entries", "422 at once")
async def test_more_than_ten_thousand_entries_are_refused_at_once(client):
    answer = await client.post(PATH, content=b'{"feedback":[' + b",".join([b"0"] * 20_000) + b"]}")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "too-long")


async def test_ten_thousand_entries_are_taken(told):
    answer, kept = await told(batch(*[OVERRIDDEN | {"card": f"c{n}"} for n in range(10_000)]))
    assert (answer.status_code, len(kept)) == (200, 10_000)


async def test_a_body_over_the_limit_is_413(client):
    assert (await post(client, OVERRIDDEN | {"overrideReason": {"userComment": "x" * 6_000_000}})).status_code == 413


async def test_a_browser_may_send_it(client):
    asked = {"Origin": "https://sandbox.cds-hooks.org", "Access-Control-Request-Method": "POST"}
    answer = await client.options(PATH, headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")


async def test_the_log_counts_outcomes_and_holds_no_comment(client):
    with structlog.testing.capture_logs() as lines:
        await post(client, ACCEPTED, OVERRIDDEN | {"overrideReason": REASON}, {"card": "MARK"})
    (line,) = (line for line in lines if line["event"] == "call")
    assert (line["service"], line["accepted"], line["overridden"], line["unusable"]) == ("rbd-order-select", 1, 1, 1)
    assert "MARK" not in str(lines)


async def test_a_writer_that_fails_is_told_to_whoever_sends_feedback_and_to_whoever_asks(environment, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    async with speaking_to(application_with(**environment)) as client:
        assert (await post(client, ACCEPTED)).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
        assert 'rbd_cds_record_faults{fault="writer"} 0.0' in (await client.get("/metrics")).text
        with monkeypatch.context() as broken:
            broken.setattr(Writer, "_append", fail)
            broken.setattr(Writer, "_apply", fail)
            refused = await post(client, OVERRIDDEN)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert (await client.get("/health/ready")).status_code == 503
            assert 'rbd_cds_record_faults{fault="writer"} 1.0' in (await client.get("/metrics")).text
            assert (await client.get("/health/live")).status_code == 200


async def test_a_store_that_fails_alone_is_told_as_well(environment, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    async with speaking_to(application_with(**environment)) as client:
        with monkeypatch.context() as broken:
            broken.setattr(Writer, "_apply", fail)
            assert (await post(client, OVERRIDDEN)).status_code == 503
            assert (await client.get("/health/ready")).status_code == 503


async def test_program_cards_and_tables_are_told_to_whoever_asks(environment):
    async with speaking_to(application_with(**environment)) as client:
        told = (await client.get("/health/ready")).json()
        assert (told["status"], told["version"], told["schema"]) == ("ok", __version__, str(version_needed()))
        counted = (await client.get("/metrics")).text
        assert f'rbd_cds_build_info{{cards="{told["cards"]}",schema="4",version="{__version__}"}} 1.0' in counted


async def test_without_a_record_there_are_no_tables_to_tell_of(client):
    assert (await client.get("/health/ready")).json()["schema"] == "none"
