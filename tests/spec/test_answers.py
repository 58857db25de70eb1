"""The answer, clause by clause. Every 2xx and every refusal in these tests is held against its schema."""

import re

import pytest

from tests.calling import requests, without_uuids

pytestmark = pytest.mark.anyio


async def test_every_answer_keeps_the_closed_schema(post, sign, select, validated):
    cards = []
    for call in (sign, select, *requests().values()):
        answer = await post(call)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        cards += validated(answer.content)["cards"]
    suggestions = [suggestion for card in cards for suggestion in card.get("suggestions", [])]
    actions = [action for suggestion in suggestions for action in suggestion["actions"]]
    assert {action["type"] for action in actions} == {"create", "update", "delete"}
    assert {card["indicator"] for card in cards} == {"info", "warning", "critical"}
    assert any("suggestions" not in card for card in cards)
    assert any(card["overrideReasons"] and card["links"] for card in cards)


async def test_nothing_to_say_is_an_empty_list(post, silent):
    assert (await post(silent)).json() == {"cards": []}


async def test_required_data_that_cannot_be_had_is_412(post, view):
    answer = await post(view | {"prefetch": {}})
    needed = ("patient", "conditions", "medicationRequests", "medicationStatements", "medicationDispenses")
    assert answer.status_code == 412
    assert answer.json()["issue"][0]["expression"] == [f"prefetch.{key}" for key in needed]
    assert answer.json()["issue"][0]["code"] == "required"


async def test_every_refusal_is_an_operation_outcome(client, post, view):
    refusals = [
        await post(None, "patient-view", content=b"{"),
        await post(view | {"hook": "x"}, "patient-view"),
        await post(view | {"prefetch": {}}),
        await client.get("/cds-services/none"),
        await client.get("/cds-services/rbd-patient-view"),
    ]
    assert [refusal.status_code for refusal in refusals] == [400, 422, 412, 404, 405]
    assert {refusal.json()["resourceType"] for refusal in refusals} == {"OperationOutcome"}


def uuids(answer):
    return re.findall(r'"uuid":"([^"]+)"', answer.text)


async def test_uuids_are_unique_between_calls(post, sign):
    """Two cards with three suggestions: melatonin, which is drafted beside clonazepam, is not offered again."""
    found = uuids(await post(sign)) + uuids(await post(sign))
    assert len(found) == len(set(found)) == 10


async def test_the_same_call_has_the_same_cards(post, sign):
    first, second = await post(sign), await post(sign | {"hookInstance": "0d5b2a0e-8a53-4a3b-9d5e-6d1a4e0c1f99"})
    assert first.json()["cards"]
    assert without_uuids(first.json()["cards"]) == without_uuids(second.json()["cards"])
    assert first.json().get("extension") == second.json().get("extension")


async def test_answers_are_not_stored_or_sniffed(post, view):
    answer = await post(view)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search("starlette|uvicorn|python", str(answer.headers), re.IGNORECASE)
