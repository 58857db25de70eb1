"""Sleep apnea or narcolepsy that is suspected and not diagnosed (REF-01 c)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.unproven_sleep_disorder import Disorder, suspected
from tests.charts import ICD10, LOINC, coded, condition, facts, named, observation, patient

OLD = patient("1951-03-02")
APNEA, NARCOLEPSY = coded(ICD10, "G47.33"), coded(ICD10, "G47.419")


def index(value, day="2026-03-10"):
    return observation(coded(LOINC, "69990-0"), day, value, "/h")


def disorder(*chart, **how):
    found = suspected(facts(OLD, *chart, **how))
    return found.value.disorder if isinstance(found, Known) else found


@pytest.mark.parametrize(("value", "found"), [(5, Disorder.APNEA), (4.9, ABSENT)])
def test_an_index_counts_from_5(value, found):
    assert disorder(index(value)) == found


@pytest.mark.parametrize(("day", "found"), [("2024-06-15", Disorder.APNEA), ("2024-06-14", ABSENT)])
def test_an_index_counts_for_24_months(day, found):
    assert disorder(index(8, day)) == found


def test_a_diagnosis_leaves_nothing_to_suspect():
    assert disorder(condition(APNEA), index(22), condition(named("Snoring")), condition(named("Sleepiness"))) == ABSENT


@pytest.mark.parametrize("verification", ["unconfirmed", "provisional"])
@pytest.mark.parametrize(("code", "found"), [(APNEA, Disorder.APNEA), (NARCOLEPSY, Disorder.NARCOLEPSY)])
def test_a_diagnosis_that_is_not_confirmed_is_suspected(code, found, verification):
    assert disorder(condition(code, verification=verification)) == found


def test_snoring_and_sleepiness_may_be_two_complaints():
    assert disorder(condition(named("Snoring")), condition(named("Daytime sleepiness"))) == Disorder.APNEA


@pytest.mark.parametrize("one", ["Snoring", "Daytime sleepiness"])
def test_one_of_them_alone_is_not_enough(one):
    assert disorder(condition(named(one))) == ABSENT


def test_apnea_is_named_before_narcolepsy():
    assert disorder(condition(NARCOLEPSY, verification="provisional"), index(8)) == Disorder.APNEA


@pytest.mark.parametrize("key", ["conditions", "observations"])
def test_without_the_data_there_is_no_all_clear(key):
    assert isinstance(disorder(gaps={key: "not sent"}), Unavailable)
