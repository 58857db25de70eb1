"""order-select and order-sign, clause by clause."""

import json

import pytest

pytestmark = pytest.mark.anyio


def with_entries(call, *entries):
    drafts = {"resourceType": "Bundle", "entry": list(entries)}
    return call | {"context": call["context"] | {"draftOrders": drafts}}


def actions(answer, kind):
    return [
        action
        for card in answer.json()["cards"]
        for suggestion in card["suggestions"]
        for action in suggestion["actions"]
        if action["type"] == kind
    ]


async def test_only_selected_orders_are_spoken_about(post, select):
    assert [action["resourceId"] for action in actions(await post(select), "delete")] == ["MedicationRequest/draft-1"]
    other = select | {"context": select["context"] | {"selections": ["ServiceRequest/draft-2"]}}
    assert [action["resourceId"] for action in actions(await post(other), "delete")] == ["ServiceRequest/draft-2"]


async def test_every_order_is_in_scope_at_signing(post, sign):
    assert [action["resourceId"] for action in actions(await post(sign), "delete")] == [
        "MedicationRequest/draft-1",
        "ServiceRequest/draft-2",
    ]


async def test_a_delete_names_the_draft_exactly(post, sign, order):
    long_id = "e" * 190 + "_+/="
    answer = await post(with_entries(sign, {"resource": order | {"id": long_id}}))
    assert actions(answer, "delete")[0]["resourceId"] == f"MedicationRequest/{long_id}"


async def test_an_update_is_the_complete_draft(post, sign, order):
    odd = order | {"extension": [{"url": "urn:x", "valueDecimal": 1.5}], "unknown": {"a": [None, {}]}, "text": ""}
    assert actions(await post(with_entries(sign, {"resource": odd})), "update")[0]["resource"] == odd


async def test_selections(post, select):
    for wrong in (None, "MedicationRequest/draft-1", {}, [7]):
        answer = await post(select | {"context": select["context"] | {"selections": wrong}})
        assert answer.status_code == 422
        assert answer.json()["issue"][0]["expression"] == ["context.selections"]
    none = await post(select | {"context": select["context"] | {"selections": []}})
    assert none.json() == {"cards": []}


async def test_a_selection_that_matches_nothing_is_no_fault(post, select):
    answer = await post(select | {"context": select["context"] | {"selections": ["MedicationRequest/gone", "", "x"]}})
    assert answer.json() == {"cards": []}


async def test_draft_orders(post, sign):
    for wrong in (None, [], "x", {}, {"resourceType": "Patient"}):
        answer = await post(sign | {"context": sign["context"] | {"draftOrders": wrong}})
        assert answer.status_code == 422
        assert answer.json()["issue"][0]["expression"] == ["context.draftOrders"]
    for empty in ({"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": []}):
        answer = await post(sign | {"context": sign["context"] | {"draftOrders": empty}})
        assert answer.json() == {"cards": []}


@pytest.mark.parametrize(
    "entry",
    [{}, {"resource": {"resourceType": "MedicationRequest"}}, {"resource": {"resourceType": "Unheard", "id": "1"}}],
)
async def test_entries_that_cannot_be_read_are_passed_over(post, sign, entry):
    assert (await post(with_entries(sign, entry))).json() == {"cards": []}


@pytest.mark.parametrize(
    "members",
    [
        {"category": {"coding": [{"code": "community"}]}, "reasonCode": {"text": "RBD"}},
        {"dosageInstruction": [{"doseAndRate": {"doseQuantity": {"value": 2, "code": "{pill}"}}}]},
        {"dosageInstruction": [{"doseQuantity": {"value": "0.5", "unit": "mg"}}]},
        {"medicationCodeableConcept": None, "intent": None},
    ],
)
async def test_objects_in_place_of_arrays_are_read(post, sign, order, members):
    assert len((await post(with_entries(sign, {"resource": order | members}))).json()["cards"]) == 1


@pytest.mark.parametrize("kind", ["NutritionOrder", "DeviceRequest", "MedicationOrder", "ProcedureRequest"])
async def test_orders_of_other_kinds_and_releases_are_no_fault(post, sign, kind):
    answer = await post(with_entries(sign, {"resource": {"resourceType": kind, "id": "order-123"}}))
    assert answer.status_code == 200


async def test_two_hundred_orders_are_no_fault(post, sign, order):
    many = [{"resource": order | {"id": f"draft-{number}"}} for number in range(200)]
    assert json.loads((await post(with_entries(sign, *many))).content)["cards"]
