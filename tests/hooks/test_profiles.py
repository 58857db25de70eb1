"""Each client's dialect, as the whole answer it would get."""

import json
from typing import Any

import pytest

from cds_service.hooks.profiles import PROFILES, spoken
from cds_service.hooks.responses import (
    Action,
    Card,
    Coding,
    OverrideReason,
    Response,
    Source,
    Suggestion,
)

ANSWER = Response(
    cards=(
        Card(
            uuid="4f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11",
            summary="Clonazepam: look again",
            indicator="warning",
            source=Source(label="Beers", topic=Coding(system="urn:t", code="clonazepam-dose")),
            suggestions=(
                Suggestion(
                    uuid="2a6b6f36-6c6b-4a49-8e4a-1c1f6d3d2b22",
                    label="Replace",
                    is_recommended=True,
                    actions=(
                        Action(type="delete", description="Remove it", resource_id="MedicationRequest/d1"),
                        Action(
                            type="create", description="Draft melatonin", resource={"resourceType": "MedicationRequest"}
                        ),
                    ),
                ),
                Suggestion(
                    uuid="2a6b6f36-6c6b-4a49-8e4a-1c1f6d3d2b23",
                    label="Lower the dose",
                    actions=(
                        Action(
                            type="update",
                            description="0.5 mg",
                            resource={"resourceType": "MedicationRequest", "id": "d1"},
                        ),
                    ),
                ),
            ),
            selection_behavior="at-most-one",
            override_reasons=(OverrideReason(system="urn:r", code="a", display="A reason"),),
        ),
    )
)


def card_for(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(spoken(ANSWER, PROFILES[name]).encode())["cards"][0]
    return found


def test_the_default_dialect_is_the_answer_itself() -> None:
    assert spoken(ANSWER, PROFILES["default"]) is ANSWER


def test_epic_gets_any_one_action_each_no_update_and_a_plain_topic() -> None:
    card = card_for("epic")
    assert card["selectionBehavior"] == "any"
    assert card["source"]["topic"]["code"] == "clonazepamdose"
    assert [[a["type"] for a in s["actions"]] for s in card["suggestions"]] == [["create"], ["delete"]]
    assert [s["label"] for s in card["suggestions"]] == ["Draft melatonin", "Remove it"]
    assert len({s["uuid"] for s in card["suggestions"]}) == 2


def test_the_sandbox_gets_the_action_it_would_apply() -> None:
    card = card_for("sandbox")
    assert [[a["type"] for a in s["actions"]] for s in card["suggestions"]] == [["create"], ["update"]]
    assert card["selectionBehavior"] == "at-most-one"


def test_a_client_of_version_1_gets_no_later_members() -> None:
    card = card_for("v1")
    assert "overrideReasons" not in card
    assert "topic" not in card["source"]
    assert not any("isRecommended" in suggestion for suggestion in card["suggestions"])
    delete, create = card["suggestions"][0]["actions"]
    assert delete == {"type": "delete", "description": "Remove it", "resource": "d1"}
    assert create["type"] == "create"


@pytest.mark.parametrize("name", PROFILES)
def test_silence_is_the_same_in_every_dialect(name: str) -> None:
    assert spoken(Response(cards=()), PROFILES[name]).encode() == b'{"cards":[]}'


def test_a_card_left_without_suggestions_loses_its_selection_behavior() -> None:
    update = ANSWER.cards[0].suggestions[1]
    only = Card(
        summary="Dose",
        indicator="info",
        source=Source(label="Label"),
        suggestions=(update,),
        selection_behavior="at-most-one",
    )
    card = json.loads(spoken(Response(cards=(only,)), PROFILES["epic"]).encode())["cards"][0]
    assert "suggestions" not in card
    assert "selectionBehavior" not in card
