"""A pregnancy now: dated, without an end, and not an old code."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.pregnancy import pregnancy
from tests.case_runs import ruleset
from tests.charts import LOINC, SNOMED, coded, condition, facts, observation

WORDING = ruleset().content.wording
PREGNANT = coded(SNOMED, "77386006", "Pregnancy")
STATUS = coded(LOINC, "82810-3")


def seen(*chart, **how):
    return pregnancy(facts(*chart, **how))


def listed(day="2026-02-20", **members):
    return condition(PREGNANT, onsetDateTime=day, **members)


@pytest.mark.parametrize(("day", "found"), [("2025-08-25", True), ("2025-08-24", False), ("2025", True), (None, False)])
def test_it_is_dated_within_42_weeks(day, found):
    assert isinstance(seen(listed(day)), Known) is found


def test_without_an_onset_the_day_of_the_record_counts():
    assert isinstance(seen(listed(None, recordedDate="2026-03-01")), Known)


def test_one_that_has_an_end_is_over():
    assert seen(listed(abatementDateTime="2026-05-01")) == ABSENT


def test_an_unconfirmed_one_is_possible_and_a_confirmed_one_goes_before_it():
    assert seen(listed(verification="unconfirmed")).value.possible
    assert not seen(listed(verification="unconfirmed"), listed("2026-03-01", verification="confirmed")).value.possible


def test_the_newest_status_is_read():
    said = observation(STATUS, "2026-05-14", PREGNANT)
    assert WORDING.show(seen(said).value.words) == "pregnancy status: pregnant"
    denied = observation(STATUS, "2026-05-20", coded(SNOMED, "60001007", "Not pregnant"))
    assert seen(said, denied) == ABSENT


@pytest.mark.parametrize("given", [{"valueString": "see chart"}, {"value": PREGNANT, "effectiveDateTime": None}])
def test_a_status_without_a_day_or_in_strange_words_is_told(given):
    assert isinstance(seen(observation(STATUS, **given)), Unavailable)


def test_it_is_not_absent_while_results_are_missing():
    assert isinstance(seen(gaps={"observations": "not sent"}), Unavailable)
