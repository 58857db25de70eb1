"""What a suggestion creates can be placed: it says who asks, who is to do it, how soon and why (2.5)."""

import pytest

from cds_service.decisions.cards import Visit
from cds_service.decisions.decide import decide
from tests.case_runs import case_results, cases, ruleset
from tests.charts import ALZHEIMER, CLONAZEPAM, condition, dosage, draft, facts, patient, request

USER = "Practitioner/looks"
DEMENTIA = (patient(), condition(ALZHEIMER, id="dementia"))


def taken(**members):
    return request(CLONAZEPAM, id="taken", authoredOn="2026-01-10", dosageInstruction=[dosage(0.5)], **members)


def created(*chart, hook="order-select", drafts=(), user=USER, **kinds):
    found = facts(*chart, drafts=drafts, signing=hook == "order-sign")
    cards = decide(ruleset(), ruleset().content.service(f"rbd-{hook}"), found, Visit(user, "example")).cards
    return [a.resource for c in cards for s in c.suggestions for a in s.actions if a.type == "create"]


def review(*chart, **more):
    return next(r for r in created(*chart, **more) if r["resourceType"] == "Task")


def asks(reference):
    return {"requester": {"reference": reference}}


@pytest.mark.parametrize(
    ("requester", "owner"),
    [
        ("Practitioner/neuro7", "Practitioner/neuro7"),
        ("PractitionerRole/r1", "PractitionerRole/r1"),
        ("https://ehr.example/fhir/Practitioner/neuro7/_history/3", "https://ehr.example/fhir/Practitioner/neuro7"),
        ("Organization/o1", USER),
        ("Patient/example", USER),
        (None, USER),
    ],
)
def test_a_task_about_a_drug_is_owned_by_who_ordered_it_if_that_is_a_clinician(requester, owner):
    task = review(*DEMENTIA, taken(**(asks(requester) if requester else {})), hook="patient-view")
    assert task["owner"] == {"reference": owner}
    assert task["requester"] == {"reference": USER}


def test_a_task_about_a_draft_is_owned_by_who_orders_it():
    renewal = draft(CLONAZEPAM, id="d", dosageInstruction=[dosage(0.5)], **asks("Practitioner/drafts"))
    task = review(*DEMENTIA, taken(**asks("Practitioner/neuro7")), drafts=(renewal,))
    assert task["owner"] == {"reference": "Practitioner/drafts"}


@pytest.mark.parametrize("odd", ["Practitioner/neuro7", 7, [{"reference": "Practitioner/x"}], {"reference": 7}, {}])
def test_a_requester_that_cannot_be_read_leaves_the_task_with_the_user(odd):
    assert review(*DEMENTIA, taken(requester=odd), hook="patient-view")["owner"] == {"reference": USER}


def test_the_user_is_named_without_the_server_and_the_version():
    task = review(*DEMENTIA, taken(), hook="patient-view", user="https://ehr.example/fhir/Practitioner/p9/_history/2")
    assert task["requester"] == task["owner"] == {"reference": "Practitioner/p9"}


@pytest.mark.parametrize(
    ("chart", "priority"),
    [(DEMENTIA, "asap"), ((patient("1980-01-01"), condition(ALZHEIMER, verification="provisional")), "routine")],
)
def test_a_task_of_a_warning_is_due_soon_and_another_one_in_its_turn(chart, priority):
    assert review(*chart, taken(), hook="patient-view")["priority"] == priority


def made():
    """What the cases' cards create, with the case."""
    for rule in cases():
        for result in case_results(rule):
            for card in result.decision.cards:
                for action in (a for s in card.suggestions for a in s.actions if a.type == "create"):
                    yield result, action.resource


def test_every_task_and_order_of_the_cases_says_who_asks_and_since_when():
    for result, resource in made():
        if resource["resourceType"] in ("Task", "ServiceRequest", "MedicationRequest"):
            assert resource["authoredOn"] == result.facts.today.isoformat(), result.case.name
            assert resource["requester"]["reference"].startswith("Practitioner"), result.case.name


def test_every_task_of_the_cases_has_an_owner_and_every_task_and_request_a_priority():
    for result, resource in made():
        if resource["resourceType"] in ("Task", "ServiceRequest"):
            assert resource["priority"] in ("routine", "asap", "urgent"), result.case.name
        if resource["resourceType"] == "Task":
            assert resource["owner"]["reference"].startswith("Practitioner"), result.case.name
            assert resource["for"], result.case.name


def test_every_order_of_the_cases_says_why():
    for result, resource in made():
        if resource["resourceType"] in ("ServiceRequest", "MedicationRequest"):
            assert any(reason.get("text") for reason in resource["reasonCode"]), result.case.name


def test_the_referral_for_injuries_despite_advice_is_urgent():
    found = [
        resource["priority"]
        for result in case_results("sleep-referral")
        for card in result.decision.cards
        if card.source.topic.code == "sleep-referral"
        and result.evaluation
        and result.evaluation.finding.indicator == "injury"
        for suggestion in card.suggestions
        for action in suggestion.actions
        if (resource := action.resource)["code"]["text"] == "Referral to sleep medicine"
    ]
    assert set(found) == {"urgent"}
