"""Results, answers, procedures, requests, allergies and reports (clinical specification 2.1)."""

import msgspec
import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.fhir import elements as fhir
from tests.charts import (
    CLONAZEPAM,
    LOINC,
    OURS,
    RXNORM,
    SCREEN,
    SNOMED,
    all_no,
    answers,
    coded,
    facts,
    named,
    observation,
    only,
    resource,
)

AHI = coded(LOINC, "69990-0", "Apnea hypopnea index")
FALLS = coded(LOINC, "52552-7", "Falls in the past year")
MOCA = coded(LOINC, "72172-0", "Total score MoCA")
PSG = coded(SNOMED, "60554003", "Polysomnography")
CPAP = coded(SNOMED, "47545007", "Continuous positive airway pressure ventilation treatment")
YES_NO = "http://terminology.hl7.org/CodeSystem/v2-0136"
EXPANDED_YES_NO = "http://terminology.hl7.org/CodeSystem/v2-0532"
QUESTION = coded(OURS, "dream-enactment")


def ahi(*chart):
    return facts(*chart).observations("ahi")


def values(fact):
    return [item.value for item in fact.value]


# Observation


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
def test_a_final_result_counts(status):
    assert only(ahi(observation(AHI, value=22, unit="/h", status=status))).value == 22


@pytest.mark.parametrize("status", ["registered", "preliminary", "cancelled", "entered-in-error", "unknown", None])
def test_any_other_result_does_not(status):
    assert ahi(observation(AHI, value=22, unit="/h", status=status)) == ABSENT


def test_a_result_with_a_reason_why_it_is_absent_does_not_count():
    assert ahi(observation(AHI, dataAbsentReason=named("not performed"))) == ABSENT


def test_a_result_about_someone_else_does_not_count():
    assert ahi(observation(AHI, value=22, focus=[{"reference": "RelatedPerson/mother"}])) == ABSENT


def test_a_result_that_names_the_patient_as_its_focus_counts():
    assert only(ahi(observation(AHI, value=22, focus=[{"reference": "Patient/example"}]))).value == 22


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (True, True),
        (False, False),
        (coded(SNOMED, "373066001"), True),
        (coded(LOINC, "LA33-6"), True),
        (coded(SNOMED, "373067005"), False),
        (coded(LOINC, "LA32-8"), False),
        (coded(LOINC, "LA17-9"), None),
        (coded(YES_NO, "Y"), True),
        (coded(EXPANDED_YES_NO, "N"), False),
        (coded("urn:local", "Y"), None),
        (coded("urn:local", "1", "Yes"), True),
        (named(" No "), False),
        (named("no falls"), None),
        (coded(LOINC, "LA33-6", text="No"), True),
        (coded(YES_NO, "Y") | {"text": "yes"}, True),
        ({"coding": [{"display": "Yes"}, {"display": "No"}]}, None),
    ],
)
def test_yes_and_no_are_booleans_known_codes_or_the_words_alone(value, answer):
    assert only(facts(observation(FALLS, value=value)).observations("falls-past-year")).answer is answer


def test_yes_and_no_are_read_from_a_text_value():
    found = facts(observation(FALLS, valueString="Yes")).observations("falls-past-year")
    assert only(found).answer is True


@pytest.mark.parametrize(
    ("members", "number"),
    [
        ({"valueString": "22"}, 22),
        ({"valueString": " 22/30 "}, 22),
        ({"valueString": "22 out of 30"}, 22),
        ({"valueString": "22 points"}, 22),
        ({"valueCodeableConcept": named("22")}, 22),
        ({"valueCodeableConcept": {"coding": [{"display": "22/30"}]}}, 22),
        ({"valueInteger": 22}, 22),
        ({"valueRatio": {"numerator": {"value": 22}, "denominator": {"value": 30}}}, 22),
        ({"valueString": "12/22"}, None),
        ({"valueRatio": {"numerator": {"value": 12}, "denominator": {"value": 22}}}, None),
        ({"valueRatio": {"numerator": {"value": 22}}}, None),
        ({"valueString": "20-24"}, None),
        ({"valueString": "22, tired"}, None),
        ({"valueString": "see report of 2022"}, None),
        ({"valueRange": {"low": {"value": 20}, "high": {"value": 24}}}, None),
        ({"valueQuantity": {"unit": "{score}"}}, None),
    ],
)
def test_a_score_is_read_in_every_dress_that_leaves_no_doubt(members, number):
    found = only(facts(observation(MOCA, **members)).observations("moca-total"))
    assert (found.value, found.readable) == (number, number is not None)


def test_a_share_is_a_number_only_of_a_scale_with_just_that_most():
    assert only(ahi(observation(AHI, valueString="22/30"))).value is None


def test_a_text_may_hold_comparator_and_unit():
    found = only(ahi(observation(AHI, valueString="≥ 30 /h")))
    assert (found.comparator, found.value, found.unit) == (">=", 30, "/h")


def test_a_component_of_a_panel_is_a_result_like_any_other():
    panel = observation(
        coded(LOINC, "72133-2"),
        "2026-05-01",
        component=[
            {"code": coded(LOINC, "72172-0"), "valueQuantity": {"value": 22}},
            {"code": coded(LOINC, "52552-7"), "valueBoolean": True},
            {"code": coded(LOINC, "72106-8"), "dataAbsentReason": named("not done")},
        ],
    )
    found = facts(panel)
    moca = only(found.observations("moca-total"))
    assert (moca.value, str(moca.day.first), moca.source) == (22, "2026-05-01", f"Observation/{panel['id']}")
    assert only(found.observations("falls-past-year")).answer is True
    assert found.observations("mmse-total") == ABSENT


def test_a_panel_under_the_code_of_its_total_is_no_result_without_a_value():
    parts = [{"code": coded(LOINC, "99999-9"), "valueInteger": 3}]
    assert facts(observation(MOCA, component=parts)).observations("moca-total") == ABSENT
    assert facts(observation(MOCA, hasMember=[{"reference": "Observation/a"}])).observations("moca-total") == ABSENT
    assert only(facts(observation(MOCA, value=22, component=parts)).observations("moca-total")).value == 22


def test_a_component_counts_only_as_its_panel_does():
    parts = [{"code": MOCA, "valueInteger": 22}]
    assert (
        facts(observation(named("panel"), status="preliminary", component=parts)).observations("moca-total") == ABSENT
    )


def test_a_result_counts_on_the_day_it_was_issued_if_no_other_is_told():
    assert str(only(ahi(observation(AHI, None, 22, issued="2026-05-01T08:00:00Z"))).day.first) == "2026-05-01"
    assert str(only(ahi(observation(AHI, "2026-04-01", 22, issued="2026-05-01T08:00:00Z"))).day.first) == "2026-04-01"
    assert ahi(observation(AHI, None, 22, issued="2026-07-01T08:00:00Z")) == ABSENT


def test_the_newest_result_comes_first():
    found = ahi(
        observation(AHI, "2026-01-01", 8), observation(AHI, "2026-06-01", 22), observation(AHI, "2026-03-01", 15)
    )
    assert values(found) == [22, 15, 8]


def test_of_two_results_on_one_day_the_later_time_is_newer():
    morning, evening = observation(AHI, "2026-06-01T08:00:00Z", 8), observation(AHI, "2026-06-01T20:00:00Z", 22)
    assert values(ahi(morning, evening)) == values(ahi(evening, morning)) == [22, 8]


def test_a_result_after_today_does_not_count_yet():
    assert ahi(observation(AHI, "2026-06-16", 22)) == ABSENT
    assert isinstance(ahi(observation(AHI, "2026-06-15T23:59:00", 22)), Known)


def test_a_result_without_date_is_the_oldest():
    assert values(ahi(observation(AHI, None, 8), observation(AHI, "2020", 22))) == [22, 8]


def test_a_period_counts_with_its_end():
    night = observation(AHI, None, 22, effectivePeriod={"start": "2026-05-31T22:00:00Z", "end": "2026-06-01T06:00:00Z"})
    assert str(only(ahi(night)).day.first) == "2026-06-01"


def test_a_number_sent_as_text_is_a_number():
    assert only(ahi(observation(AHI, valueQuantity={"value": "22.5", "unit": "/h"}))).value == 22.5


def test_a_comparator_is_kept_apart_from_the_number():
    for quantity in ({"value": 5, "comparator": "<"}, {"value": "<5"}):
        found = only(ahi(observation(AHI, valueQuantity=quantity)))
        assert (found.value, found.comparator) == (5, "<")


def test_the_apnea_index_alone_is_not_the_apnea_hypopnea_index():
    assert ahi(observation(coded(LOINC, "90562-0", "Apnea hypopnea index"), value=22)) == ABSENT
    assert ahi(observation(coded(LOINC, "90565-3", "AHI"), value=22)) == ABSENT


def test_a_local_code_is_known_by_its_words():
    local = {"coding": [{"system": "urn:local", "code": "77", "display": "Respiratory event index"}]}
    assert only(ahi(observation(local, value=22))).value == 22


def test_a_cause_of_death_is_no_diagnosis():
    death = observation(
        coded(LOINC, "69453-9", "Cause of death"), value=coded(SNOMED, "26929004", "Alzheimer's disease")
    )
    assert facts(death).conditions("alzheimer-disease") == ABSENT


def test_rbd_of_a_virus_protein_is_not_sleep():
    assert facts(observation(named("SARS-CoV-2 RBD antibody"), value=True)).conditions("rbd") == ABSENT


# Screening answers


def answer(*chart, question="dream-enactment"):
    found = facts(*chart).answer(question)
    return found.value.yes if isinstance(found, Known) else None


@pytest.mark.parametrize("status", ["completed", "amended"])
def test_a_completed_form_counts(status):
    assert answer(answers(dream_enactment=True, status=status)) is True


@pytest.mark.parametrize("status", ["in-progress", "entered-in-error", "stopped"])
def test_any_other_form_does_not(status):
    assert answer(answers(dream_enactment=True, status=status)) is None


def test_the_newest_answer_wins_per_question():
    old = answers("2026-01-01", dream_enactment=True, injury=True)
    new = answers("2026-05-01", dream_enactment=False)
    assert answer(old, new) is False
    assert answer(old, new, question="injury") is True


def test_of_two_forms_on_one_day_the_later_time_wins():
    morning = answers("2026-05-01T08:00:00Z", dream_enactment=True)
    evening = answers("2026-05-01T20:00:00Z", dream_enactment=False)
    assert answer(morning, evening) is answer(evening, morning) is False


def test_of_two_answers_of_one_moment_the_yes_wins():
    yes, no = answers("2026-05-01", dream_enactment=True), answers("2026-05-01", dream_enactment=False)
    assert answer(yes, no) is answer(no, yes) is True


def test_a_form_after_today_does_not_count_yet():
    assert answer(answers("2026-06-16", dream_enactment=True)) is None


@pytest.mark.parametrize(
    "canonical",
    [
        SCREEN,
        f"{SCREEN}|0.1.0",
        f"{SCREEN}#top",
        "http://127.0.0.1:8000/Questionnaire/rbd-screen",
        "Questionnaire/rbd-screen",
        "urn:org.rbd-cds:Questionnaire:rbd-screen",
        "urn:org.rbd-cds:Questionnaire:rbd-screen|1.0.0",
    ],
)
def test_our_form_is_known_by_its_name_at_whatever_address_and_in_any_version(canonical):
    assert answer(answers(injury=True, members={"questionnaire": canonical}), question="injury") is True


def test_our_form_without_an_address_is_known_by_its_questions():
    assert answer(answers(dream_enactment=True, injury=False, members={"questionnaire": None})) is True


@pytest.mark.parametrize("canonical", ["https://ehr.example.org/Questionnaire/4711", "urn:oid:1.2.3"])
def test_answers_that_look_like_our_form_under_another_name_are_told_and_do_not_count(canonical):
    found = facts(answers(dream_enactment=True, injury=False, members={"questionnaire": canonical}))
    assert found.answer("injury") == Unavailable("answers: a form under another name looks like the screening form")
    assert found.answer("vocalizations") == ABSENT
    assert found.answers("vocalizations", "injury") == found.answer("injury")


def test_a_form_under_another_name_hides_no_answer_of_ours():
    other = answers("2026-06-10", dream_enactment=True, injury=False, members={"questionnaire": "urn:oid:1.2.3"})
    assert answer(answers("2026-06-01", dream_enactment=False), other) is False


@pytest.mark.parametrize(
    "canonical", [None, "urn:other", "https://x.example/rbd-screen-2", "https://x.example/rbd-screen/v"]
)
@pytest.mark.parametrize(
    "given",
    [
        {"injury": True},
        {"injury": True, "informant": "patient"},
        {"dream_enactment": True, "little_interest": False},
        {"injury": True, "little_interest": False},
    ],
)
def test_another_form_is_not_ours_for_one_question_of_the_same_name(canonical, given):
    (link, *_) = given
    answered = answers(members={"questionnaire": canonical}, **given)
    assert answer(answered, question=link.replace("_", "-")) is None


def test_questions_that_an_ehr_adds_to_ours_do_not_hide_it():
    given = {"dream_enactment": True, "brief_jerks": False, "interpreter": True}
    assert answer(answers(members={"questionnaire": None}, **given)) is True
    assert answer(answers(**given), question="interpreter") is None


def test_answers_in_groups_are_found():
    group = {"linkId": "group", "item": [{"linkId": "dream-enactment", "answer": [{"valueBoolean": True}]}]}
    assert answer(answers(members={"item": [group]})) is True


@pytest.mark.parametrize(
    ("code", "yes"), [("373066001", True), ("LA33-6", True), ("373067005", False), ("LA32-8", False)]
)
def test_a_coded_yes_or_no_is_read(code, yes):
    item = {"linkId": "dream-enactment", "answer": [{"valueCoding": {"code": code}}]}
    assert answer(answers(members={"item": [item]})) is yes


@pytest.mark.parametrize(
    ("given", "yes"),
    [
        ({"valueCoding": {"display": "Yes"}}, True),
        ({"valueCoding": {"system": YES_NO, "code": "N"}}, False),
        ({"valueString": "no"}, False),
    ],
)
def test_an_answer_is_read_in_other_dress(given, yes):
    assert answer(answers(members={"item": [{"linkId": "/dream-enactment", "answer": [given]}]})) is yes


@pytest.mark.parametrize("given", [{}, {"valueCoding": {"system": "urn:local", "code": "Y"}}, {"valueString": "often"}])
def test_an_answer_that_cannot_be_read_is_unavailable_and_no_older_one_stands_in(given):
    lost = answers("2026-06-01", members={"item": [{"linkId": "injury", "answer": [given]}]})
    found = facts(lost, answers("2026-05-01", injury=False)).answer("injury")
    assert found == Unavailable("answers: the newest answer cannot be read")
    assert answer(lost, answers("2026-06-02", injury=False), question="injury") is False


@pytest.mark.parametrize(
    "given", [{"valueString": "Don't know"}, {"valueCoding": {"system": EXPANDED_YES_NO, "code": "ASKU"}}]
)
def test_who_cannot_say_has_not_answered(given):
    unsure = answers("2026-06-01", members={"item": [{"linkId": "injury", "answer": [given]}]})
    assert facts(unsure).answer("injury") == ABSENT


def test_an_answer_without_a_date_is_told_and_does_not_count():
    undated = Unavailable("answers: the answer is without a date")
    assert facts(answers(None, injury=True)).answer("injury") == undated
    assert facts(observation(coded(OURS, "injury"), None, True)).answer("injury") == undated
    assert answer(answers(None, injury=True), answers("2026-01-01", injury=False), question="injury") is False


def test_the_informant_is_told_with_the_answer():
    found = facts(answers(dream_enactment=True, informant="bed-partner")).answer("dream-enactment")
    assert found.value.informant == "bed-partner"


def test_a_question_sent_as_an_observation_is_an_answer():
    assert answer(observation(QUESTION, value=True)) is True
    assert answer(all_no("2026-05-01"), observation(QUESTION, "2026-06-01", True)) is True
    assert answer(all_no("2026-06-01"), observation(QUESTION, "2026-05-01", True)) is False


def test_the_single_question_screen_asks_about_dream_enactment():
    assert answer(observation(named("RBD1Q"), value=True)) is True


def test_another_patients_form_does_not_count():
    assert answer(answers(dream_enactment=True, members={"subject": {"reference": "Patient/other"}})) is None


# Procedures


def procedure(code, status="completed", **members):
    return resource("Procedure", status=status, code=code, **members)


def test_a_completed_procedure_is_done():
    found = only(facts(procedure(PSG, performedDateTime="2026-04-01")).procedures("sleep-study-attended"))
    assert str(found.day.first) == "2026-04-01"


@pytest.mark.parametrize(
    "status", ["preparation", "not-done", "on-hold", "stopped", "entered-in-error", "unknown", None]
)
def test_any_other_procedure_is_not(status):
    assert facts(procedure(PSG, status)).procedures("sleep-study-attended") == ABSENT


def test_a_therapy_under_way_is_done_and_a_study_under_way_is_not():
    assert only(facts(procedure(CPAP, "in-progress")).procedures("pap-therapy")).under_way
    assert facts(procedure(PSG, "in-progress")).procedures("sleep-study-attended") == ABSENT


def test_a_procedure_after_today_is_not_done_yet():
    assert facts(procedure(PSG, performedDateTime="2026-06-16")).procedures("sleep-study-attended") == ABSENT


def test_a_procedure_that_lasted_counts_with_its_end():
    found = procedure(PSG, performedPeriod={"start": "2026-03-31T22:00:00Z", "end": "2026-04-01T06:00:00Z"})
    assert str(only(facts(found).procedures("sleep-study-attended")).day.first) == "2026-04-01"


def test_assessing_falls_is_no_fall():
    assert facts(procedure(named("Assessment using Morse Fall Scale"))).events("fall-event") == ABSENT


# Requests on record


def request_of(status, **members):
    return resource("ServiceRequest", **({"status": status, "intent": "order", "code": PSG} | members))


@pytest.mark.parametrize("status", ["draft", "active", "on-hold"])
def test_a_request_that_waits_is_open(status):
    assert only(facts(request_of(status)).requests("sleep-study-attended")).open


def test_a_completed_request_is_done():
    assert not only(facts(request_of("completed")).requests("sleep-study-attended")).open


@pytest.mark.parametrize("status", ["revoked", "entered-in-error"])
def test_a_revoked_request_is_nothing(status):
    assert facts(request_of(status)).requests("sleep-study-attended") == ABSENT


def test_a_request_not_to_do_something_is_nothing():
    assert facts(request_of("active", doNotPerform=True)).requests("sleep-study-attended") == ABSENT


# Allergies


def allergic(**members):
    return facts(resource("AllergyIntolerance", **members)).allergies("clonazepam")


@pytest.mark.parametrize("clinical", [{"coding": [{"code": "active"}]}, None])
def test_an_allergy_is_active_or_without_status(clinical):
    assert isinstance(allergic(code=CLONAZEPAM, clinicalStatus=clinical), Known)


@pytest.mark.parametrize("clinical", ["inactive", "resolved", "Resolved"])
def test_an_allergy_that_is_over_does_not_count(clinical):
    assert allergic(code=CLONAZEPAM, clinicalStatus={"coding": [{"code": clinical}]}) == ABSENT


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error"])
def test_an_allergy_that_is_not_meant_does_not_count(verification):
    assert allergic(code=CLONAZEPAM, verificationStatus={"coding": [{"code": verification}]}) == ABSENT


def test_an_allergy_is_known_by_code_words_and_substance():
    assert isinstance(allergic(code=coded(RXNORM, "2598")), Known)
    assert isinstance(allergic(code=named("Klonopin")), Known)
    assert isinstance(allergic(code=named("Drug allergy"), reaction=[{"substance": CLONAZEPAM}]), Known)
    assert allergic(code=named("Peanut")) == ABSENT


def test_another_patients_allergy_does_not_count():
    assert allergic(code=CLONAZEPAM, patient={"reference": "Patient/other"}) == ABSENT


# Reports


def report(**members):
    return resource("DiagnosticReport", **({"status": "final", "code": coded(LOINC, "28633-6")} | members))


def test_a_report_brings_the_results_that_were_sent():
    result = observation(coded(OURS, "rswa-chin-any-3s"), value=38, unit="%", id="r1")
    found = only(facts(report(result=[{"reference": "Observation/r1"}]), result).reports("sleep-study-attended"))
    assert [one.value for one in found.results] == [38]


def test_a_report_brings_the_results_that_it_contains():
    held = observation(coded(OURS, "rswa-present"), value=True, id="in")
    found = only(facts(report(contained=[held], result=[{"reference": "#in"}])).reports("sleep-study-attended"))
    assert [one.answer for one in found.results] == [True]


def test_a_component_has_every_kind_of_value_that_an_observation_has():
    whole, part = (
        {one.name: one.type for one in msgspec.structs.fields(kind) if one.name.startswith(("value_", "data_"))}
        for kind in (fhir.Observation, fhir.Component)
    )
    assert whole == part


@pytest.mark.parametrize("reference", ["urn:uuid:r", "https://a.example/Observation/r1/_history/2"])
def test_a_report_brings_the_results_that_it_refers_to_in_any_way(reference):
    address = reference.partition("/_history")[0]
    ours = observation(coded(OURS, "rswa-chin-any-3s"), value=38, unit="%", id="r1", fullUrl=address)
    theirs = observation(
        coded(OURS, "rswa-chin-any-3s"), value=3, unit="%", id="r1", fullUrl="https://b.example/Observation/r1"
    )
    found = only(facts(report(result=[{"reference": reference}]), ours, theirs).reports("sleep-study-attended"))
    assert [one.value for one in found.results] == [38]


def test_a_result_of_a_report_that_is_still_to_come_does_not_count():
    result = observation(coded(OURS, "rswa-present"), "2026-06-16", value=True, id="r1")
    found = only(facts(report(result=[{"reference": "Observation/r1"}]), result).reports("sleep-study-attended"))
    assert found.results == ()


@pytest.mark.parametrize("status", ["registered", "preliminary", "partial", "cancelled", "entered-in-error"])
def test_a_report_that_is_not_final_does_not_count(status):
    assert facts(report(status=status)).reports("sleep-study-attended") == ABSENT


def test_a_preliminary_result_of_a_final_report_does_not_count():
    result = observation(coded(OURS, "rswa-present"), value=True, id="r1", status="preliminary")
    found = only(facts(report(result=[{"reference": "Observation/r1"}]), result).reports("sleep-study-attended"))
    assert found.results == ()


def test_a_report_without_date_takes_the_day_it_was_issued():
    found = only(facts(report(issued="2026-06-02T10:00:00Z")).reports("sleep-study-attended"))
    assert str(found.day.first) == "2026-06-02"


def test_results_are_unavailable_if_they_were_not_sent():
    found = facts(gaps={"observations": "not sent"})
    assert found.observations("ahi").why == "observations: not sent"
    assert found.answer("injury").why == "observations: not sent"
