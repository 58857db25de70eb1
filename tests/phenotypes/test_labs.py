"""The newest laboratory result of a window, in the unit of its limit."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.fhir.dates import within_days
from cds_service.phenotypes import labs
from tests.charts import LOINC, TODAY, coded, facts, observation

GLUCOSE, SODIUM = coded(LOINC, "2345-7"), coded(LOINC, "2951-2")
FALLS = coded(LOINC, "52552-7")


def newest(name, unit, *chart, same=(), **how):
    return labs.newest(facts(*chart, **how), name, unit, lambda when: within_days(when, 30, TODAY), same=same)


def glucose(value=50, unit="mg/dL", day="2026-06-01", **members):
    return observation(GLUCOSE, day, value, unit, **members)


def test_the_newest_of_the_window_counts():
    found = newest("glucose", "mg/dL", glucose(50, day="2026-06-01"), glucose(90, day="2026-06-02"))
    assert found.value.amount.value == 90


def test_a_result_before_the_window_does_not_count():
    assert newest("glucose", "mg/dL", glucose(day="2026-05-15")) == ABSENT


def test_a_result_without_a_day_is_told_where_there_is_no_other():
    found = newest("glucose", "mg/dL", glucose(day="2026-05-15"), glucose(day=None))
    assert found == Unavailable("observations: glucose without a date")
    assert newest("glucose", "mg/dL", glucose(60), glucose(day=None)).value.amount.value == 60


def test_moles_become_the_mass_of_the_limit():
    assert newest("glucose", "mg/dL", glucose(3, "mmol/L")).value.amount.value == 54.048


def test_an_unlike_unit_is_refused_and_no_older_result_stands_in():
    found = newest("glucose", "mg/dL", glucose(50, "%"), glucose(90, day="2026-05-20"))
    assert found == Unavailable("observations: glucose in a unit that cannot be compared")


def test_a_bare_number_is_refused_unless_it_can_be_only_one_thing():
    assert isinstance(newest("glucose", "mg/dL", glucose(5, None)), Unavailable)
    bare = observation(SODIUM, "2026-06-01", 121)
    assert newest("sodium", "mmol/L", bare, same=("",)).value.amount.value == 121


def test_a_result_in_words_is_unavailable_and_no_older_result_stands_in():
    found = newest("glucose", "mg/dL", observation(GLUCOSE, valueString="low"), glucose(90, day="2026-05-20"))
    assert found == Unavailable("observations: glucose with a value that cannot be read")
    assert newest("glucose", "mg/dL", observation(GLUCOSE, "2026-05-15", valueString="low")) == ABSENT


@pytest.mark.parametrize(
    ("newer", "found"),
    [
        ({"value": True}, True),
        ({"value": 2}, None),
        ({"valueString": "twice"}, None),
        ({"value": coded(LOINC, "LA17-9", "Not applicable")}, False),
    ],
)
def test_a_yes_or_no_is_the_newest_that_can_be_read_unless_a_newer_one_cannot(newer, found):
    told = labs.answered(facts(observation(FALLS, "2026-05-01", False), observation(FALLS, **newer)), "falls-past-year")
    assert (told.value.answer if isinstance(told, Known) else None) is found
    assert isinstance(told, Known if found is not None else Unavailable)


def test_a_yes_without_a_day_is_told_and_does_not_count():
    found = labs.answered(facts(observation(FALLS, None, True)), "falls-past-year")
    assert found == Unavailable("observations: falls-past-year without a date")


def test_nothing_is_absent_while_a_page_is_missing():
    assert isinstance(newest("glucose", "mg/dL", gaps={"observations": "further pages"}), Unavailable)
