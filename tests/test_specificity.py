"""A thousand ordinary adults: the service has next to nothing to say (clinical specification 4.4)."""

from collections import Counter

import pytest

from cds_service.content.load import load
from cds_service.content.places import shipped_cards
from cds_service.facts.queries import TEMPLATES
from tests.calling import as_bytes, rules_of, serving
from tests.population import population

SIZE = 1000
BUDGET = load(shipped_cards()).budget


@pytest.fixture(scope="module")
def charts():
    return population(SIZE)


@pytest.fixture(scope="module")
def call():
    with serving() as called:
        yield called


@pytest.fixture(scope="module")
def opened(call, charts):
    """The cards of every chart when it is opened."""
    return [call("patient-view", as_bytes(chart.request("patient-view", list(TEMPLATES)))).cards for chart in charts]


@pytest.fixture(scope="module")
def signed(call, charts):
    """The cards of an ordinary order for everybody."""
    requests = (chart.request("order-sign", list(TEMPLATES), chart.ordinary_draft()) for chart in charts)
    return [call("order-sign", as_bytes(request)).cards for request in requests]


def is_stale(order):
    """Whether a list still holds it as active though nobody renewed it in two years."""
    return order["status"] == "active" and order["authoredOn"] < "2024-06-15"


def told(answers):
    """Which rules spoke, for the message of a failure."""
    return Counter((card["indicator"], *rules_of(card)) for cards in answers for card in cards)


def share(answers, *indicators):
    return sum(any(card["indicator"] in indicators for card in cards) for cards in answers) / len(answers)


def test_the_charts_are_ordinary_and_not_empty(charts):
    assert sum(len(chart.held["conditions"]) for chart in charts) > 3 * SIZE
    assert sum(len(chart.held["medicationRequests"]) for chart in charts) > SIZE
    assert sum(chart.age >= 65 for chart in charts) > 0.2 * SIZE
    assert sum(any(map(is_stale, chart.held["medicationRequests"])) for chart in charts) > 0.4 * SIZE


def test_the_budget_is_one_card_in_fifty_one_warning_in_two_hundred_and_next_to_nothing_critical():
    assert BUDGET.patient_view.by_indicator == {"info": 0.02, "warning": 0.005, "critical": 0.0}
    assert BUDGET.order_sign.by_indicator == {"info": 0.02, "critical": 0.0001}


def test_opening_a_chart_shows_a_card_to_one_in_fifty_at_most(opened):
    assert share(opened, "info", "warning", "critical") <= BUDGET.patient_view.info, told(opened)


def test_opening_a_chart_shows_a_warning_to_one_in_two_hundred_at_most(opened):
    assert share(opened, "warning", "critical") <= BUDGET.patient_view.warning, told(opened)


def test_opening_a_chart_is_never_critical(opened):
    assert share(opened, "critical") == BUDGET.patient_view.critical == 0, told(opened)


def test_an_ordinary_order_is_never_critical(signed):
    # Of a thousand, one would be more than the budget's one in ten thousand.
    assert share(signed, "critical") <= BUDGET.order_sign.critical, told(signed)


def test_an_ordinary_order_seldom_has_a_card(signed):
    assert share(signed, "info", "warning", "critical") <= BUDGET.order_sign.info, told(signed)


def test_the_same_seed_makes_the_same_people():
    assert [c.held for c in population(20)] == [c.held for c in population(20)]
