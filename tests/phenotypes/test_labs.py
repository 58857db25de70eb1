"""The newest laboratory result of a window, in the unit of its limit."""

from cds_service.facts.knowledge import ABSENT, Unavailable
from cds_service.fhir.dates import within_days
from cds_service.phenotypes import labs
from tests.charts import LOINC, TODAY, coded, facts, observation

GLUCOSE, SODIUM = coded(LOINC, "2345-7"), coded(LOINC, "2951-2")


def newest(name, unit, *chart, same=(), **how):
    return labs.newest(facts(*chart, **how), name, unit, lambda when: within_days(when, 30, TODAY), same=same)


def glucose(value=50, unit="mg/dL", day="2026-06-01", **members):
    return observation(GLUCOSE, day, value, unit, **members)


def test_the_newest_of_the_window_counts():
    found = newest("glucose", "mg/dL", glucose(50, day="2026-06-01"), glucose(90, day="2026-06-02"))
    assert found.value.amount.value == 90


def test_a_result_before_the_window_or_without_a_day_does_not_count():
    assert newest("glucose", "mg/dL", glucose(day="2026-05-15"), glucose(day=None)) == ABSENT


def test_moles_become_the_mass_of_the_limit():
    assert newest("glucose", "mg/dL", glucose(3, "mmol/L")).value.amount.value == 54.048


def test_an_unlike_unit_is_refused_and_no_older_result_stands_in():
    found = newest("glucose", "mg/dL", glucose(50, "%"), glucose(90, day="2026-05-20"))
    assert found == Unavailable("observations: glucose in a unit that cannot be compared")


def test_a_bare_number_is_refused_unless_it_can_be_only_one_thing():
    assert isinstance(newest("glucose", "mg/dL", glucose(5, None)), Unavailable)
    bare = observation(SODIUM, "2026-06-01", 121)
    assert newest("sodium", "mmol/L", bare, same=("",)).value.amount.value == 121


def test_a_result_in_words_is_no_number():
    assert newest("glucose", "mg/dL", observation(GLUCOSE, valueString="low")) == ABSENT


def test_nothing_is_absent_while_a_page_is_missing():
    assert isinstance(newest("glucose", "mg/dL", gaps={"observations": "further pages"}), Unavailable)
