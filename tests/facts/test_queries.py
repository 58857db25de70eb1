"""The prefetch templates, and the forms in which servers take them."""

import re

import pytest

from cds_service.facts.queries import (
    OBSERVATIONS,
    READS,
    REPORT_SETS,
    TEMPLATES,
    templates,
    with_all_reports,
    with_components,
    with_parameters,
    with_systems,
)
from cds_service.phenotypes import sleep_study
from tests.charts import vocabulary
from tests.test_architecture import PACKAGE

ALL = templates([*READS, "observations:ahi"], vocabulary().codes_of)


def codes(template):
    return template.partition("&code=")[2].split(",")


def test_every_key_is_asked_for_by_its_type_its_patient_and_at_most_its_codes():
    assert ALL.keys() == TEMPLATES.keys()
    for key, template in ALL.items():
        names = re.findall(r"[?&](\w+)=", template)
        allowed = {"patient", "code"} if key != "adverseEvents" else {"subject"}
        assert set(names) <= allowed | ({"category"} if key == "carePlans" else set()), template


def test_the_answers_to_the_form_are_asked_for_without_its_address():
    assert ALL["questionnaireResponses"] == "QuestionnaireResponse?patient={{context.patientId}}"


def test_a_sleep_study_report_is_asked_for_by_every_code_that_the_value_set_has():
    assert set(codes(ALL["diagnosticReports"])) == {
        "28633-6",
        "90568-7",
        "http://snomed.info/sct|60554003",
        "http://www.ama-assn.org/go/cpt|95808",
        "http://www.ama-assn.org/go/cpt|95810",
        "http://www.ama-assn.org/go/cpt|95811",
    }


def test_no_rule_reads_reports_of_another_set_than_those_that_are_asked_for():
    sources = [path.read_text() for room in ("rules", "phenotypes") for path in (PACKAGE / room).glob("*.py")]
    read = {argument for text in sources for argument in re.findall(r"facts\.reports\(([^)]*)\)", text)}
    assert {name.removeprefix("sleep_study.") for name in read} == {"ATTENDED"}
    assert sleep_study.ATTENDED in REPORT_SETS


@pytest.mark.parametrize("key", [OBSERVATIONS, "diagnosticReports"])
def test_every_code_may_have_its_system_before_it(key):
    asked = with_systems(ALL)[key]
    assert all("|" in code for code in codes(asked))
    assert [code.removeprefix("http://loinc.org|") for code in codes(asked)] == codes(ALL[key])


def test_all_reports_are_asked_for_by_the_patient_alone():
    asked = with_all_reports(ALL)
    assert asked["diagnosticReports"] == "DiagnosticReport?patient={{context.patientId}}"
    assert {key for key, template in asked.items() if template != ALL[key]} == {"diagnosticReports"}
    assert with_systems(asked)["diagnosticReports"] == asked["diagnosticReports"]


def test_results_are_found_by_their_components_with_another_parameter_and_the_same_codes():
    asked = with_systems(ALL)
    found = with_components(asked)
    assert found[OBSERVATIONS] == asked[OBSERVATIONS].replace("&code=", "&combo-code=")
    assert {key for key, template in found.items() if template != asked[key]} == {OBSERVATIONS}


def test_what_a_server_demands_stands_behind_what_is_asked_for():
    asked = with_parameters(ALL, {"medicationRequests": "intent=order,plan"})
    assert asked["medicationRequests"] == "MedicationRequest?patient={{context.patientId}}&intent=order,plan"
    assert {key for key, template in asked.items() if template != ALL[key]} == {"medicationRequests"}


def test_nothing_else_changes_with_the_systems():
    assert {key for key, asked in with_systems(ALL).items() if asked != ALL[key]} == {OBSERVATIONS, "diagnosticReports"}
