"""A masked count cannot be told: neither from the table nor from its total."""

from __future__ import annotations

from collections import Counter
from itertools import product

from hypothesis import given, strategies as st

from cds_service.cli.replay_report import LEAST_MASK
from cds_service.replay.masking import Mask

SEEDS = st.dictionaries(st.tuples(st.text(max_size=3)), st.integers(0, 99), min_size=1)


@given(SEEDS, st.integers(LEAST_MASK, 30), st.integers(0, 500))
def test_a_masked_count_is_a_multiple_next_to_the_true_one(seed, below, count):
    told = Mask(below, Counter(seed))(count, "cards")
    assert told % below == 0
    assert abs(told - count) < below


@given(SEEDS, st.integers(0, 500))
def test_without_a_mask_every_count_is_told_as_it_is(seed, count):
    assert Mask(None, Counter(seed))(count, "cards") == count


@given(SEEDS, st.integers(LEAST_MASK, 12), st.lists(st.integers(0, 40), min_size=2, max_size=3))
def test_no_part_follows_from_the_other_parts_and_the_total(seed, below, parts):
    mask = Mask(below, Counter(seed))
    told = [mask(part, "part", str(number)) for number, part in enumerate(parts)]
    total = mask(sum(parts), "total")
    could = [range(max(0, one - below + 1), one + below) for one in told]
    fitting = [one for one in product(*could) if abs(sum(one) - total) < below]
    for number, part in enumerate(parts):
        if 0 < part < below:
            assert len({one[number] for one in fitting}) > 1


def test_the_mean_of_masked_counts_is_that_of_the_true_ones():
    mask = Mask(10, Counter({("a",): 1}))
    told = [mask(3, "cards", str(place)) for place in range(2000)]
    assert set(told) == {0, 10}
    assert 2.6 < sum(told) / len(told) < 3.4


def test_the_same_results_are_masked_alike_and_others_are_not():
    def told(counts):
        mask = Mask(10, Counter(counts))
        return [mask(5, str(place)) for place in range(50)]

    assert told({("a",): 1, ("b",): 2}) == told({("b",): 2, ("a",): 1})
    assert told({("a",): 1}) != told({("a",): 2})
