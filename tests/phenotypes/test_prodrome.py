"""Early signs of Parkinson's or Lewy body disease in RBD (PROG-02)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.prodrome import signs
from tests.case_runs import ruleset
from tests.charts import ALZHEIMER, ICD10, LOINC, SNOMED, coded, condition, facts, named, observation, patient

OLD = patient("1951-03-02")
SMELL, PRESSURE, BOWELS = (coded(SNOMED, code) for code in ("44169009", "28651003", "14760008"))
MCI = coded(ICD10, "G31.84")
ENCOUNTER = [{"coding": [{"code": "encounter-diagnosis"}]}]
WORDING = ruleset().content.wording


def labels(*chart, **how):
    found = signs(facts(OLD, *chart, **how))
    return [WORDING.show(sign.label) for sign in found.value] if isinstance(found, Known) else found


@pytest.mark.parametrize("one", [SMELL, PRESSURE, BOWELS])
def test_one_other_sign_is_too_little(one):
    assert labels(condition(one)) == ABSENT


def test_two_other_signs_suffice():
    assert labels(condition(SMELL), condition(BOWELS)) == ["loss of smell", "constipation"]


def test_the_same_sign_twice_is_one():
    assert labels(condition(BOWELS), condition(named("Constipation"))) == ABSENT


@pytest.mark.parametrize(
    ("code", "label"),
    [
        (coded(ICD10, "G20.C"), "parkinsonism"),
        (coded(SNOMED, "32798002"), "parkinsonism"),
        (coded(SNOMED, "43005009"), "slowed gait"),
        (named("Bradykinesia"), "slowed gait"),
        (MCI, "mild cognitive impairment"),
    ],
)
def test_a_motor_or_cognitive_sign_suffices(code, label):
    assert labels(condition(code)) == [label]


@pytest.mark.parametrize(
    "code",
    [coded(ICD10, "R26.81"), coded(SNOMED, "25136009"), named("Drug-induced parkinsonism"), named("No bradykinesia")],
)
def test_other_gaits_and_explained_parkinsonism_are_no_sign(code):
    assert labels(condition(code)) == ABSENT


def test_a_serious_sign_comes_first_and_brings_the_others_along():
    assert labels(condition(SMELL), condition(MCI)) == ["mild cognitive impairment", "loss of smell"]


def test_a_low_score_is_a_sign_and_has_a_day():
    found = signs(facts(OLD, observation(coded(LOINC, "72172-0"), "2026-02-01", 22))).value
    assert [(WORDING.show(sign.label), sign.measured) for sign in found] == [("low MoCA 22", True)]


def test_with_dementia_neither_impairment_nor_score_is_an_early_sign():
    assert labels(condition(ALZHEIMER), condition(MCI), observation(coded(LOINC, "72172-0"), value=22)) == ABSENT


@pytest.mark.parametrize(("day", "counts"), [("2024-06-15", True), ("2024-06-14", False), (None, False)])
def test_a_diagnosis_of_an_encounter_counts_for_24_months(day, counts):
    seen = condition(BOWELS, category=ENCOUNTER, recordedDate=day)
    assert (labels(condition(SMELL), seen) != ABSENT) is counts


def test_on_the_problem_list_a_sign_counts_however_old():
    assert labels(condition(SMELL), condition(BOWELS, recordedDate="2009")) != ABSENT


def test_a_resolved_sign_is_past():
    assert labels(condition(SMELL), condition(BOWELS, clinical="resolved")) == ABSENT


@pytest.mark.parametrize("key", ["conditions", "observations"])
def test_without_the_data_there_is_no_all_clear(key):
    assert isinstance(labels(gaps={key: "not sent"}), Unavailable)


def test_two_signs_stand_without_the_scores():
    assert labels(condition(SMELL), condition(BOWELS), gaps={"observations": "not sent"}) != ABSENT
