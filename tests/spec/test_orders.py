"""order-select and order-sign, clause by clause."""

import json

import pytest

from tests.calling import requests, without_uuids
from tests.spec.conftest import LAB, drafted

pytestmark = pytest.mark.anyio

CLONAZEPAM, MELATONIN = "MedicationRequest/draft-1", "MedicationRequest/draft-2"


def with_entries(call, *entries):
    drafts = {"resourceType": "Bundle", "entry": list(entries)}
    return call | {"context": call["context"] | {"draftOrders": drafts}}


def with_orders(call, *orders):
    return with_entries(call, *({"resource": order} for order in orders))


def selecting(call, selections):
    return call | {"context": call["context"] | {"selections": selections}}


def actions(answer, kind):
    return [
        action
        for card in answer.json()["cards"]
        for suggestion in card["suggestions"]
        for action in suggestion["actions"]
        if action["type"] == kind
    ]


def spoken_about(answer):
    """The orders that the cards would take away."""
    return [action["resourceId"] for action in actions(answer, "delete")]


def seen(answer):
    assert answer.status_code == 200
    return without_uuids(answer.json()["cards"])


def notes(answer):
    """What the answer says of what it left aside; it shows no card."""
    told = answer.json()
    assert told["cards"] == []
    return told["extension"]["org.rbd-cds.outcomes"]["notes"]


async def test_only_selected_orders_are_spoken_about(post, select):
    assert set(spoken_about(await post(select))) == {CLONAZEPAM}
    assert set(spoken_about(await post(selecting(select, [MELATONIN])))) == {MELATONIN}
    assert set(spoken_about(await post(selecting(select, [MELATONIN, CLONAZEPAM])))) == {CLONAZEPAM, MELATONIN}
    assert (await post(selecting(select, ["ServiceRequest/draft-3"]))).json()["cards"] == []


async def test_of_two_orders_of_one_drug_only_the_selected_one_is_spoken_about(post, select, order):
    twice = with_orders(select, order, order | {"id": "draft-4"})
    for selected in (CLONAZEPAM, "MedicationRequest/draft-4"):
        assert set(spoken_about(await post(selecting(twice, [selected])))) == {selected}
    assert len(seen(await post(selecting(twice, [CLONAZEPAM, "MedicationRequest/draft-4"])))) == 2


async def test_every_order_is_in_scope_at_signing(post, sign, order, melatonin):
    assert len(seen(await post(sign))) == 2
    for orders in ((order, melatonin), (melatonin, order), (LAB, melatonin, LAB | {"id": "draft-4"}, order)):
        assert set(spoken_about(await post(with_orders(sign, *orders)))) == {CLONAZEPAM, MELATONIN}


async def test_a_delete_names_the_draft_exactly(post, sign, order):
    long_id = "e" * 190 + "_+/="
    answer = await post(with_orders(sign, order | {"id": long_id}))
    assert set(spoken_about(answer)) == {f"MedicationRequest/{long_id}"}


async def test_an_update_is_the_complete_draft(post):
    """All of it but the dose, which is what the update is about."""
    call, order = requests()["order-sign-levetiracetam-kidney"], drafted("order-sign-levetiracetam-kidney")
    odd = order | {"extension": [{"url": "urn:x", "valueDecimal": 1.5}], "unknown": {"a": [None, {}]}, "text": ""}
    (update,) = actions(await post(with_orders(call, odd)), "update")
    said = update["resource"]["dosageInstruction"]
    assert said[0]["doseAndRate"][0]["doseQuantity"]["value"] == 500
    assert update["resource"] == odd | {"dosageInstruction": said}


async def test_selections(post, select):
    for wrong in (None, "MedicationRequest/draft-1", {}, [7]):
        answer = await post(selecting(select, wrong))
        assert answer.status_code == 422
        assert answer.json()["issue"][0]["expression"] == ["context.selections"]
    assert notes(await post(selecting(select, []))) == ["no draft is selected"]


async def test_a_selection_that_matches_nothing_is_no_fault(post, select):
    gone = ["MedicationRequest/gone", "", "x"]
    assert notes(await post(selecting(select, gone))) == ["no draft is selected"]
    assert seen(await post(selecting(select, [*gone, CLONAZEPAM]))) == seen(await post(select))


@pytest.mark.parametrize("members", [{"intent": "plan"}, {"status": "on-hold"}, {"doNotPerform": True}])
async def test_a_draft_under_review_that_is_no_order_does_not_vanish_without_a_word(post, select, order, members):
    told = ["a draft is no order by its status, its intent or doNotPerform (1)"]
    assert notes(await post(with_orders(select, order | members))) == told


@pytest.mark.parametrize("subject", [None, {"reference": "Patient/other"}])
async def test_a_draft_under_review_that_does_not_name_the_patient_does_not_vanish_without_a_word(
    post, select, order, subject
):
    told = ["a draft does not name the patient (1)"]
    assert notes(await post(with_orders(select, order | {"subject": subject}))) == told


async def test_a_user_who_is_no_clinician_is_told_so_in_the_extension(post, select):
    answer = await post(select | {"context": select["context"] | {"userId": "Patient/p1"}})
    why = "the user is not a Practitioner or PractitionerRole"
    assert answer.json() == {"cards": [], "extension": {"org.rbd-cds.outcomes": {"reason": why}}}


@pytest.mark.parametrize("user", ["https://ehr.example/r4/Practitioner/d1", "/PractitionerRole/r1/_history/2"])
async def test_a_clinician_is_known_by_the_last_two_segments(post, select, user):
    mine, usual = [
        [(card["summary"], card["detail"]) for card in (await post(asked)).json()["cards"]]
        for asked in (select | {"context": select["context"] | {"userId": user}}, select)
    ]
    assert mine == usual != []


async def test_draft_orders(post, sign):
    for wrong in (None, [], "x", {}, {"resourceType": "Patient"}):
        answer = await post(sign | {"context": sign["context"] | {"draftOrders": wrong}})
        assert answer.status_code == 422
        assert answer.json()["issue"][0]["expression"] == ["context.draftOrders"]
    for empty in ({"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": []}):
        answer = await post(sign | {"context": sign["context"] | {"draftOrders": empty}})
        assert answer.json() == {"cards": []}


async def test_an_order_that_names_no_drug_is_passed_over(post, sign, order):
    entry = {"resource": {"resourceType": "MedicationRequest"}}
    assert seen(await post(with_entries(sign, entry))) == []
    beside = await post(with_entries(sign, entry, {"resource": order}, entry))
    assert seen(beside) == seen(await post(with_orders(sign, order))) != []


@pytest.mark.parametrize("entry", [{}, {"resource": {"resourceType": "Unheard", "id": "1"}}, 7])
async def test_entries_that_cannot_be_read_are_told_and_cost_no_card(post, sign, order, entry):
    alone = await post(with_entries(sign, entry))
    assert [card["summary"] for card in alone.json()["cards"]] == ["An order could not be read, and was not checked"]
    assert alone.json()["extension"]["org.rbd-cds.outcomes"]["unreadable"][0]["key"] == "draftOrders"
    beside = await post(with_entries(sign, entry, {"resource": order}, entry))
    (_, *rest) = reversed(seen(beside))
    assert rest[::-1] == seen(await post(with_orders(sign, order))) != []


@pytest.mark.parametrize(
    ("members", "in_r4"),
    [
        (
            {"category": {"coding": [{"code": "community"}]}, "reasonCode": {"text": "RBD"}},
            {"category": [{"coding": [{"code": "community"}]}], "reasonCode": [{"text": "RBD"}]},
        ),
        (
            {"dosageInstruction": {"doseAndRate": {"doseQuantity": {"value": 2, "code": "{pill}"}}}},
            {"dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 2, "code": "{pill}"}}]}]},
        ),
        (
            {"dosageInstruction": [{"doseQuantity": {"value": "0.5", "unit": "mg"}}]},
            {"dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 0.5, "unit": "mg"}}]}]},
        ),
        ({"intent": None}, {"intent": "order"}),
    ],
)
async def test_objects_in_place_of_arrays_are_read(post, sign, order, members, in_r4):
    answer = seen(await post(with_orders(sign, order | members)))
    assert answer == seen(await post(with_orders(sign, order | in_r4))) != []


@pytest.mark.parametrize("kind", ["NutritionOrder", "DeviceRequest", "MedicationOrder", "ProcedureRequest"])
async def test_orders_of_other_kinds_and_releases_are_no_fault(post, sign, kind):
    answer = await post(with_orders(sign, {"resourceType": kind, "id": "order-123"}))
    assert answer.status_code == 200


async def test_two_hundred_orders_are_no_fault(post, sign, order):
    many = [order | {"id": f"draft-{number}"} for number in range(200)]
    assert json.loads((await post(with_orders(sign, *many))).content)["cards"]
