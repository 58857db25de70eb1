"""Feedback over HTTP: what is taken, and what is refused."""

import json

import pytest
import structlog

pytestmark = pytest.mark.anyio

PATH = "/cds-services/rbd-order-select/feedback"
CARD = "4f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11"
AT = {"outcomeTimestamp": "2026-07-01T09:30:00Z"}
ACCEPTED = {"card": CARD, "outcome": "accepted", "acceptedSuggestions": [{"id": "s1"}], **AT}
OVERRIDDEN = {"card": CARD, "outcome": "overridden", **AT}
REASON = {"reason": {"code": "risk-benefit-ratio"}, "userComment": "MARK in a comment"}


async def post(client, *entries, path=PATH):
    return await client.post(path, json={"feedback": list(entries)})


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
async def test_feedback_is_answered_with_an_empty_object(client, stand_in, entry):
    answer = await post(client, entry)
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert [found.card for found in stand_in.taken[0].entries] == [CARD]


async def test_several_cards_come_at_once(client, stand_in):
    assert (await post(client, ACCEPTED, OVERRIDDEN, OVERRIDDEN | {"card": "another"})).status_code == 200
    assert len(stand_in.taken[0].entries) == 3


async def test_nothing_to_tell_is_fine(client, stand_in):
    assert (await post(client)).status_code == 200
    assert stand_in.taken[0].entries == ()


async def test_an_entry_that_cannot_be_used_does_not_cost_its_neighbours(client, stand_in):
    answer = await post(client, {"outcome": "overridden"}, ACCEPTED, OVERRIDDEN | {"outcome": "ignored"})
    assert answer.status_code == 200
    assert (len(stand_in.taken[0].entries), stand_in.taken[0].unusable) == (1, 2)


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
async def test_where_nothing_can_be_used_the_member_is_named(client, stand_in, body):
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["feedback"]
    assert stand_in.taken == []


async def test_what_is_no_json_is_400(client):
    answer = await client.post(PATH, content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


async def test_other_methods_are_405_and_other_services_404(client):
    answer = await client.get(PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert (await post(client, ACCEPTED, path="/cds-services/unheard-of/feedback")).status_code == 404


async def test_a_slash_at_the_end_is_overlooked(client):
    assert (await post(client, ACCEPTED, path=f"{PATH}/")).status_code == 200


async def test_a_reason_in_an_array_is_the_reason(client, stand_in):
    await post(client, OVERRIDDEN | {"overrideReasons": [REASON]})
    assert stand_in.taken[0].entries[0].reason.code == "risk-benefit-ratio"


async def test_more_than_ten_thousand_entries_are_refused_at_once(client, stand_in):
    answer = await client.post(PATH, content=b'{"feedback":[' + b",".join([b"0"] * 20_000) + b"]}")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "too-long")


async def test_ten_thousand_entries_are_taken(client, stand_in):
    assert (await post(client, *[OVERRIDDEN | {"card": f"c{n}"} for n in range(10_000)])).status_code == 200
    assert len(stand_in.taken[0].entries) == 10_000


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
