"""Absent, null, empty and failed are four different answers (CDS Hooks: Prefetch Template)."""

import msgspec
import pytest

from cds_service.errors import NotJson, OtherRelease
from cds_service.fhir import elements as fhir
from cds_service.fhir.sources import EMPTY, FAILED, NOT_SENT, Reading, Source, Unreadable, query
from cds_service.hooks.prefetch import Prefetch, resolve

TEMPLATES = {
    "patient": "Patient/{{context.patientId}}",
    "conditions": "Condition?patient={{context.patientId}}",
    "medicationRequests": "MedicationRequest?patient={{context.patientId}}",
}
PATIENT = fhir.Patient(id="pat-1")
CONDITION = fhir.Condition(id="cond-1")
NEXT = [fhir.BundleLink(relation="self", url="https://a/1"), fhir.BundleLink(relation="next", url="https://a/2")]


def bundle(*resources, **members):
    return fhir.Bundle(entry=[fhir.Entry(resource=resource) for resource in resources], **members)


def outcome(severity=None):
    return fhir.OperationOutcome(issue=[fhir.Issue(severity=severity)])


def answers(**values):
    return Prefetch({key: msgspec.Raw(msgspec.json.encode(value)) for key, value in values.items()}, TEMPLATES)


def answer(key, value):
    return answers(**{key: value})[key]


def test_a_template_tells_its_type_and_whether_it_is_a_read():
    assert query(TEMPLATES["patient"]).kind is fhir.Patient
    assert query(TEMPLATES["patient"]).is_read
    assert query(TEMPLATES["conditions"]).kind is fhir.Condition
    assert not query(TEMPLATES["conditions"]).is_read


def test_a_template_resolves_to_a_relative_address():
    assert resolve(TEMPLATES["conditions"], "pat-1") == "Condition?patient=pat-1"


def test_every_key_of_the_service_has_an_answer_and_no_other_key_has_one():
    found = answers(conditions=bundle(CONDITION), extra=bundle(CONDITION))
    assert found == {"patient": NOT_SENT, "conditions": Source((CONDITION,)), "medicationRequests": NOT_SENT}


def test_null_means_that_a_search_found_nothing():
    assert answer("conditions", None) == EMPTY


def test_null_for_the_patient_in_context_is_as_good_as_nothing_sent():
    assert answer("patient", None) == NOT_SENT


@pytest.mark.parametrize("empty", [fhir.Bundle(), bundle(), bundle(total=0), fhir.Bundle(total="0")])
def test_a_bundle_without_entries_is_known_to_hold_nothing(empty):
    assert answer("conditions", empty) == EMPTY


def test_an_empty_bundle_for_the_patient_in_context_is_as_good_as_nothing_sent():
    assert answer("patient", bundle(total=0)) == NOT_SENT


@pytest.mark.parametrize("severity", ["warning", "information"])
def test_an_outcome_that_only_remarks_leaves_the_search_empty(severity):
    assert answer("conditions", bundle(outcome(severity), total=0)) == EMPTY


@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_an_outcome_of_failure_alone_in_a_bundle_is_a_refusal(severity):
    assert answer("conditions", bundle(outcome(severity))) == FAILED


@pytest.mark.parametrize("silent", [outcome(None), fhir.OperationOutcome(), outcome("unheard-of")])
def test_an_outcome_that_tells_no_severity_counts_as_an_error(silent):
    assert answer("conditions", bundle(silent)) == FAILED


@pytest.mark.parametrize("severity", ["information", "error"])
def test_an_outcome_in_place_of_the_answer_is_a_refusal_whatever_its_severity(severity):
    assert answer("conditions", outcome(severity)) == FAILED


def test_an_error_beside_matches_leaves_a_gap():
    assert answer("conditions", bundle(CONDITION, outcome("error"))) == Source((CONDITION,), gap="failed in part")


def test_a_remark_beside_matches_leaves_none():
    assert answer("conditions", bundle(CONDITION, outcome("warning"))) == Source((CONDITION,))


def test_a_further_page_is_a_gap_with_its_address():
    assert answer("conditions", bundle(CONDITION, link=NEXT)) == Source((CONDITION,), (), "more pages", "https://a/2")


def test_a_first_page_without_entries_is_not_an_empty_answer():
    assert answer("conditions", bundle(link=NEXT)) == Source((), (), "more pages", "https://a/2")


def test_an_unreadable_entry_leaves_a_gap():
    unreadable = fhir.Bundle(entry=[fhir.Entry(), fhir.Entry(resource=CONDITION)])
    assert answer("conditions", unreadable) == Source(
        (CONDITION,), (Reading(None, (Unreadable("Bundle.entry.resource", "missing"),)),), "unreadable resource"
    )


def test_fewer_matches_than_the_total_are_not_everything():
    assert answer("conditions", bundle(CONDITION, PATIENT, total=2)).gap == "fewer than the total"
    assert answer("conditions", fhir.Bundle(total=2)) == Source(gap="fewer than the total")


def test_resources_that_came_along_are_kept():
    order, medication = fhir.MedicationRequest(id="a"), fhir.Medication(id="b")
    assert answer("medicationRequests", bundle(order, medication, total=1)) == Source((order, medication))


def test_one_resource_stands_for_a_bundle_and_a_bundle_for_one_resource():
    assert answer("conditions", CONDITION) == Source((CONDITION,))
    assert answer("patient", bundle(PATIENT)) == Source((PATIENT,))


@pytest.mark.parametrize("wrong", [PATIENT, bundle(PATIENT), bundle(PATIENT, outcome("warning"))])
def test_resources_of_another_type_alone_do_not_satisfy_a_key(wrong):
    assert answer("conditions", wrong) == NOT_SENT


def test_what_became_of_each_key_is_told_apart():
    assert told(conditions=bundle(CONDITION), medicationRequests=None) == {
        "left out": ["patient"],
        "given": ["conditions"],
        "empty": ["medicationRequests"],
    }
    assert told(patient=outcome("error"), conditions=bundle(CONDITION, total=2)) == {
        "failed": ["patient"],
        "partial": ["conditions"],
        "left out": ["medicationRequests"],
    }


def told(**values):
    found = answers(**values)
    assert list(found.values())
    return found.states()


def test_a_value_is_read_when_it_is_first_asked_for_and_once():
    found = Prefetch({"conditions": msgspec.Raw(b"null"), "patient": msgspec.Raw(b'{"resourceType": 5}')}, TEMPLATES)
    assert found.states() == {"not read": ["patient", "conditions"], "left out": ["medicationRequests"]}
    assert found["conditions"] is found["conditions"]
    assert found.states() == {
        "not read": ["patient"],
        "empty": ["conditions"],
        "left out": ["medicationRequests"],
    }


def test_a_value_that_is_no_json_is_found_out_when_it_is_read():
    found = Prefetch({"conditions": msgspec.Raw(b'{"resourceType": "Condition", "id": "\xff"}')}, TEMPLATES)
    with pytest.raises(NotJson):
        found["conditions"]


def test_a_value_of_another_release_is_found_out_when_it_is_read():
    found = Prefetch({"medicationRequests": msgspec.Raw(b'{"resourceType": "MedicationOrder"}')}, TEMPLATES)
    with pytest.raises(OtherRelease):
        found["medicationRequests"]


@pytest.mark.parametrize("complete", [EMPTY, Source((CONDITION,)), Source((CONDITION,), gap="unreadable resource")])
def test_what_is_complete_or_cannot_be_read_is_not_asked_for_again(complete):
    assert not complete.can_be_completed


@pytest.mark.parametrize("lacking", [NOT_SENT, FAILED, Source(gap="unreadable resource", next_page="https://a/2")])
def test_what_was_not_sent_or_failed_or_goes_on_may_still_be_had(lacking):
    assert lacking.can_be_completed


def test_an_answer_can_be_written_down():
    written = msgspec.to_builtins(answer("conditions", bundle(outcome("error"))))
    assert written == {"resources": (), "odd": (), "gap": "the query failed", "next_page": None}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_resource_is_told_the_address_of_its_entry_however_the_body_is_read(at_once):
    came = fhir.Bundle(entry=[fhir.Entry(full_url="https://a/Condition/cond-1", resource=fhir.Condition(id="cond-1"))])
    sent = came if at_once else msgspec.Raw(msgspec.json.encode(came))
    (condition,) = Prefetch({"conditions": sent}, TEMPLATES)["conditions"].resources
    assert condition.full_url == "https://a/Condition/cond-1"
