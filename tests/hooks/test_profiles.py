"""Each client's dialect, as the whole answer it would get."""

import json
from typing import Any

import msgspec
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
                            resource={"resourceType": "MedicationRequest", "id": "d1", "status": "draft"},
                        ),
                    ),
                ),
                Suggestion(
                    uuid="2a6b6f36-6c6b-4a49-8e4a-1c1f6d3d2b24",
                    label="Only remove it",
                    actions=(Action(type="delete", description="Remove it", resource_id="MedicationRequest/d1"),),
                ),
            ),
            selection_behavior="at-most-one",
            override_reasons=(OverrideReason(system="urn:r", code="a", display="A reason"),),
        ),
    )
)


DELETE = {"type": "delete", "description": "Remove it", "resourceId": "MedicationRequest/d1"}
CREATE = {"type": "create", "description": "Draft melatonin", "resource": {"resourceType": "MedicationRequest"}}
UPDATE = {
    "type": "update",
    "description": "0.5 mg",
    "resource": {"resourceType": "MedicationRequest", "id": "d1", "status": "draft"},
}
REPLACE = {"label": "Replace", "uuid": "2a6b6f36-6c6b-4a49-8e4a-1c1f6d3d2b22"}
LOWER = {"label": "Lower the dose", "uuid": "2a6b6f36-6c6b-4a49-8e4a-1c1f6d3d2b23", "actions": [UPDATE]}
REMOVE = {"label": "Only remove it", "uuid": "2a6b6f36-6c6b-4a49-8e4a-1c1f6d3d2b24", "actions": [DELETE]}
HEAD = {
    "uuid": "4f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11",
    "summary": "Clonazepam: look again",
    "indicator": "warning",
}
REASONS = {"overrideReasons": [{"system": "urn:r", "code": "a", "display": "A reason"}]}


def source(code: str) -> dict[str, Any]:
    return {"source": {"label": "Beers", "topic": {"system": "urn:t", "code": code}}}


WHOLE = {
    "default": {
        **HEAD,
        **source("clonazepam-dose"),
        **REASONS,
        "selectionBehavior": "at-most-one",
        "suggestions": [{**REPLACE, "isRecommended": True, "actions": [DELETE, CREATE]}, LOWER, REMOVE],
    },
    "epic": {
        **HEAD,
        **source("clonazepamdose"),
        **REASONS,
        "selectionBehavior": "any",
        "suggestions": [
            {**REPLACE, "label": "Draft melatonin", "isRecommended": True, "actions": [CREATE]},
            {"label": "Remove it", "uuid": "new", "isRecommended": True, "actions": [DELETE]},
            {
                **LOWER,
                "label": "0.5 mg",
                "actions": [
                    {
                        "type": "create",
                        "description": "0.5 mg",
                        "resource": {"resourceType": "MedicationRequest", "status": "draft"},
                    }
                ],
            },
        ],
    },
    "sandbox": {
        **HEAD,
        **source("clonazepam-dose"),
        **REASONS,
        "selectionBehavior": "at-most-one",
        "suggestions": [{**REPLACE, "isRecommended": True, "actions": [CREATE]}, LOWER, REMOVE],
    },
    "v1": {
        **HEAD,
        "source": {"label": "Beers"},
        "selectionBehavior": "at-most-one",
        "suggestions": [
            {**REPLACE, "actions": [{"type": "delete", "description": "Remove it", "resource": "d1"}, CREATE]},
            LOWER,
            {**REMOVE, "actions": [{"type": "delete", "description": "Remove it", "resource": "d1"}]},
        ],
    },
}


def answer_for(name: str) -> dict[str, Any]:
    """The whole answer; uuids that the dialect had to make are called new."""
    known = ANSWER.encode().decode()
    found: dict[str, Any] = json.loads(spoken(ANSWER, PROFILES[name]).encode())
    for suggestion in found["cards"][0]["suggestions"]:
        suggestion["uuid"] = suggestion["uuid"] if suggestion["uuid"] in known else "new"
    return found


def test_the_default_dialect_is_the_answer_itself() -> None:
    assert spoken(ANSWER, PROFILES["default"]) is ANSWER


@pytest.mark.parametrize("name", PROFILES)
def test_each_dialect_s_whole_answer(name: str) -> None:
    assert answer_for(name) == {"cards": [WHOLE[name]]}


def test_suggestions_that_a_dialect_had_to_make_have_uuids_of_their_own() -> None:
    (card,) = spoken(ANSWER, PROFILES["epic"]).cards
    assert len({suggestion.uuid for suggestion in card.suggestions}) == 3


@pytest.mark.parametrize("name", PROFILES)
def test_silence_is_the_same_in_every_dialect(name: str) -> None:
    assert spoken(Response(cards=()), PROFILES[name]).encode() == b'{"cards":[]}'


def told(resource: dict[str, Any] | msgspec.Raw, kind: str = "create", behavior: str = "any") -> Response:
    action = Action(type=kind, description="Do it", resource=resource)  # type: ignore[arg-type]
    card = Card(
        summary="Dose",
        indicator="info",
        source=Source(label="Label"),
        suggestions=(Suggestion(label="Do it", actions=(action,)),),
        selection_behavior=behavior,  # type: ignore[arg-type]
    )
    return Response(cards=(card,))


def in_dialect(name: str, response: Response) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(spoken(response, PROFILES[name]).encode())["cards"][0]
    return found


def test_a_card_left_without_suggestions_loses_its_selection_behavior() -> None:
    """Epic takes no Task."""
    card = in_dialect("epic", told({"resourceType": "Task", "status": "draft"}))
    assert "suggestions" not in card
    assert "selectionBehavior" not in card


def test_a_client_of_version_1_knows_one_selection_behavior() -> None:
    assert in_dialect("v1", told({"resourceType": "Task"}))["selectionBehavior"] == "at-most-one"


@pytest.mark.parametrize(
    ("kind", "member", "system", "name"),
    [
        (
            "MedicationRequest",
            "medicationCodeableConcept",
            "http://www.nlm.nih.gov/research/umls/rxnorm",
            "urn:oid:2.16.840.1.113883.6.88",
        ),
        ("Condition", "code", "http://hl7.org/fhir/sid/icd-10-cm", "urn:oid:2.16.840.1.113883.6.90"),
    ],
)
def test_epic_finds_codes_under_its_own_name_for_their_system(kind, member, system, name) -> None:
    code = {"system": system, "code": "6711"}
    resource = {"resourceType": kind, member: {"coding": [code, None, {"system": [], "code": "x"}]}}
    (suggestion,) = in_dialect("epic", told(resource))["suggestions"]
    codes = suggestion["actions"][0]["resource"][member]["coding"]
    assert codes == [code, None, {"system": [], "code": "x"}, {"system": name, "code": "6711"}]


def test_a_draft_passed_on_unread_is_drafted_anew_for_epic_too() -> None:
    raw = msgspec.Raw(b'{"resourceType":"MedicationRequest","id":"d1","status":"draft"}')
    create, delete = in_dialect("epic", told(raw, "update"))["suggestions"]
    assert create["actions"][0]["resource"] == {"resourceType": "MedicationRequest", "status": "draft"}
    assert delete["actions"][0]["resourceId"] == "MedicationRequest/d1"


def test_removals_of_one_draft_are_offered_once_whatever_they_are_called() -> None:
    removals = tuple(
        Suggestion(label=f"Remove the {name}", actions=(Action(type="delete", description=name, resource_id="X/1"),))
        for name in ("test", "study")
    )
    card = msgspec.structs.replace(told({"resourceType": "Task"}).cards[0], suggestions=removals)
    assert len(in_dialect("sandbox", Response(cards=(card,)))["suggestions"]) == 1
