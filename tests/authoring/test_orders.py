"""Orders as they are typed on the test bench, and suggestions as a client applies them."""

from datetime import date

import pytest

from cds_service.authoring import orders
from cds_service.authoring.orders import Catalogue, Wish
from cds_service.content import places
from cds_service.content.load import load
from cds_service.errors import Unpasted

DAY = date(2026, 6, 15)
CLONAZEPAM = {"resourceType": "MedicationRequest", "id": "draft-1", "medicationCodeableConcept": {"text": "clonazepam"}}
MELATONIN = {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "melatonin"}}


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.of(load(places.shipped_cards()))


def test_the_drugs_and_studies_that_start_a_rule_are_offered(catalogue):
    assert {"clonazepam", "melatonin", "sertraline", "levetiracetam", "oxycodone"} <= catalogue.drugs.keys()
    assert any("polysomnograph" in name.lower() for name in catalogue.studies)
    assert any("home" in name for name in catalogue.studies)
    assert "lisinopril" not in catalogue.drugs


def test_each_reason_that_is_offered_is_one_that_the_service_reads(catalogue):
    assert any("REM" in reason or "RBD" in reason for reason in catalogue.reasons)


def test_a_drug_that_is_known_is_drafted_with_its_code_and_a_structured_dose(catalogue):
    made = catalogue.draft(Wish("Clonazepam", "0.5", "at bedtime", "RBD"), 1, "p", DAY)
    assert made["medicationCodeableConcept"]["coding"][0]["code"] == "2598"
    assert made["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] == 0.5
    assert made["dosageInstruction"][0]["timing"]["repeat"] == {
        "frequency": 1,
        "period": 1,
        "periodUnit": "d",
        "when": ["HS"],
    }
    assert made["reasonCode"] == [{"text": "RBD"}]


def test_a_drug_that_nobody_knows_is_drafted_by_its_words(catalogue):
    made = catalogue.draft(Wish("fancydrug"), 1, "p", DAY)
    assert made["medicationCodeableConcept"] == {"text": "fancydrug"}
    assert "dosageInstruction" not in made


def test_a_study_is_drafted_as_a_service_request(catalogue):
    name = next(iter(catalogue.studies))
    made = catalogue.draft(Wish(name), 2, "p", DAY)
    assert (made["resourceType"], made["id"], made["code"]["text"]) == ("ServiceRequest", "draft-2", name)


def test_a_replacement_removes_one_draft_and_makes_another():
    actions = [{"type": "delete", "resourceId": "MedicationRequest/draft-1"}, {"type": "create", "resource": MELATONIN}]
    after = orders.accepted({"actions": actions}, [CLONAZEPAM])
    assert [one["medicationCodeableConcept"]["text"] for one in after.drafts] == ["melatonin"]
    assert after.new == ("MedicationRequest/draft-2",)


def test_a_replacement_in_the_spelling_of_1_0_removes_the_draft_too():
    assert orders.accepted({"actions": [{"type": "delete", "resource": "draft-1"}]}, [CLONAZEPAM]).drafts == ()


def test_an_update_takes_the_place_of_the_draft_of_its_name():
    other = {**CLONAZEPAM, "id": "draft-2"}
    changed = {**CLONAZEPAM, "dosageInstruction": [{"text": "0.25 mg"}]}
    after = orders.accepted({"actions": [{"type": "update", "resource": changed}]}, [CLONAZEPAM, other])
    assert after.drafts == (changed, other)


def test_what_is_no_order_goes_into_the_chart():
    task = {"resourceType": "Task", "code": {"text": "Ask"}}
    after = orders.accepted({"actions": [{"type": "create", "resource": task}]}, [CLONAZEPAM])
    assert (after.drafts, after.written) == ((CLONAZEPAM,), (task,))


def test_a_difference_tells_what_goes_and_what_comes():
    actions = [{"type": "delete", "resourceId": "MedicationRequest/draft-1"}, {"type": "create", "resource": MELATONIN}]
    lines = orders.difference([CLONAZEPAM], orders.accepted({"actions": actions}, [CLONAZEPAM]))
    assert set(lines) == {("-", "clonazepam"), ("+", "melatonin")}


@pytest.mark.parametrize(
    ("text", "says"), [("[{", "line 1, column 3"), ("[1]", "resourceType"), ("[{}]", "resourceType")]
)
def test_orders_that_are_none_are_told_in_a_sentence(text, says):
    with pytest.raises(Unpasted, match=says):
        orders.read(text)


def test_orders_are_read_from_a_bundle_an_array_or_one_resource():
    bundle = f'{{"resourceType": "Bundle", "entry": [{{"resource": {MELATONIN}}}]}}'.replace("'", '"')
    one = str(MELATONIN).replace("'", '"')
    assert orders.read(bundle) == orders.read(f"[{one}]") == orders.read(one) == (MELATONIN,)
