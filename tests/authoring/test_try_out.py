"""What is set up on the test bench becomes a real hook request, and the answer says why."""

import asyncio
import json
from datetime import date

import pytest

from cds_service.authoring import explain, orders, silence, try_out
from cds_service.authoring.cases import Parts
from cds_service.authoring.edits import Chart, Edit
from cds_service.authoring.orders import Catalogue, Wish
from cds_service.authoring.try_out import Bundles, Trial
from cds_service.content import places
from cds_service.decisions.service import DecisionService
from cds_service.errors import Unpasted
from cds_service.hooks.validation import faults_in

DAY = date(2026, 6, 15)
EXAMPLES = places.fhir_examples()
PARTS = Parts(EXAMPLES / "parts")
BUNDLES = Bundles(EXAMPLES / "patients")


@pytest.fixture(scope="module")
def answering():
    return DecisionService.of(places.shipped_cards(), lambda: DAY)


@pytest.fixture(scope="module")
def clonazepam(answering):
    catalogue = Catalogue.of(answering.ruleset.content)
    return catalogue.draft(Wish("clonazepam", "0.5", reason="RBD"), 1, "rbd-dementia", DAY)


def fired(answering, *, of=None, edits=(), **given):
    """The answer, and what every rule came to, by id."""
    document = of or BUNDLES["rbd-dementia"]
    chart = Chart(document, PARTS, DAY, map(Edit.read, edits))
    trial = Trial(**{"day": DAY, **given})
    service = next(one for one in answering.services.values() if one.hook == trial.hook)
    body = json.dumps(try_out.request(trial, chart, service.prefetch)).encode()
    assert faults_in(body, "request") == ()
    explained = asyncio.run(explain.explain(body, answering, everything=False))
    told = silence.told(answering.ruleset, explained, [*chart.resources.values(), *trial.drafts])
    return explained, {one.id: one for one in told}


def rules_of(explained):
    return [rule for card in explained.response.cards for rule in card.extension["org.rbd-cds.rules"]]


def test_clonazepam_in_dementia_is_warned_of_and_the_other_rules_say_why_not(answering, clonazepam):
    explained, told = fired(answering, drafts=(clonazepam,))
    assert rules_of(explained) == ["clonazepam-dementia"]
    assert told["clonazepam-dementia"].outcome == "found"
    assert any("Alzheimer" in seen for step in told["clonazepam-dementia"].steps for seen in step.seen)
    assert told["clonazepam-dementia"].said == ""
    silent = [one for one in told.values() if one.outcome != "found"]
    assert silent
    assert all(one.said for one in silent)


def test_the_accepted_replacement_is_signed_without_a_card(answering, clonazepam):
    explained, _ = fired(answering, drafts=(clonazepam,))
    card = json.loads(explained.response.encode())["cards"][0]
    after = orders.accepted(card["suggestions"][0], [clonazepam])
    hook = try_out.next_hook("order-select", after.drafts)
    assert hook == "order-sign"
    again, _ = fired(answering, drafts=after.drafts, hook=hook)
    assert rules_of(again) == []


def test_a_changed_fact_changes_the_answer(answering, clonazepam):
    edits = ["remove Condition/rbd-dementia-alzheimer", "set Observation/rbd-dementia-mmse-2024 value 30"]
    explained, told = fired(answering, drafts=(clonazepam,), edits=edits)
    assert "clonazepam-dementia" not in rules_of(explained)
    assert told["clonazepam-dementia"].outcome == "not met"
    assert told["clonazepam-dementia"].said.startswith("no card, because this is not so: Dementia")


def test_the_score_that_kept_a_rule_from_speaking_is_shown(answering, clonazepam):
    edits = ["remove Condition/rbd-dementia-alzheimer", "set Observation/rbd-dementia-mmse-2024 value 30"]
    _, told = fired(answering, drafts=(clonazepam,), edits=edits)
    assert any("30" in seen for seen in told["clonazepam-dementia"].steps[-1].beside)


def test_the_age_that_kept_a_rule_from_speaking_is_shown(answering, clonazepam):
    _, told = fired(answering, hook="patient-view", edits=["set Patient/rbd-dementia age 12"])
    assert any(one.steps and one.steps[-1].seen == ("age 12",) for one in told.values())


def test_the_keys_are_told_by_the_stage_that_read_them(answering, clonazepam):
    explained, _ = fired(answering, drafts=(clonazepam,))
    assert "conditions" in {key for stage in explained.read for key in stage}
    assert explained.timings.keys() == {"parse", "gather", "decide"}


def test_a_drug_that_was_not_chosen_is_sent_and_not_selected(answering, clonazepam):
    explained, _ = fired(answering, drafts=(clonazepam,), unselected=frozenset({"MedicationRequest/draft-1"}))
    assert rules_of(explained) == []


@pytest.mark.parametrize("path", sorted((EXAMPLES / "requests").glob("*.json")), ids=lambda path: path.stem)
def test_a_pasted_request_is_fired_as_it_is(path, answering):
    sent = json.loads(path.read_text())
    hook, drafts, unselected = try_out.taken_in(sent)
    trial = Trial(day=DAY, hook=hook, drafts=drafts, unselected=unselected)
    assert try_out.request(trial, Chart(sent, PARTS, DAY), ()) == sent


@pytest.mark.parametrize("name", BUNDLES.names)
def test_every_shipped_patient_can_be_viewed(name, answering):
    explained, _ = fired(answering, of=BUNDLES[name], hook="patient-view")
    assert explained.gaps == {}


def test_a_server_is_asked_without_any_prefetch():
    trial = Trial(day=DAY, hook="patient-view", server="http://127.0.0.1:1/fhir", server_patient="x")
    made = try_out.request(trial, None, ("patient",))
    assert (made["fhirServer"], made["context"]["patientId"]) == ("http://127.0.0.1:1/fhir", "x")
    assert "prefetch" not in made


def test_shipped_patients_are_judged_on_their_own_day_and_others_today_unless_another_is_chosen():
    today, chosen = date(2027, 1, 1), date(2020, 1, 1)
    assert try_out.day_of("rbd-dementia", chosen, today) == DAY
    assert try_out.day_of("", None, today) == today
    assert try_out.day_of("", chosen, today) == chosen


def test_a_patient_that_is_not_shipped_is_told_in_a_sentence():
    with pytest.raises(Unpasted, match="no shipped patient"):
        BUNDLES["../requests/patient-view-hypertension"]
