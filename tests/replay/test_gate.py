"""A replay held against its budget: loud, quiet, and where that cannot be told."""

from __future__ import annotations

import pytest

from cds_service.content.budget import Budget, Ceilings
from cds_service.errors import ReplayError
from cds_service.replay.gate import held, read_budget
from cds_service.replay.numbers import counted
from tests.replay.judged import card, judged

BUDGET = Budget(patient_view=Ceilings(info=0.02, critical=0.0))


def verdicts(cards: int, answers: int, replayed: tuple[str, ...] = ("patient-view",), budget: Budget = BUDGET):
    judgements = [judged(f"p{n:04}", *([card()] if n < cards else [])) for n in range(answers)]
    return {one.indicator: one.verdict for one in held(counted(judgements), budget, replayed)}


@pytest.mark.parametrize(
    ("cards", "answers", "verdict"),
    [
        (4, 200, "kept"),
        (5, 200, "exceeded"),
        (1, 100, "too few to tell"),
        (3, 100, "exceeded"),
        (0, 0, "nothing judged"),
    ],
)
def test_a_ceiling_is_kept_or_passed_or_too_little_was_seen(cards, answers, verdict):
    assert verdicts(cards, answers)["info"] == verdict


def test_a_ceiling_of_none_is_kept_by_none():
    assert verdicts(1, 10)["critical"] == "kept"


def test_a_hook_that_was_not_replayed_is_told_and_stops_nothing():
    assert verdicts(5, 100, ()) == {"info": "not replayed", "critical": "not replayed"}


def test_what_is_exceeded_and_what_was_not_judged_stops():
    assert [one.stops for one in held(counted([]), BUDGET, ["patient-view"])] == [True, True]


def test_a_file_of_ceilings_has_those_and_no_others(tmp_path):
    (tmp_path / "budget.toml").write_text("[order-sign]\nwarning = 0.01\n")
    found = read_budget(tmp_path / "budget.toml")
    assert found == Budget(order_sign=Ceilings(warning=0.01))


@pytest.mark.parametrize(
    "text",
    ["[order-sign", "[order-sign]\nwarning = 3\n", "[order-sign]\ncritical=1\ninfo=0.1\n", "", "[order-sign]\n"],
)
def test_a_file_that_is_no_budget_is_told_by_name(tmp_path, text):
    (tmp_path / "budget.toml").write_text(text)
    with pytest.raises(ReplayError, match=r"budget\.toml"):
        read_budget(tmp_path / "budget.toml")
