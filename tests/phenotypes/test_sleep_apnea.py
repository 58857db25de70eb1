"""Sleep apnea and positive airway pressure (clinical specification 2.2 OSA, AHI, PAP and CLZ-03)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.sleep_apnea import airway_pressure, apnea
from tests.case_runs import ruleset
from tests.charts import ICD10, LOINC, SNOMED, coded, condition, facts, named, observation, resource

WORDING = ruleset().content.wording
OSA = coded(SNOMED, "78275009", "Obstructive sleep apnea syndrome")
AHI = coded(LOINC, "69990-0")
CPAP = coded(SNOMED, "47545007", "Continuous positive airway pressure")


def seen(*chart, **how):
    return apnea(facts(*chart, **how))


def treated(*chart, **how):
    return isinstance(airway_pressure(facts(*chart, **how)), Known)


@pytest.mark.parametrize(
    "code",
    [
        OSA,
        coded(SNOMED, "73430006"),
        coded(SNOMED, "27405005"),
        coded(ICD10, "G47.33"),
        coded(ICD10, "G47.30"),
        coded(ICD10, "G47.31"),
        coded(ICD10, "G47.37"),
        coded(ICD10, "G47.39"),
        named("Obstructive sleep apnoea"),
    ],
)
def test_a_diagnosis_is_known_by_code_and_words(code):
    assert seen(condition(code)).value.diagnosed


@pytest.mark.parametrize(
    "code", [named("Snoring"), coded(ICD10, "P28.3", "Primary sleep apnea of newborn"), coded(ICD10, "G47.32")]
)
def test_a_neighbour_is_no_sleep_apnea(code):
    assert seen(condition(code)) == ABSENT


def test_a_diagnosis_in_doubt_is_possible():
    found = seen(condition(OSA, verification="provisional")).value
    assert (found.possible, WORDING.show(found.label)) == (True, "possible sleep apnea")


@pytest.mark.parametrize(("index", "counts"), [(5, True), (4.9, False), (22, True)])
def test_an_index_counts_from_5(index, counts):
    assert isinstance(seen(observation(AHI, value=index, unit="/h")), Known) is counts


@pytest.mark.parametrize(("day", "counts"), [("2024-06-15", True), ("2024-06-14", False), (None, False)])
def test_an_index_counts_for_24_months(day, counts):
    assert isinstance(seen(observation(AHI, day, 22)), Known) is counts


def test_an_index_is_told_in_short_and_in_full():
    found = seen(observation(AHI, value=22.5, unit="/h")).value
    assert WORDING.show(found.label) == "AHI 22.5/h"
    assert WORDING.show(found.words) == "apnea-hypopnea index 22.5 per hour"


def test_the_newest_index_counts():
    assert seen(observation(AHI, "2025-06-01", 22), observation(AHI, "2026-06-01", 3)) == ABSENT


def test_a_diagnosis_comes_with_its_index():
    found = seen(condition(OSA), observation(AHI, value=22)).value
    assert (found.diagnosed, found.index) == (True, 22)


@pytest.mark.parametrize("unit", ["/h", "{events}/h", "events/hour", "1/h", None])
def test_an_index_is_per_hour_however_it_is_written(unit):
    assert seen(observation(AHI, value=22, unit=unit)).value.index == 22


@pytest.mark.parametrize("unit", ["%", "s", "mm[Hg]"])
def test_an_index_in_an_unlike_unit_is_not_compared(unit):
    assert not isinstance(seen(observation(AHI, value=22, unit=unit)), Known)


@pytest.mark.parametrize(("value", "counts"), [("<5", False), ("<30", False), (">30", True), (">=5", True)])
def test_an_index_beyond_a_limit_counts_only_if_it_is_surely_high(value, counts):
    assert isinstance(seen(observation(AHI, valueQuantity={"value": value})), Known) is counts


@pytest.mark.parametrize("day", ["2025-06-15", "2015-06-14", None])
def test_a_therapy_that_was_set_up_once_counts_for_good(day):
    assert treated(resource("Procedure", status="completed", code=CPAP, performedDateTime=day)) is True


def test_a_therapy_under_way_counts_whenever_it_began():
    assert treated(resource("Procedure", status="in-progress", code=CPAP, performedPeriod={"start": "2019-01-01"}))


@pytest.mark.parametrize("text", ["On CPAP", "on BiPAP therapy", "Uses CPAP nightly", "On PAP"])
def test_a_therapy_on_the_problem_list_counts(text):
    assert treated(condition(named(text)))


@pytest.mark.parametrize("text", ["Refuses CPAP", "CPAP intolerance", "Abnormal Pap smear", "Stopped CPAP"])
def test_a_therapy_that_is_not_used_does_not(text):
    assert not treated(condition(named(text)))


@pytest.mark.parametrize("key", ["conditions", "observations"])
def test_nothing_found_is_no_all_clear_if_something_could_not_be_read(key):
    assert isinstance(seen(gaps={key: "not sent"}), Unavailable)


def test_an_unread_therapy_is_not_called_missing():
    assert isinstance(airway_pressure(facts(gaps={"procedures": "not sent"})), Unavailable)
