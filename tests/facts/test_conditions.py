"""Which diagnoses and events count, and since when (clinical specification 2.1, Condition)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known
from tests.charts import (
    ALZHEIMER,
    CLONAZEPAM,
    FALL,
    ICD10,
    RBD,
    SNOMED,
    TODAY,
    coded,
    condition,
    draft,
    facts,
    named,
    only,
    patient,
    request,
    resource,
)

PREGNANCY = coded(SNOMED, "77386006", "Pregnancy")


def dementia(*chart):
    return facts(*chart).conditions("alzheimer-disease", "dementia")


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error", "differential"])
def test_a_diagnosis_that_is_not_meant_is_ignored(verification):
    assert dementia(condition(verification=verification)) == ABSENT


@pytest.mark.parametrize("verification", ["unconfirmed", "provisional"])
def test_a_diagnosis_in_doubt_is_possible(verification):
    assert only(dementia(condition(verification=verification))).possible


@pytest.mark.parametrize("verification", ["confirmed", None])
def test_a_diagnosis_without_doubt_is_certain(verification):
    assert not only(dementia(condition(verification=verification))).possible


@pytest.mark.parametrize("clinical", ["active", "recurrence", "relapse", None])
def test_active_recurrence_relapse_and_no_status_are_active(clinical):
    assert only(dementia(condition(clinical=clinical))).active


@pytest.mark.parametrize("clinical", ["inactive", "remission", "resolved"])
def test_inactive_remission_and_resolved_are_past(clinical):
    found = facts(condition(clinical=clinical))
    assert found.conditions("alzheimer-disease") == ABSENT
    assert not only(found.past_conditions("alzheimer-disease")).active


@pytest.mark.parametrize("clinical", [{"text": "Resolved"}, {"coding": [{"code": "Inactive"}]}])
def test_a_status_in_capitals_or_in_words_is_read(clinical):
    assert dementia(condition(clinical=clinical)) == ABSENT


def test_a_status_sent_as_a_plain_string_is_read_as_that_code():
    assert dementia(condition() | {"clinicalStatus": "resolved"}) == ABSENT
    assert dementia(condition() | {"verificationStatus": "refuted"}) == ABSENT
    assert only(dementia(condition() | {"clinicalStatus": "active"})).active


HL7 = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def codings(*pairs, **members):
    return {"coding": [{"system": system, "code": code} for system, code in pairs], **members}


@pytest.mark.parametrize(
    "clinical",
    [
        codings(("urn:site", "active"), (HL7, "resolved")),
        codings((SNOMED, "73425007"), (HL7, "resolved"), text="Active"),
        codings((SNOMED, "413322009")),
        codings((SNOMED, "73425007"), text="Active"),
        codings(("urn:site", "R"), text="resolved"),
        codings(("urn:site", "RESOLVED")),
        {"value": "resolved"},
        "Resolved",
    ],
)
def test_the_hl7_status_decides_then_snomed_ct_then_the_words(clinical):
    assert dementia(condition() | {"clinicalStatus": clinical}) == ABSENT


@pytest.mark.parametrize(
    "clinical",
    [
        codings((HL7, "active"), (SNOMED, "413322009"), text="Resolved"),
        codings(("urn:site", "resolved"), (HL7, "active")),
        codings(("urn:site", "X")),
        codings((HL7, "unheard-of"), text="whatever"),
        {"text": ""},
        "",
    ],
)
def test_an_unknown_status_counts_as_missing_and_the_active_one_of_hl7_stands(clinical):
    assert only(dementia(condition() | {"clinicalStatus": clinical})).active


@pytest.mark.parametrize(
    "verification",
    [
        codings((SNOMED, "410516002")),
        codings(("urn:site", "confirmed"), (VERIFIED, "refuted")),
        codings((VERIFIED, "confirmed"), ("urn:site", "entered-in-error")),
        codings((VERIFIED, "confirmed"), text="Entered in error"),
        {"value": "entered-in-error"},
    ],
)
def test_what_is_known_absent_or_anywhere_entered_in_error_is_ignored(verification):
    assert dementia(condition(verification=verification)) == ABSENT


def test_a_diagnosis_whose_clinical_status_is_entered_in_error_is_ignored():
    assert dementia(condition(clinical="entered-in-error")) == ABSENT


ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"


@pytest.mark.parametrize(
    ("members", "counts"),
    [
        ({}, True),
        ({"verificationStatus": codings(("urn:site", "EIE"), (ALLERGY, "entered-in-error"))}, False),
        ({"verificationStatus": codings(("urn:site", "EIE"), (ALLERGY, "confirmed"))}, True),
        ({"verificationStatus": codings((SNOMED, "410516002"))}, False),
        ({"clinicalStatus": codings((SNOMED, "413322009"))}, False),
        ({"clinicalStatus": codings(("urn:site", "whatever"))}, True),
    ],
)
def test_the_status_of_an_allergy_is_read_as_that_of_a_diagnosis(members, counts):
    found = facts(resource("AllergyIntolerance", code=CLONAZEPAM, **members))
    assert found.allergies("clonazepam").known is counts


BORN = patient(born="1951-03-02")
ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"


def years(value, unit="a"):
    return {"value": value, "unit": unit}


@pytest.mark.parametrize(
    ("members", "first", "last"),
    [
        ({"onsetAge": years(40)}, "1991-03-02", "1992-03-01"),
        ({"onsetAge": years(40, "years")}, "1991-03-02", "1992-03-01"),
        ({"onsetRange": {"low": years(40), "high": years(45)}}, "1991-03-02", "1997-03-01"),
        ({"onsetString": "2015-04-01T00:00:01.000Z"}, "2015-04-01", "2015-04-01"),
        ({"onsetString": "2015-04, at home"}, "2015-04-01", "2015-04-30"),
        ({"onsetString": "2015"}, "2015-01-01", "2015-12-31"),
        ({"extension": [{"url": ASSERTED, "valueDateTime": "2015-04-01"}]}, "2015-04-01", "2015-04-01"),
        (
            {"extension": [{"url": ASSERTED, "valueDateTime": "2015-04-01"}], "recordedDate": "2020"},
            "2015-04-01",
            "2015-04-01",
        ),
    ],
)
def test_an_onset_in_other_dress_is_read(members, first, last):
    when = only(dementia(BORN, condition(**members))).since
    assert (when.first.isoformat(), when.last.isoformat()) == (first, last)


@pytest.mark.parametrize(
    "members",
    [
        {"onsetAge": years(40, "mo")},
        {"onsetAge": years(40) | {"comparator": "<"}},
        {"onsetAge": {}},
        {"onsetRange": {"low": years(40)}},
        {"onsetString": "since 2015"},
        {"onsetString": "1970s"},
        {"onsetString": "2015-2018"},
        {"extension": [{"url": "urn:other", "valueDateTime": "2015"}]},
    ],
)
def test_an_onset_that_leaves_doubt_is_unknown(members):
    assert only(dementia(BORN, condition(**members))).since is None


def test_an_age_at_onset_needs_the_birth_date():
    assert only(dementia(patient(born=None), condition(onsetAge=years(40)))).since is None


def test_of_one_born_on_a_leap_day_a_year_of_life_begins_on_the_first_of_march():
    when = only(dementia(patient(born="1952-02-29"), condition(onsetAge=years(41)))).since
    assert when.first.isoformat() == "1993-03-01"


@pytest.mark.parametrize(
    ("abatement", "active"),
    [
        ({"abatementString": "resolved after surgery 2020"}, False),
        ({"abatementString": "2020-05-01"}, False),
        ({"abatementString": "2027-05-01, planned"}, True),
        ({"abatementString": " "}, True),
        ({"abatementString": "false"}, True),
        ({"abatementPeriod": {"start": "2020"}}, False),
        ({"abatementAge": years(60)}, False),
        ({"abatementAge": years(90)}, True),
        ({"abatementRange": {"low": years(60), "high": years(62)}}, False),
    ],
)
def test_any_end_that_is_told_makes_a_diagnosis_past_unless_it_is_false_or_to_come(abatement, active):
    assert dementia(BORN, condition(**abatement)).known is active


@pytest.mark.parametrize(
    ("abatement", "active"),
    [
        ({"abatementDateTime": "2026-06-14"}, False),
        ({"abatementDateTime": "2026-06-15"}, False),
        ({"abatementDateTime": "2026-06-16"}, True),
        ({"abatementPeriod": {"start": "2026-01-01", "end": "2026-06-01"}}, False),
        ({"abatementPeriod": {"start": "2026-01-01", "end": "2026-07-01"}}, True),
        ({"abatementBoolean": True}, False),
    ],
)
def test_an_active_diagnosis_with_a_past_abatement_is_past(abatement, active):
    assert isinstance(dementia(condition(**abatement)), Known) is active


@pytest.mark.parametrize(
    ("onset", "counts"),
    [
        ("2026-06-15", True),
        ("2026-06-16", False),
        ("2026-06", True),
        ("2026", True),
        ("2026-07", False),
        ("2027", False),
    ],
)
def test_an_onset_counts_unless_its_first_possible_day_lies_after_today(onset, counts):
    assert isinstance(dementia(condition(onsetDateTime=onset)), Known) is counts


@pytest.mark.parametrize(("recorded", "counts"), [("2026-06-15", True), ("2026-06-16", False), ("2026-06", True)])
def test_a_diagnosis_without_onset_is_not_yet_true_before_it_is_recorded(recorded, counts):
    assert isinstance(dementia(condition(recordedDate=recorded)), Known) is counts


def test_an_onset_in_the_past_outweighs_a_later_record():
    assert only(dementia(condition(onsetDateTime="2024", recordedDate="2026-06-16"))).active


def test_an_onset_period_begins_at_its_start():
    found = only(dementia(condition(onsetPeriod={"start": "2025-03-01", "end": "2025-04-01"})))
    assert str(found.onset.first) == "2025-03-01"
    assert dementia(condition(onsetPeriod={"start": "2026-06-16"})) == ABSENT


def test_without_onset_a_diagnosis_holds_since_it_was_recorded():
    assert str(only(dementia(condition(recordedDate="2025-03-01"))).since.first) == "2025-03-01"


def test_an_onset_with_an_offset_is_on_the_day_of_the_site():
    assert dementia(condition(onsetDateTime="2026-06-15T23:30:00-10:00")) == ABSENT
    assert isinstance(dementia(condition(onsetDateTime="2026-06-16T00:30:00+14:00")), Known)
    assert isinstance(dementia(condition(onsetDateTime="2026-06-15T23:30:00")), Known)


def test_an_unreadable_onset_is_no_onset():
    assert only(dementia(condition(onsetDateTime="some years ago"))).onset is None


@pytest.mark.parametrize("category", ["problem-list-item", "encounter-diagnosis"])
def test_encounter_diagnoses_count_like_the_problem_list(category):
    assert only(dementia(condition(category=[{"coding": [{"code": category}]}]))).active


def test_a_diagnosis_without_date_takes_the_day_of_its_encounter():
    visit = resource("Encounter", id="visit", period={"start": "2026-03-04"})
    found = only(facts(condition(PREGNANCY, encounter={"reference": "Encounter/visit"}), visit).conditions("pregnancy"))
    assert str(found.since.first) == "2026-03-04"


def test_any_coding_counts():
    both = {"coding": [{"system": "urn:oid:1.2.3", "code": "17"}, *ALZHEIMER["coding"]]}
    assert only(dementia(condition(both))).active


@pytest.mark.parametrize("code", ["G30.9", "G309", " G30.0", "g30.1", "G30.9 "])
def test_dots_blanks_and_case_of_an_icd_code_do_not_matter(code):
    assert isinstance(dementia(condition(coded(ICD10, code))), Known)


@pytest.mark.parametrize("text", ["Alzheimer's disease", "ALZHEIMER'S DISEASE (late onset)", "Mixed dementia"])
def test_without_a_code_whole_words_count(text):
    assert isinstance(dementia(condition(named(text))), Known)


@pytest.mark.parametrize("text", ["Predementia programme", "Alzheimerstrasse 5"])
def test_parts_of_words_do_not_count(text):
    assert dementia(condition(named(text))) == ABSENT


@pytest.mark.parametrize(
    "text",
    [
        "Family history of Alzheimer's disease",
        "FH: Alzheimer's disease",
        "FHx dementia",
        "Mother Alzheimer's disease",
        "Father had dementia",
        "Sister with dementia",
        "Brother with dementia",
        "Parent with dementia",
        "Grandmother: dementia",
        "Rule out dementia",
        "R/O Alzheimer's disease",
        "No evidence of dementia",
        "Negative for dementia",
        "Denies dementia",
        "Screening for dementia",
        "At risk of dementia",
    ],
)
def test_a_text_about_someone_else_or_in_doubt_never_counts(text):
    assert dementia(condition(named(text))) == ABSENT


def test_a_text_about_the_family_silences_its_code_too():
    assert dementia(condition(ALZHEIMER | {"text": "Mother: Alzheimer's disease"})) == ABSENT


@pytest.mark.parametrize("code", ["Z80", "Z81.8", "Z82.0", "Z83.3", "Z84.89"])
def test_icd_codes_of_the_family_are_never_the_patients(code):
    assert dementia(condition(coded(ICD10, code, text="Alzheimer's disease"))) == ABSENT


def test_at_risk_of_falls_is_a_fall_risk():
    assert isinstance(facts(condition(named("At risk of falls"))).conditions("fall-tendency"), Known)


def test_family_member_history_is_never_the_patients_disease():
    history = resource("FamilyMemberHistory", status="completed", condition=[{"code": ALZHEIMER}])
    assert dementia(history) == ABSENT


# Duplicates


def test_the_same_diagnosis_ten_times_is_one_fact():
    assert only(dementia(*(condition(onsetDateTime=f"2024-0{n}-01") for n in range(1, 10)))).active


def test_of_duplicates_the_earliest_onset_and_the_certain_one_stand():
    found = only(
        dementia(
            condition(verification="unconfirmed", onsetDateTime="2024-01-01", recordedDate="2026-02-01"),
            condition(verification="confirmed", onsetDateTime="2025-01-01", recordedDate="2026-05-01"),
        )
    )
    assert (str(found.onset.first), found.possible, found.confirmed) == ("2024-01-01", False, True)
    assert str(found.last_recorded.first) == "2026-05-01"


def test_a_past_and_an_active_record_stay_apart():
    found = facts(condition(), condition(clinical="resolved"))
    assert only(found.conditions("alzheimer-disease")).active
    assert not only(found.past_conditions("alzheimer-disease")).active


def test_two_falls_are_two_events():
    found = facts(condition(FALL, onsetDateTime="2026-01-01"), condition(FALL, onsetDateTime="2026-02-01"))
    assert len(found.events("fall-event").value) == 2


# Falls: five places


@pytest.mark.parametrize(
    "code",
    [FALL, coded(SNOMED, "217082002"), coded(SNOMED, "161898004"), coded(ICD10, "W01.0XXA"), coded(ICD10, "W19")],
)
def test_a_fall_on_the_problem_list_is_an_event(code):
    assert (
        str(only(facts(condition(code, onsetDateTime="2026-03-01")).events("fall-event")).onset.first) == "2026-03-01"
    )


def test_a_resolved_fall_happened_all_the_same():
    assert only(facts(condition(FALL, clinical="resolved", onsetDateTime="2026-03-01")).events("fall-event"))


def test_a_fall_without_date_takes_the_day_of_the_encounter_it_names():
    visit = resource("Encounter", id="visit", period={"start": "2026-03-04T10:00:00Z"})
    fall = condition(FALL, encounter={"reference": "https://ehr.example/r4/Encounter/visit"})
    assert str(only(facts(fall, visit).events("fall-event")).onset.first) == "2026-03-04"


def test_its_own_date_comes_before_that_of_the_encounter():
    visit = resource("Encounter", id="visit", period={"start": "2026-03-04"})
    fall = condition(FALL, onsetDateTime="2026-03-01", encounter={"reference": "Encounter/visit"})
    assert str(only(facts(fall, visit).events("fall-event")).onset.first) == "2026-03-01"


def test_a_fall_without_any_date_counts_undated():
    assert only(facts(condition(FALL)).events("fall-event")).since is None


def test_the_reason_of_an_encounter_is_an_event_on_its_day():
    visit = resource("Encounter", status="finished", period={"start": "2026-03-04"}, reasonCode=[FALL])
    assert str(only(facts(visit).events("fall-event")).onset.first) == "2026-03-04"


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "planned"])
def test_an_encounter_that_did_not_take_place_tells_no_event(status):
    visit = resource("Encounter", status=status, period={"start": "2026-03-04"}, reasonCode=[FALL])
    assert facts(visit).events("fall-event") == ABSENT


def test_the_reason_of_an_encounter_is_no_diagnosis():
    visit = resource("Encounter", status="finished", period={"start": "2026-03-04"}, reasonCode=[ALZHEIMER])
    assert facts(visit).conditions("alzheimer-disease") == ABSENT
    assert facts(visit).events("fall-event", "alzheimer-disease") == ABSENT


def test_an_adverse_event_is_an_event_on_its_date():
    fall = resource("AdverseEvent", actuality="actual", event=FALL, date="2026-04-05")
    assert str(only(facts(fall).events("fall-event")).onset.first) == "2026-04-05"


def test_a_potential_adverse_event_did_not_happen():
    fall = resource("AdverseEvent", actuality="potential", event=FALL, date="2026-04-05")
    assert facts(fall).events("fall-event") == ABSENT


@pytest.mark.parametrize(
    "one",
    [
        resource("AdverseEvent", actuality="actual", event=FALL, date="2026-06-16"),
        resource("Encounter", status="finished", period={"start": "2026-06-16"}, reasonCode=[FALL]),
        condition(FALL, onsetDateTime="2026-06-16"),
        condition(FALL, recordedDate="2026-06-16"),
    ],
)
def test_an_event_after_today_has_not_happened(one):
    assert facts(one).events("fall-event") == ABSENT


@pytest.mark.parametrize("text", ["Trouble falling asleep", "Fallen arches", "Family history of falls", "No falls"])
def test_what_sounds_like_a_fall_is_none(text):
    assert facts(condition(named(text)), today=TODAY).events("fall-event") == ABSENT


def test_a_possible_fall_is_possible():
    found = only(facts(condition(FALL, verification="unconfirmed", onsetDateTime="2026-03-01")).events("fall-event"))
    assert found.possible


def test_sources_name_the_resource():
    found = facts(condition(RBD, id="r1")).conditions("rbd")
    assert found.sources == ("Condition/r1",)


# Code systems that are not read

LOCAL = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"


def notes(*chart):
    return list(facts(*chart).notes.values())


def test_diagnoses_in_unread_code_systems_are_counted():
    assert notes(condition(coded(LOCAL, "F03"))) == ["1 diagnosis in unread code systems"]
    foreign = [condition(coded(LOCAL, "F03")), condition(coded("urn:local", "17", "Hypertonie"))]
    assert notes(*foreign, condition()) == ["2 diagnoses in unread code systems"]


@pytest.mark.parametrize("code", [None, {}, {"odd": 1}, {"coding": [{"odd": 1}]}, {"coding": []}, {"text": ""}])
def test_diagnoses_and_current_drugs_that_nothing_names_are_counted(code):
    chart = condition(code), condition(code, verification="entered-in-error"), request(code)
    assert notes(*chart, request(code, status="stopped")) == [
        "1 diagnosis without code or words",
        "1 drug without code or words",
    ]


def test_codes_of_unread_systems_are_counted_by_systems_that_have_a_name_here():
    ndc, local = coded("urn:oid:2.16.840.1.113883.6.69", "00093"), coded("https://ehr.example.org/drugs", "4711")
    found = facts(
        condition(coded("http://fhir.de/CodeSystem/dimdi/icd-10-gm", "F03")),
        condition(coded("urn:local", "17", "Hypertonie")),
        condition(coded(SNOMED, "38341003")),
        request(ndc),
        request(local, status="completed"),
        drafts=(draft(ndc), draft(local), draft(local)),
    )
    assert {name: dict(codes) for name, codes in found.unread_codes.items() if codes} == {
        "drafts": {"http://hl7.org/fhir/sid/ndc": 1, "other": 2},
        "conditions": {LOCAL: 1, "other": 1},
        "medications": {"http://hl7.org/fhir/sid/ndc": 1},
    }


@pytest.mark.parametrize(
    "code",
    [
        coded(LOCAL, "F03", "Dementia"),
        coded(SNOMED, "38341003"),
        {"coding": [{"system": LOCAL, "code": "I10"}, {"system": ICD10, "code": "I10"}]},
        {"coding": [{"display": "Hypertonie"}]},
        coded("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown"),
        named("Hypertonie"),
    ],
)
def test_what_is_known_by_words_or_of_a_system_that_is_read_is_not_counted(code):
    assert notes(condition(code)) == []


def test_a_refuted_diagnosis_is_not_counted():
    assert notes(condition(coded(LOCAL, "F03"), verification="refuted")) == []


def test_drugs_in_unread_code_systems_are_counted_while_they_are_current():
    taken = {"medicationCodeableConcept": coded("http://hl7.org/fhir/sid/ndc", "00000-0000-00"), "intent": "order"}
    assert notes(resource("MedicationRequest", status="active", **taken)) == ["1 drug in unread code systems"]
    assert notes(resource("MedicationRequest", status="completed", **taken)) == []
