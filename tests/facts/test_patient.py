"""What is asked of a patient's facts beside their collections."""

import pytest

from cds_service.errors import UndeclaredFact
from cds_service.facts.knowledge import ABSENT, Unavailable
from cds_service.fhir.dates import interval
from tests.case_runs import ruleset
from tests.charts import condition, facts


@pytest.mark.parametrize(
    ("day", "months", "days"),
    [
        ("2026-06-15", True, True),
        ("2026-05-15", True, False),
        ("2026-05-14", False, False),
        ("2026-05", True, True),
        ("2026-06-16", False, False),
    ],
)
def test_a_day_lies_in_the_window_before_today_if_it_may(day, months, days):
    assert facts().within_months(interval(day), 1) is months
    assert facts().within_days(interval(day), 15) is days


def test_what_has_no_day_lies_in_no_window():
    assert not facts().within_months(None, 1200)
    assert not facts().within_days(None, 36500)


def test_what_was_not_read_is_told_by_collection_whatever_was_found():
    assert facts(condition()).unread("conditions") is ABSENT
    missing = facts(condition(), gaps={"conditions": "more pages"})
    assert missing.unread("conditions") == Unavailable("conditions: more pages")


def test_a_collection_that_was_not_declared_is_refused():
    with pytest.raises(UndeclaredFact):
        facts().unread("surprises")


@pytest.mark.parametrize(("verification", "label"), [("confirmed", "dementia"), ("provisional", "possible dementia")])
def test_our_own_name_of_a_diagnosis_says_that_it_is_only_possible(verification, label):
    listed = facts(condition(verification=verification)).conditions("alzheimer-disease").first()
    assert ruleset().content.wording.show(listed.value.called("dementia")) == label
