"""Which drafts are orders, and what they say (clinical specification 2.1, Proposed order)."""

import json

import pytest

from tests.charts import CLONAZEPAM, FALL, RBD, SNOMED, coded, condition, draft, facts, named, request, resource

STUDY = coded(SNOMED, "60554003", "Polysomnography")


def orders(*drafts, **how):
    return facts(drafts=drafts, **how).orders


def study(**members):
    return resource("ServiceRequest", **({"status": "draft", "intent": "order", "code": STUDY} | members))


@pytest.mark.parametrize("make", [draft, study])
def test_a_draft_is_an_order(make):
    (order,) = orders(make())
    assert not order.stops


@pytest.mark.parametrize("make", [draft, study])
@pytest.mark.parametrize("status", ["on-hold", "entered-in-error", "completed", "unknown"])
def test_what_is_on_hold_or_over_is_no_order(make, status):
    assert orders(make(status=status), signing=True) == ()


@pytest.mark.parametrize("make", [draft, study])
@pytest.mark.parametrize("intent", ["proposal", "plan", "option", "directive"])
def test_a_proposal_or_a_plan_is_no_order(make, intent):
    assert orders(make(intent=intent)) == ()


@pytest.mark.parametrize("intent", ["order", "original-order", "instance-order", "reflex-order", "filler-order"])
def test_orders_of_every_kind_are_orders(intent):
    assert len(orders(draft(intent=intent))) == 1


@pytest.mark.parametrize("make", [draft, study])
def test_an_order_not_to_do_something_is_no_order(make):
    assert orders(make(doNotPerform=True)) == ()


def test_an_active_order_is_a_draft_at_signing_only():
    assert len(orders(draft(status="active"), signing=True)) == 1
    assert orders(draft(status="active")) == ()


@pytest.mark.parametrize("status", ["stopped", "cancelled"])
def test_a_stopped_or_cancelled_draft_is_a_stop(status):
    (order,) = orders(draft(status=status))
    assert order.stops


def test_selections_choose_among_the_drafts():
    chosen, other = orders(draft(id="a"), draft(id="b"), selected=("a",))
    assert (chosen.selected, other.selected) == (True, False)


def test_an_order_for_another_patient_is_dropped_and_counted():
    found = facts(drafts=(draft(id="a"), draft(id="b", subject={"reference": "Patient/somebody-else"})))
    assert [order.source for order in found.orders] == ["MedicationRequest/a"]
    assert found.dropped == 1


def test_an_order_without_patient_is_dropped():
    assert orders(draft(subject=None)) == ()
    assert orders(draft(subject={"display": "Some patient"})) == ()


@pytest.mark.parametrize(
    "reference", ["https://ehr.example/r4/Patient/example", "Patient/example/_history/2", "urn:uuid:example"]
)
def test_a_patient_is_known_by_any_address(reference):
    assert len(orders(draft(subject={"reference": reference}))) == 1


def test_a_draft_that_was_sent_twice_is_one_order():
    assert len(orders(draft(id="a"), draft(id="a"))) == 1


def test_two_drafts_of_one_drug_are_two_orders():
    assert len(orders(draft(id="a"), draft(id="b"))) == 2


def test_two_drafts_without_an_id_are_two_orders_known_by_their_place():
    found = orders(draft(id=None), draft(named("sertraline 50 mg tablet"), id=None), draft(id="c"))
    assert [(order.source, order.named) for order in found] == [
        ("draft 1", False),
        ("draft 2", False),
        ("MedicationRequest/c", True),
    ]


def test_the_same_draft_twice_without_an_id_is_one_order():
    one = draft(id=None)
    assert len(orders(one, one)) == 1


def test_other_resources_among_the_drafts_order_nothing():
    assert orders(resource("Medication", code=CLONAZEPAM), resource("NutritionOrder", status="draft")) == ()


@pytest.mark.parametrize(
    "shape",
    [
        {"medicationCodeableConcept": CLONAZEPAM},
        {"medicationCodeableConcept": named("Klonopin 0.5 mg")},
        {"medicationCodeableConcept": {"coding": [{"system": "urn:local", "code": "7"}, *CLONAZEPAM["coding"]]}},
        {
            "contained": [{"resourceType": "Medication", "id": "m", "code": CLONAZEPAM}],
            "medicationReference": {"reference": "#m"},
        },
        {"medicationReference": {"reference": "Medication/lost", "display": "clonazepam 0.5 mg tablet"}},
    ],
)
def test_the_drug_of_an_order_is_read_in_every_shape(shape):
    (order,) = orders(draft(None, **shape))
    assert order.drug.ingredient("clonazepam") == "clonazepam"


def test_a_draft_of_a_medication_that_was_not_sent_says_so():
    (order,) = orders(draft(None, medicationReference={"reference": "Medication/lost"}))
    assert order.drug is None
    assert order.drug_unreadable


def test_a_draft_without_a_drug_names_none():
    (order,) = orders(draft(None))
    assert (order.drug, order.drug_unreadable) == (None, "could not tell which drug")


@pytest.mark.parametrize("code", [None, {"odd": 1}, {"coding": [{"odd": 1}]}])
def test_a_draft_of_a_service_that_nothing_names_may_be_any(code):
    assert orders(study(code=code))[0].service_unreadable == "could not tell which service"
    assert orders(study(code=named("Chest x-ray")))[0].service_unreadable == ""


def test_a_drug_that_no_value_set_knows_is_no_doubt():
    (order,) = orders(draft(named("amlodipine 5 mg")))
    assert (order.drug, order.drug_unreadable) == (None, "")


def test_a_reason_is_read_from_code_words_and_reference():
    known = condition(RBD, id="c1")
    for reason in (
        {"reasonCode": [RBD]},
        {"reasonCode": [named("REM sleep behavior disorder")]},
        {"reasonReference": [{"reference": "Condition/c1"}]},
        {"reasonReference": [{"display": "REM sleep behaviour disorder"}]},
    ):
        (order,) = facts(known, drafts=(draft(**reason),)).orders
        assert "rbd" in order.reasons


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ({"reasonReference": [{"reference": "Condition/elsewhere"}]}, "the reason of an order was not sent"),
        ({"reasonReference": [17]}, "the reason of an order cannot be read"),
        ({"reasonReference": [{"reference": "Condition/elsewhere", "display": "Insomnia"}]}, ""),
        ({}, ""),
    ],
)
def test_a_reason_that_was_not_sent_or_cannot_be_read_is_not_absent(reason, why):
    assert orders(draft(**reason))[0].reasons_unreadable == why
    assert facts(request(**reason)).current_drugs("clonazepam").value[0].reasons_unreadable == why


def test_a_reason_that_rules_out_is_a_question_and_no_diagnosis():
    (order,) = orders(study(reasonCode=[named("rule out REM sleep behavior disorder")]))
    assert order.reasons == {"rbd-in-question"}


def test_every_reason_is_kept_by_itself():
    (order,) = orders(study(reasonCode=[RBD, named("something else")]))
    assert [sorted(one) for one in order.each_reason] == [["rbd"], []]


def test_a_reason_is_no_diagnosis():
    found = facts(drafts=(draft(reasonCode=[RBD]),))
    assert found.conditions("rbd").__class__.__name__ == "Absent"
    assert facts(drafts=(study(reasonCode=[FALL]),)).events("fall-event").__class__.__name__ == "Absent"


def test_the_bytes_of_a_draft_are_kept():
    sent = draft(id="a", extension=[{"url": "urn:x", "valueString": "kept"}])
    (order,) = orders(sent)
    assert json.loads(order.raw) == sent
    assert order.source == "MedicationRequest/a"


def test_a_study_is_known_by_its_code():
    (order,) = orders(study())
    assert "sleep-study-attended" in order.sets
