"""Feedback on cards that were shown, clause by clause."""

import json

import pytest
import structlog

pytestmark = pytest.mark.anyio

PATH = "/cds-services/rbd-order-sign/feedback"
AT = {"outcomeTimestamp": "2026-06-15T09:30:00Z"}
REASON = {"reason": {"code": "risk-benefit-ratio"}, "userComment": "MARK in a comment"}


@pytest.fixture
async def accepted(post, sign):
    """The entry of a client whose user took the first suggestion of the first card."""
    card = (await post(sign)).json()["cards"][0]
    taken = [{"id": card["suggestions"][0]["uuid"]}]
    return {"card": card["uuid"], "outcome": "accepted", "acceptedSuggestions": taken, **AT}


@pytest.fixture
def overridden(accepted):
    return {"card": accepted["card"], "outcome": "overridden", **AT}


@pytest.fixture
def counted(client):
    """How many entries of a batch were taken, by outcome, and how many not; None where the batch was refused."""

    async def told(*entries):
        with structlog.testing.capture_logs() as lines:
            answer = await client.post(PATH, json={"feedback": list(entries)})
        if answer.status_code != 200:
            assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (422, ["feedback"])
            return None
        (line,) = lines
        return tuple(line.get(name, 0) for name in ("accepted", "overridden", "unusable"))

    return told


async def test_what_became_of_a_card_is_taken(counted, accepted, overridden):
    assert await counted(accepted) == (1, 0, 0)
    for reason in ({}, {"overrideReason": REASON}, {"overrideReason": {"userComment": "MARK"}}):
        assert await counted(overridden | reason) == (0, 1, 0)


async def test_entries_come_together_and_again(counted, accepted, overridden):
    stranger = overridden | {"card": "4f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11"}
    assert await counted(accepted, overridden, stranger) == (1, 2, 0)
    assert await counted(accepted, accepted) == (2, 0, 0)
    assert await counted() == (0, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "ignored"},
        {"outcome": None},
        {"card": None},
        {"card": ""},
        {"acceptedSuggestions": None},
        {"acceptedSuggestions": []},
        {"outcomeTimestamp": None},
        {"outcomeTimestamp": "yesterday"},
    ],
    ids=json.dumps,
)
async def test_an_entry_that_breaks_the_contract_is_not_taken(counted, accepted, overridden, change):
    """Alone it is refused; its neighbours are taken all the same."""
    assert await counted(accepted | change) is None
    assert await counted(accepted | change, overridden) == (0, 1, 1)


async def test_the_other_name_of_the_reason_is_read(client, overridden):
    for member in ("overrideReason", "overrideReasons"):
        with structlog.testing.capture_logs() as lines:
            await client.post(PATH, json={"feedback": [overridden | {member: REASON}]})
        assert lines[0]["reasons"] == {"risk-benefit-ratio": 1}


async def test_feedback_has_an_address_for_each_service_and_one_method(client, overridden):
    for service in (await client.get("/cds-services")).json()["services"]:
        path = f"/cds-services/{service['id']}/feedback"
        assert (await client.post(path, json={"feedback": [overridden]})).status_code == 200
        refused = await client.get(path)
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert (await client.post("/cds-services/none/feedback", json={"feedback": [overridden]})).status_code == 404


async def test_no_comment_is_logged(client, overridden):
    with structlog.testing.capture_logs() as lines:
        await client.post(PATH, json={"feedback": [overridden | {"overrideReason": REASON}, "MARK"]})
    assert "MARK" not in json.dumps(lines)
