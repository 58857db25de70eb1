"""JSON that the typed decode refuses, read where that loses nothing."""

import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from cds_service.fhir import elements as fhir
from cds_service.fhir.decoding import LenientReader, read_value
from cds_service.fhir.lenient import resource_type, walk
from cds_service.fhir.sources import Reading, Unreadable, resources_in
from tests.web.spoiling import so_many


def read_resource(raw: Any) -> fhir.Resource | None:
    return walk(raw).resource


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


def test_an_empty_object_stands_for_an_empty_list() -> None:
    assert walk({"resourceType": "Condition", "category": {}}) == Reading(fhir.Condition(category=[]))


def test_a_single_object_stands_for_a_list_of_one() -> None:
    assert request(reasonCode={"text": "RBD"}).reason_code == [concept("RBD")]


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"reasonCode": {"odd": 1}}, "reasonCode"),
        ({"medicationCodeableConcept": {"coding": {"odd": 1}}}, "medicationCodeableConcept.coding"),
        ({"dosageInstruction": {"odd": {}}}, "dosageInstruction"),
        ({"dosageInstruction": [{"timing": {"repeat": {"when": {"odd": 1}}}}]}, "dosageInstruction.timing.repeat.when"),
        ({"contained": {"odd": 1}}, "contained"),
    ],
)
def test_an_object_without_a_known_member_stands_for_no_list(members: dict[str, Any], member: str) -> None:
    raw = msgspec.json.encode({"resourceType": "MedicationRequest", "status": "active", **members})
    reading = LenientReader().reading(raw)
    assert [one.member for one in reading.unreadable] == [f"MedicationRequest.{member}"]
    assert isinstance(reading.resource, fhir.MedicationRequest)
    assert reading.resource.status == "active"


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
    assert condition(abatementBoolean=" true ").abatement_boolean is True
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


def test_a_bundle_whose_only_entry_is_of_unknown_type_names_it() -> None:
    for kind in ("Banana", "", 7, None):
        entry = {"resource": {"resourceType": kind, "code": {"coding": {"code": 1}}}}
        reading = walk({"resourceType": "Bundle", "entry": entry})
        assert reading.unreadable == (Unreadable("Bundle.entry.resource.resourceType", "of no known type"),)


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
def test_a_part_that_stands_for_nothing_is_left_out_and_named(members: dict[str, Any]) -> None:
    reading = walk({"resourceType": "Condition", "id": "c1", **members})
    assert reading.resource is not None
    assert reading.resource.id == "c1"
    assert [one.member.split(".")[1] for one in reading.unreadable] == list(members)


def test_a_part_of_a_contained_resource_is_named_by_its_holder() -> None:
    contained = [{"resourceType": "Medication", "id": "m", "code": True}]
    reading = walk({"resourceType": "MedicationRequest", "contained": contained})
    assert reading.unreadable == (Unreadable("MedicationRequest.contained.code", "not an object"),)


@pytest.mark.parametrize("raw", [None, 5, "Condition", [], {}, {"resourceType": 5}, {"resourceType": None}])
def test_what_is_no_resource_has_no_type(raw: object) -> None:
    assert resource_type(raw) is None
    assert read_resource(raw) is None


def test_a_resource_of_unknown_type_is_named_but_not_read() -> None:
    raw = {"resourceType": "Potion"}
    assert resource_type(raw) == "Potion"
    assert read_resource(raw) is None


def test_a_type_that_no_fact_is_read_from_is_known() -> None:
    found = read_resource({"resourceType": "Appointment", "id": "a", "status": 5})
    assert found is not None
    assert fhir.type_of(found) == "Appointment"


def test_what_came_is_not_changed() -> None:
    raw = {"resourceType": "Condition", "code": {"coding": [None, {"code": 5}]}}
    read_resource(raw)
    assert raw == {"resourceType": "Condition", "code": {"coding": [None, {"code": 5}]}}


def concepts(code: Any) -> Any:
    return {"resourceType": "Condition", "code": {"coding": [{"code": code} for _ in range(10_000)]}}


def test_every_oddity_of_a_resource_is_mended() -> None:
    found = read_resource(concepts(5))
    assert isinstance(found, fhir.Condition)
    assert found.code == fhir.CodeableConcept(coding=[fhir.Coding(code="5")] * 10_000)


@pytest.mark.parametrize("code", [5, {"value": 5}, {"coding": [{"code": 5}]}, [[5]], True, ["a", "b"], {}])
def test_ten_thousand_oddities_cost_a_small_multiple_of_none(code: Any) -> None:
    assert steps(concepts(code)) < 4 * steps(concepts("5"))


def steps(raw: Any) -> int:
    """How many functions are called to read it, those of the interpreter among them."""
    events: list[str] = []
    before = sys.getprofile()
    sys.setprofile(lambda *call: events.append(call[1]))
    try:
        walk(raw)
    finally:
        sys.setprofile(before)
    return events.count("call") + events.count("c_call")


@pytest.mark.parametrize(
    ("members", "member", "why"),
    [
        ({"authoredOn": {"extension": []}}, "authoredOn", "neither a string nor a number"),
        ({"doNotPerform": "perhaps"}, "doNotPerform", "neither true nor false"),
        ({"subject": 7}, "subject", "not an object"),
        ({"medication": "aspirin"}, "medication", "not an object"),
        ({"intent": ["order", "plan"]}, "intent", "more than one"),
        ({"reasonCode": [{"coding": [{"code": "G20"}, "G20"]}]}, "reasonCode.coding", "not an object"),
        ({"dosageInstruction": [{"timing": 3}] * 3}, "dosageInstruction.timing", "not an object"),
        ({"contained": [{"code": "aspirin"}]}, "contained", "not a resource"),
        ({"contained": [{"resourceType": "Potion"}]}, "contained.resourceType", "of no known type"),
        ({"contained": [{"resourceType": "Condition", "onsetAge": True}]}, "contained.onsetAge", "not an object"),
        ({"dosageInstruction": {"sequence": 10**400}}, "dosageInstruction.sequence", "too large a number"),
    ],
)
def test_what_is_left_out_is_named_once_and_the_rest_is_read(members: dict[str, Any], member: str, why: str) -> None:
    reading = walk({"resourceType": "MedicationRequest", "status": "active", **members})
    assert reading.unreadable == (Unreadable(f"MedicationRequest.{member}", why),)
    assert isinstance(reading.resource, fhir.MedicationRequest)
    assert reading.resource.status == "active"


def test_several_that_are_left_out_are_named_in_the_order_of_the_members() -> None:
    reading = walk({"resourceType": "Condition", "onsetAge": True, "code": {"text": [1, 2]}, "subject": 7})
    names = ["Condition.code.text", "Condition.subject", "Condition.onsetAge"]
    assert [one.member for one in reading.unreadable] == names


def test_of_a_list_only_what_cannot_be_read_is_left_out() -> None:
    reading = walk({"resourceType": "Condition", "code": {"coding": [{"code": "G20"}, 7, {"code": "F03"}]}})
    assert reading.resource == fhir.Condition(
        code=fhir.CodeableConcept(coding=[fhir.Coding(code="G20"), fhir.Coding(code="F03")])
    )


def test_a_resource_of_unknown_type_cannot_be_read_at_all() -> None:
    reading = walk({"resourceType": "Potion"})
    assert (reading.resource, [one.member for one in reading.unreadable]) == (None, ["resourceType"])


def test_a_number_beyond_all_measure_is_no_quantity() -> None:
    reading = walk({"resourceType": "Condition", "onsetAge": 10**400})
    assert reading == Reading(fhir.Condition(), (Unreadable("Condition.onsetAge", "not an object"),))


@pytest.mark.parametrize(
    ("written", "value", "unit"),
    [("0.5 mg", "0.5", "mg"), ("67", "67", None), (" 2 tablets ", "2", "tablets"), ("250mg", "250", "mg")],
)
def test_a_number_with_its_unit_is_a_quantity(written: str, value: str, unit: str | None) -> None:
    assert condition(onsetAge=written).onset_age == fhir.Quantity(value=value, unit=unit)


@pytest.mark.parametrize("written", ["0,5 mg", "1,000 mg", "1-2 mg", "half a tablet", "0.5 mg, 1 mg", "mg"])
def test_what_could_be_more_than_one_number_is_no_quantity(written: str) -> None:
    assert condition(onsetAge=written).onset_age is None


def test_a_string_for_a_timing_is_its_code() -> None:
    found = request(dosageInstruction=[{"timing": "BID"}])
    assert fhir.many(found.dosage_instruction)[0].timing == fhir.Timing(code=concept("BID"))


@pytest.mark.parametrize(("written", "truth"), [("yes", True), ("No", False), ("Y", True), ("n", False)])
def test_yes_and_no_are_truth_values(written: str, truth: bool) -> None:
    assert request(doNotPerform=written).do_not_perform is truth


def test_a_resource_nested_beyond_reason_is_unreadable() -> None:
    raw: dict[str, Any] = {"resourceType": "QuestionnaireResponse"}
    inner = raw
    for _ in range(50_000):
        inner["item"] = [{}]
        inner = inner["item"][0]
    assert walk(raw).unreadable == (Unreadable("QuestionnaireResponse", "nested too deeply"),)
    assert read_resource(raw) is None


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["coding", "code", "value"]), inner),
    max_leaves=8,
)


@so_many(100)
@given(st.sampled_from(["Condition", "MedicationRequest", "Bundle", "Potion"]), st.data())
def test_no_json_raises(name: str, data: st.DataObject) -> None:
    members = ["id", "code", "status", "subject", "contained", "entry", "medicationCodeableConcept", "medication"]
    raw = {"resourceType": name, **data.draw(st.dictionaries(st.sampled_from(members), json))}
    found = read_resource(raw)
    assert found is None or isinstance(found, msgspec.Struct)


def test_a_resource_keeps_the_address_of_its_entry_though_it_has_to_be_mended() -> None:
    entries = [
        {"fullUrl": f"urn:uuid:{n}", "resource": {"resourceType": "Condition", "code": c}} for n, c in ODD_AND_EVEN
    ]
    bundle = {"resourceType": "Bundle", "entry": entries}
    read = read_value(msgspec.json.encode(bundle), LenientReader()).value
    assert [one.full_url for one in resources_in(read) if one] == ["urn:uuid:1", "urn:uuid:2"]


ODD_AND_EVEN = ((1, {"text": "Dementia"}), (2, {"text": 7}))
