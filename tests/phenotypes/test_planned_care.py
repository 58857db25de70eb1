"""Orders and referrals on record, as far as they still count."""

import pytest

from cds_service.facts.knowledge import ABSENT, Unavailable
from cds_service.phenotypes.planned_care import open_or_recent, recent
from tests.charts import facts, named, resource


def referral(day, status="completed"):
    code = named("Referral to sleep medicine")
    return resource("ServiceRequest", status=status, intent="order", code=code, authoredOn=day)


def known(look, *chart):
    return look(facts(*chart), 12, "referral-sleep-medicine").known


@pytest.mark.parametrize(("day", "counts"), [("2025-06-15", True), ("2025-06-14", False), (None, True)])
def test_a_referral_counts_for_its_months_or_without_a_date(day, counts):
    assert known(recent, referral(day)) is counts
    assert known(open_or_recent, referral(day)) is counts


def test_an_open_referral_counts_from_any_day_only_where_open_ones_are_asked_for():
    assert known(open_or_recent, referral("2020-01-01", "active"))
    assert not known(recent, referral("2020-01-01", "active"))


@pytest.mark.parametrize("look", [recent, open_or_recent])
def test_another_referral_is_none_and_a_missing_list_is_not_none(look):
    other = resource("ServiceRequest", status="active", intent="order", code=named("Referral to neurology"))
    assert look(facts(other), 12, "referral-sleep-medicine") == ABSENT
    gone = facts(gaps={"serviceRequests": "not sent"})
    assert look(gone, 12, "referral-sleep-medicine") == Unavailable("serviceRequests: not sent")
