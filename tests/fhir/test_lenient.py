"""JSON that the typed decode refuses, read where that loses nothing."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir import elements as fhir
from cds_service.fhir.lenient import is_known, read_resource, resource_type


def condition(**members: Any) -> fhir.Condition:
    found = read_resource({"resourceType": "Condition", **members})
    assert isinstance(found, fhir.Condition)
    return found


def request(**members: Any) -> fhir.MedicationRequest:
    found = read_resource({"resourceType": "MedicationRequest", **members})
    assert isinstance(found, fhir.MedicationRequest)
    return found


def concept(text: str) -> fhir.CodeableConcept:
    return fhir.CodeableConcept(text=text)


def test_a_sound_resource_is_read_as_it_is() -> None:
    assert condition(id="c1", code={"text": "Dementia"}) == fhir.Condition(id="c1", code=concept("Dementia"))


def test_a_null_in_a_list_is_left_out() -> None:
    found = condition(code={"coding": [None, {"code": "G30.9"}, None]})
    assert fhir.codings(found.code) == [fhir.Coding(code="G30.9")]


def test_a_list_of_one_stands_for_its_item() -> None:
    assert condition(code=[{"text": "Dementia"}]).code == concept("Dementia")
    assert condition(subject=[None, {"reference": "Patient/1"}]).subject == fhir.Reference(reference="Patient/1")


def test_an_empty_list_stands_for_nothing() -> None:
    assert condition(code=[]).code is None


def test_an_empty_string_stands_for_nothing() -> None:
    assert condition(code="", subject="").code is None


def test_a_single_object_stands_for_a_list_of_one() -> None:
    assert request(reasonCode={"text": "RBD"}).reason_code == concept("RBD")


def test_a_number_for_a_code_is_its_digits() -> None:
    found = request(medicationCodeableConcept={"coding": [{"code": 197527}]})
    assert fhir.codings(found.medication_codeable_concept)[0].code == "197527"


def test_a_number_for_a_date_is_a_year() -> None:
    assert condition(onsetDateTime=1988).onset_date_time == "1988"


def test_a_string_for_a_concept_is_its_text() -> None:
    assert condition(code="Dementia").code == concept("Dementia")
    assert request(reasonCode=["RBD"]).reason_code == [concept("RBD")]


def test_a_string_for_a_reference_is_the_reference() -> None:
    assert condition(subject="Patient/1").subject == fhir.Reference(reference="Patient/1")


def test_a_number_for_a_quantity_is_its_value() -> None:
    assert condition(onsetAge=67).onset_age == fhir.Quantity(value=67)


def test_a_string_for_a_truth_value_is_read() -> None:
    assert condition(abatementBoolean="true").abatement_boolean is True
    assert request(doNotPerform="False").do_not_perform is False


def test_a_wrapped_value_is_unwrapped() -> None:
    assert request(status={"value": "active"}).status == "active"


def test_a_coded_status_is_its_code() -> None:
    assert request(status={"coding": [{"code": "active"}]}).status == "active"


def test_several_faults_are_mended_one_after_the_other() -> None:
    found = condition(id=7, code={"coding": [None, {"code": 26929004}]}, subject="Patient/1", recordedDate=2020)
    assert (found.id, found.recorded_date, fhir.codings(found.code)[0].code) == ("7", "2020", "26929004")


def test_a_contained_resource_is_mended_too() -> None:
    found = request(contained=[{"resourceType": "Medication", "id": "m", "code": "clonazepam 0.5 mg"}])
    assert found.contained == [fhir.Medication(id="m", code=concept("clonazepam 0.5 mg"))]


def test_a_contained_resource_of_unknown_type_is_left_out() -> None:
    found = request(contained=[{"resourceType": "Potion"}, {"resourceType": "Medication", "id": "m"}])
    assert found.contained == [fhir.Medication(id="m")]


def test_a_bundle_whose_only_entry_is_of_unknown_type_is_unreadable() -> None:
    for kind in ("Banana", "", 7, None):
        entry = {"resource": {"resourceType": kind, "code": {"coding": {"code": 1}}}}
        assert read_resource({"resourceType": "Bundle", "entry": entry}) is None


def test_an_unknown_type_that_looks_like_a_path_misleads_nobody() -> None:
    found = request(contained=[{"resourceType": "Potion - at `$.status`"}], status="active")
    assert (found.contained, found.status) == ([], "active")


def test_an_unreadable_display_is_left_out() -> None:
    found = condition(code={"coding": [{"code": "G30.9", "display": {"text": "Alzheimer"}}]})
    assert fhir.codings(found.code) == [fhir.Coding(code="G30.9")]


@pytest.mark.parametrize(
    "members",
    [
        {"code": [{"text": "Dementia"}, {"text": "Fall"}]},
        {"code": {"coding": ["G30.9"]}},
        {"code": {"coding": [{"code": True}]}},
        {"code": True},
        {"subject": 7},
        {"abatementBoolean": "perhaps"},
        {"abatementBoolean": 1},
        {"onsetPeriod": "2020"},
        {"onsetAge": {"value": [67, 68]}},
        {"onsetAge": "in his sixties"},
        {"onsetDateTime": {"year": 2020}},
        {"verificationStatus": [{"text": "refuted"}, {"text": "confirmed"}]},
    ],
)
def test_a_resource_that_would_lose_a_part_is_unreadable(members: dict[str, Any]) -> None:
    assert read_resource({"resourceType": "Condition", **members}) is None


def test_a_contained_resource_that_would_lose_a_part_makes_its_holder_unreadable() -> None:
    contained = [{"resourceType": "Medication", "id": "m", "code": True}]
    assert read_resource({"resourceType": "MedicationRequest", "contained": contained}) is None


@pytest.mark.parametrize("raw", [None, 5, "Condition", [], {}, {"resourceType": 5}, {"resourceType": None}])
def test_what_is_no_resource_has_no_type(raw: object) -> None:
    assert resource_type(raw) is None
    assert not is_known(raw)
    assert read_resource(raw) is None


def test_a_resource_of_unknown_type_is_named_but_not_read() -> None:
    raw = {"resourceType": "Potion"}
    assert resource_type(raw) == "Potion"
    assert not is_known(raw)
    assert read_resource(raw) is None


def test_a_type_that_no_fact_is_read_from_is_known() -> None:
    found = read_resource({"resourceType": "Appointment", "id": "a", "status": 5})
    assert found is not None
    assert fhir.type_of(found) == "Appointment"


def test_what_came_is_not_changed() -> None:
    raw = {"resourceType": "Condition", "code": {"coding": [None, {"code": 5}]}}
    read_resource(raw)
    assert raw == {"resourceType": "Condition", "code": {"coding": [None, {"code": 5}]}}


def test_mending_gives_up_after_a_bounded_number_of_tries() -> None:
    codings = [{"code": n} for n in range(200)]
    assert read_resource({"resourceType": "Condition", "code": {"coding": codings}}) is None


def test_a_resource_nested_beyond_reason_is_unreadable() -> None:
    raw: dict[str, Any] = {"resourceType": "QuestionnaireResponse"}
    inner = raw
    for _ in range(50_000):
        inner["item"] = [{}]
        inner = inner["item"][0]
    assert read_resource(raw) is None


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["coding", "code", "value"]), inner),
    max_leaves=8,
)


@given(st.sampled_from(["Condition", "MedicationRequest", "Bundle", "Potion"]), st.data())
def test_no_json_raises(name: str, data: st.DataObject) -> None:
    members = ["id", "code", "status", "subject", "contained", "entry", "medicationCodeableConcept", "medication"]
    raw = {"resourceType": name, **data.draw(st.dictionaries(st.sampled_from(members), json))}
    found = read_resource(raw)
    assert found is None or isinstance(found, msgspec.Struct)
