"""Two rates compared, against what is known of the distributions."""

import math
import random

import pytest

from cds_service.record.rates import Rate, chance_above, chance_of_fewer, chance_of_more, spread, total


def exact(low: int, high: int, trials: int, share: float) -> float:
    return sum(math.comb(trials, n) * share**n * (1 - share) ** (trials - n) for n in range(low, high + 1))


@pytest.mark.parametrize("events", [0, 1, 7])
def test_the_chance_of_fewer_is_the_lower_tail_of_the_binomial(events):
    found = chance_of_fewer(Rate(events, 100), Rate(60, 400))
    assert found == pytest.approx(exact(0, events, events + 60, 0.2))


@pytest.mark.parametrize("events", [30, 80])
def test_the_chance_of_more_is_the_upper_tail_of_the_binomial(events):
    found = chance_of_more(Rate(events, 100), Rate(60, 400))
    assert found == pytest.approx(exact(events, events + 60, events + 60, 0.2))


def test_what_goes_the_other_way_proves_nothing():
    assert chance_of_fewer(Rate(40, 100), Rate(60, 400)) == 1
    assert chance_of_more(Rate(1, 100), Rate(60, 400)) == 1


def test_counts_of_a_large_site_are_no_trouble():
    assert chance_of_fewer(Rate(0, 700_000), Rate(5_600_000, 5_600_000)) == pytest.approx(0, abs=1e-300)
    assert chance_of_fewer(Rate(700_000, 700_000), Rate(5_600_000, 5_600_000)) == 1


def test_a_few_events_before_prove_nothing():
    assert chance_of_fewer(Rate(0, 100), Rate(3, 800)) > 0.5


def test_events_in_clusters_count_for_fewer():
    recent, before = Rate(0, 100), Rate(80, 800)
    assert chance_of_fewer(recent, before, 4.0) == pytest.approx(chance_of_fewer(Rate(0, 100), Rate(20, 800)))
    assert chance_of_more(Rate(90, 100), before, 4.0) > chance_of_more(Rate(90, 100), before)


def test_days_by_chance_alone_are_no_wider_than_chance():
    source = random.Random(1)
    days = [Rate(sum(source.random() < 0.02 for _ in range(200)), 200) for _ in range(200)]
    assert spread(days) == pytest.approx(1, abs=0.3)


def test_findings_that_come_four_at_a_time_spread_four_times_as_wide():
    source = random.Random(1)
    days = [Rate(4 * sum(source.random() < 0.02 for _ in range(200)), 800) for _ in range(200)]
    assert spread(days) == pytest.approx(4, abs=1)


def test_days_without_calls_or_findings_spread_nothing():
    assert spread([Rate(0, 0), Rate(0, 50), Rate(0, 60)]) == 1
    assert spread([]) == 1
    assert total([]).share == 0


@pytest.mark.parametrize("events", [3, 20])
def test_the_chance_of_as_many_under_a_ceiling_is_the_upper_tail_of_the_binomial(events):
    assert chance_above(Rate(events, 100), 0.02) == pytest.approx(exact(events, 100, 100, 0.02))


def test_what_stays_below_a_ceiling_proves_nothing_against_it():
    assert chance_above(Rate(1, 100), 0.02) == 1
    assert chance_above(Rate(100, 100), 1.0) == 1


def test_under_a_ceiling_of_none_one_event_is_no_chance():
    assert (chance_above(Rate(0, 100), 0.0), chance_above(Rate(1, 100), 0.0, 9.0)) == (1, 0)


def test_events_in_clusters_count_for_fewer_against_a_ceiling_too():
    assert chance_above(Rate(20, 400), 0.02, 4.0) == pytest.approx(exact(5, 100, 100, 0.02))
