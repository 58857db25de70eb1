"""Responses are written strictly."""

import json
import uuid

import msgspec
import pytest

from cds_service.errors import UnwritableCard
from cds_service.hooks.responses import (
    Action,
    Card,
    Coding,
    Link,
    OverrideReason,
    Response,
    Source,
    Suggestion,
    new_uuid,
)

SOURCE = Source(label="AASM 2023")
DELETE = Action(type="delete", description="Remove the draft", resource_id="MedicationRequest/draft-1")


def card(**members):
    return Card(**{"summary": "Clonazepam in dementia", "indicator": "warning", "source": SOURCE} | members)


def written(*cards, **members):
    return json.loads(Response(cards=cards, **members).encode())


def test_nothing_to_say_is_an_empty_list_and_nothing_else():
    assert Response(cards=()).encode() == b'{"cards":[]}'


def test_members_without_a_value_are_left_out():
    (one,) = written(card(uuid="u"))["cards"]
    assert one == {
        "uuid": "u",
        "summary": "Clonazepam in dementia",
        "indicator": "warning",
        "source": {"label": "AASM 2023"},
    }


def test_a_full_card_is_written_in_camel_case(validated):
    full = card(
        detail="Because.",
        source=Source(label="AASM", url="https://doi.org/1", topic=Coding(system="urn:t", code="clz")),
        suggestions=(Suggestion(label="Remove it", is_recommended=True, actions=(DELETE,)),),
        selection_behavior="at-most-one",
        override_reasons=(OverrideReason(system="urn:r", code="a", display="b"),),
        links=(Link(label="App", url="https://app.example", type="smart", app_context="x"),),
        extension={"org.rbd-cds.rules": ["clonazepam-dementia"]},
    )
    (one,) = validated(Response(cards=(full,), extension={"a": 1}).encode())["cards"]
    assert one["selectionBehavior"] == "at-most-one"
    assert one["suggestions"][0]["isRecommended"] is True
    assert one["suggestions"][0]["actions"][0]["resourceId"] == "MedicationRequest/draft-1"
    assert one["links"][0]["appContext"] == "x"
    assert one["overrideReasons"] == [{"system": "urn:r", "code": "a", "display": "b"}]


def test_a_resource_may_be_passed_on_byte_for_byte():
    raw = b'{"resourceType":"MedicationRequest","dose":1.10}'
    update = Action(type="update", description="Change it", resource=msgspec.Raw(raw))
    suggestion = Suggestion(label="Change", actions=(update,))
    assert raw in Response(cards=(card(suggestions=(suggestion,), selection_behavior="any"),)).encode()


def test_uuids_are_random_version_four_in_the_bare_form():
    found = {new_uuid() for _ in range(200)}
    assert len(found) == 200
    assert all(str(uuid.UUID(text)) == text for text in found)
    assert {(uuid.UUID(text).version, uuid.UUID(text).variant) for text in found} == {(4, uuid.RFC_4122)}


def test_a_summary_of_139_characters_is_written_and_one_of_140_is_not():
    assert len(written(card(summary="é" * 139))["cards"][0]["summary"]) == 139
    with pytest.raises(UnwritableCard, match="139"):
        card(summary="é" * 140)


RECOMMENDED = Suggestion(label="a", is_recommended=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"summary": " "},
        {"summary": "two\nlines"},
        {"detail": ""},
        {"extension": {}},
        {"selection_behavior": "any"},
        {"suggestions": (RECOMMENDED,)},
        {"suggestions": (RECOMMENDED, RECOMMENDED), "selection_behavior": "at-most-one"},
    ],
    ids=lambda wrong: "+".join(wrong),
)
def test_a_card_the_schema_would_refuse_cannot_be_made(wrong):
    with pytest.raises(UnwritableCard):
        card(**wrong)


def test_several_recommended_suggestions_need_a_free_choice():
    assert card(suggestions=(RECOMMENDED, RECOMMENDED), selection_behavior="any")


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (Action, {"type": "delete", "description": "x"}),
        (Action, {"type": "delete", "description": "x", "resource_id": "a/1", "resource": {"resourceType": "A"}}),
        (Action, {"type": "create", "description": "x"}),
        (Action, {"type": "update", "description": "x", "resource": {"resourceType": "A"}, "resource_id": "A/1"}),
        (Action, {"type": "create", "description": "", "resource": {"resourceType": "A"}}),
        (Suggestion, {"label": ""}),
        (Source, {"label": " "}),
        (Source, {"label": "a", "url": "http://a.example"}),
        (Source, {"label": "a", "icon": "javascript:alert(1)"}),
        (Link, {"label": "", "url": "https://a.example", "type": "absolute"}),
        (Link, {"label": "a", "url": "https://", "type": "absolute"}),
        (Link, {"label": "a", "url": "https://a.example", "type": "absolute", "app_context": "x"}),
    ],
)
def test_a_part_the_schema_would_refuse_cannot_be_made(kind, members):
    with pytest.raises(UnwritableCard):
        kind(**members)
