"""Facts changed in place on the test bench."""

import json
from datetime import date

import pytest

from cds_service.authoring import documents, fields
from cds_service.authoring.cases import Parts
from cds_service.authoring.edits import Chart, Edit, addable, changed, joined
from cds_service.authoring.try_out import Bundles
from cds_service.content import places
from cds_service.errors import Unpasted

DAY = date(2026, 6, 15)
EXAMPLES = places.fhir_examples()
PARTS = Parts(EXAMPLES / "parts")
BUNDLES = Bundles(EXAMPLES / "patients")
DEMENTIA = BUNDLES["rbd-dementia"]
PATIENT = "Patient/rbd-dementia"
MMSE = "Observation/rbd-dementia-mmse-2024"
ALZHEIMER = "Condition/rbd-dementia-alzheimer"


def chart(*edits, of=DEMENTIA):
    return Chart(of, PARTS, DAY, map(Edit.read, edits))


def shown(made, handle):
    return {one.name: one.value for held in made.held() if held.handle == handle for one in held.fields}


def test_what_can_be_changed_is_shown_with_its_value():
    made = chart()
    assert shown(made, PATIENT) == {"age": "78", "birthDate": "1948-02-03", "gender": "female"}
    assert shown(made, MMSE)["value"] == "20"
    assert shown(made, "MedicationRequest/rbd-dementia-donepezil")["drug"] == "donepezil 5 mg tablet"


@pytest.mark.parametrize(
    ("edit", "handle", "field"),
    [
        (f"set {PATIENT} age 40", PATIENT, "age"),
        (f"set {MMSE} value 29", MMSE, "value"),
        (f"set {MMSE} date 2026-06-01", MMSE, "date"),
        (f"set {ALZHEIMER} verified refuted", ALZHEIMER, "verified"),
        (f"set {ALZHEIMER} clinical resolved", ALZHEIMER, "clinical"),
        (f"set {ALZHEIMER} what Lewy body dementia", ALZHEIMER, "what"),
        (f"set {MMSE} date ", MMSE, "date"),
    ],
)
def test_a_change_is_read_back_as_it_was_made_and_leaves_the_document_as_it_was(edit, handle, field):
    before = json.dumps(DEMENTIA)
    made = chart(edit)
    assert made.faults == []
    assert shown(made, handle)[field] == edit.split(" ", 3)[3]
    assert json.dumps(DEMENTIA) == before


def test_looking_at_a_chart_changes_nothing_in_it():
    made = chart()
    list(made.held())
    assert made.document == DEMENTIA


@pytest.mark.parametrize("name", BUNDLES.names)
def test_a_form_that_comes_back_as_it_was_shown_changes_nothing(name):
    made = chart(of=BUNDLES[name])
    sent = {f"{held.handle} {one.name}": one.value for held in made.held() for one in held.fields}
    assert list(changed(made, sent)) == []


def test_a_field_that_was_changed_is_one_change():
    made = chart()
    assert list(changed(made, {f"{MMSE} value": "27"})) == [Edit("set", MMSE, "value", "27")]


def test_new_words_of_a_diagnosis_take_the_place_of_its_codes():
    made = chart(f"set {ALZHEIMER} what Insomnia")
    assert made.resources[ALZHEIMER]["code"] == {"text": "Insomnia"}


def test_a_resource_that_is_removed_is_gone_from_chart_and_document():
    made = chart(f"remove {ALZHEIMER}")
    assert ALZHEIMER not in made.resources
    assert len(made.document["entry"]) == len(DEMENTIA["entry"]) - 1


def test_a_known_fact_is_added_about_this_patient():
    made = chart("add condition-osa", "set Condition/added-1 date 2026-01-02")
    assert made.resources["Condition/added-1"]["subject"]["reference"] == PATIENT
    assert made.faults == []


def test_a_diagnosis_is_added_by_its_words():
    assert chart("diagnose Myoclonus").resources["Condition/added-1"]["code"] == {"text": "Myoclonus"}


@pytest.mark.parametrize("edit", ["add ../patients/rbd-dementia", "add nothing-such", "add patient-78f", "write {}"])
def test_what_cannot_be_added_is_told(edit):
    made = chart(edit)
    assert made.faults
    assert made.document == DEMENTIA


@pytest.mark.parametrize("edit", ["set Condition/none what x", f"set {PATIENT} age old", f"set {PATIENT} shoe 43"])
def test_what_cannot_be_changed_is_told(edit):
    made = chart(edit)
    assert made.faults
    assert made.document == DEMENTIA


@pytest.mark.parametrize("text", ["", "set", "sing Condition/x", "remove"])
def test_what_is_no_change_is_refused(text):
    with pytest.raises(Unpasted):
        Edit.read(text)


@pytest.mark.parametrize("text", [f"set {MMSE} value 27", f"set {ALZHEIMER} what a b  c", "remove A/b", "diagnose a b"])
def test_a_change_is_written_as_it_is_read(text):
    assert str(Edit.read(text)) == text


def test_of_changes_to_one_field_the_last_counts():
    edits = [Edit.read(text) for text in ("set A/b value 1", "diagnose x", "diagnose x", "set A/b value 2")]
    assert list(map(str, joined(edits))) == ["diagnose x", "diagnose x", "set A/b value 2"]


def test_every_fact_that_is_offered_can_be_added():
    for name in addable(PARTS):
        assert chart(f"add {name}").faults == [], name


def test_facts_of_a_pasted_request_are_changed_under_their_keys():
    sent = json.loads((EXAMPLES / "requests/order-select-rbd-dementia.json").read_text())
    made = chart(f"set {MMSE} value 29", f"remove {ALZHEIMER}", "add condition-osa", of=sent)
    assert made.faults == []
    conditions = [one["resource"]["id"] for one in made.document["prefetch"]["conditions"]["entry"]]
    assert "rbd-dementia-alzheimer" not in conditions
    assert conditions[-1] == "added-1"


def test_resources_without_an_id_of_their_own_are_named_by_their_place():
    twice = {"resourceType": "Condition", "id": "x", "code": {"text": "a"}}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": one} for one in (twice, dict(twice), {"id": "1"})]}
    assert set(chart(of=bundle).resources) == {"#1", "#2", "None/1"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{\n "a": }', "line 2, column 7"),
        ("[]", "no object"),
        ('{"resourceType": "Patient"}', "this is a FHIR Patient"),
        ('{"resourceType": "Bundle"}', "no entries"),
        ('{"resourceType": "Bundle", "entry": []}', "no Patient"),
        ('{"hook": "patient-view"}', "no context"),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1e400}', "too large"),
        ("[" * 100_000, "JSON"),
        ('{"a":' * 300 + "1" + "}" * 300, "too deeply"),
    ],
)
def test_a_text_that_cannot_be_tried_is_told_in_a_sentence(text, says):
    with pytest.raises(Unpasted, match=says):
        documents.read(text)


@pytest.mark.parametrize(
    ("resource", "says"),
    [
        ({"contained": [{"resourceType": "Medication", "code": {"text": "clonazepam"}}]}, "clonazepam"),
        ({"medicationReference": {"display": "melatonin"}, "status": "stopped"}, "melatonin, stopped"),
        ({"code": {"text": "AHI"}, "valueQuantity": {"value": 22, "unit": "/h"}, "status": "final"}, "AHI, 22 /h"),
        ({"code": {"coding": [{"display": "EEG"}]}, "reasonCode": [{"text": "jerks"}]}, "EEG, for jerks"),
        ({"resourceType": "Task", "code": [None], "reasonCode": "x", "dosageInstruction": 5}, "Task"),
    ],
)
def test_a_resource_is_told_in_a_line(resource, says):
    assert fields.words(resource) == says


def test_answers_are_told_by_the_questions_answered_with_yes():
    assert fields.words(PARTS.resource("answers-red-flags")).startswith("answered yes: complex-movements, vocal")
