"""Two replays held against each other: who gains, loses or changes a card, and why."""

from __future__ import annotations

import msgspec
import pytest

from cds_service.errors import ReplayError
from cds_service.replay.differences import Change, compared
from cds_service.replay.results import Results
from tests.replay.judged import A, B, card, ended, judged, run, written

VIEW = "patient-view"


@pytest.fixture
def differences(tmp_path):
    """Compares two lists of judgements."""

    def compare(was, now, before=None, after=None, sample=3):
        folders = [
            written(tmp_path / name, judgements, of) for name, judgements, of in (("a", was, before), ("b", now, after))
        ]
        return compared(*map(Results.of, folders), sample)

    return compare


def only(found):
    """The one change, with how many patients it is of."""
    ((change, patients),) = found.by_change.items()
    return change, patients


def test_the_same_results_have_no_differences(differences):
    seen = [judged("p1", card()), judged("p2")]
    found = differences(seen, seen)
    assert (found.patients, dict(found.by_change), dict(found.of_kind)) == (2, {}, {})


def test_a_card_that_comes_is_gained_and_the_criterion_that_stopped_it_is_told(differences):
    was = judged("p1", outcomes={A: ended("not_met", "cognitive-decline")})
    now = judged("p1", card(A), outcomes={A: ended("found", "dementia")})
    assert only(differences([was], [now])) == (
        Change("gains", VIEW, A, "not met: cognitive-decline -> found: dementia"),
        1,
    )
    assert only(differences([now], [was])) == (
        Change("loses", VIEW, A, "found: dementia -> not met: cognitive-decline"),
        1,
    )


def test_of_several_verdicts_only_those_that_differ_are_told(differences):
    same = (*ended("not_met", "adult"), *ended("not_met", "adult"))
    was = judged("p1", outcomes={A: (*same, *ended("undetermined", "decline", "conditions: not sent"))})
    now = judged("p1", card(A), outcomes={A: (*same, *ended("found", "dementia"))})
    assert only(differences([was], [now]))[0].reason == "undetermined: decline -> found: dementia"


@pytest.mark.parametrize(
    ("of_was", "reason"),
    [
        ({"muted": (A,), "outcomes": {A: ended("found", "x")}}, "muted -> found: x"),
        ({"refused": 412}, "refused with 412 -> found: x"),
        ({"gate": "dead"}, "nothing looked at -> found: x"),
        ({"outcomes": {A: ended("found", "x")}}, "found: x, and shown in one of them only"),
    ],
)
def test_what_kept_a_rule_from_speaking_is_told(differences, of_was, reason):
    now = judged("p1", card(A), outcomes={A: ended("found", "x")})
    assert only(differences([judged("p1", **of_was)], [now]))[0].reason == reason


def test_a_rule_that_was_not_asked_before_says_so(differences):
    now = judged("p1", card(A), outcomes={A: ended("found", "x")})
    found = differences([judged("p1")], [now], before=run(services={"rbd-patient-view": (B,)}))
    assert only(found)[0].reason == "not asked -> found: x"


def test_an_answer_that_only_one_of_them_holds_is_silence_in_the_other(differences):
    now = judged("p2", card(A), outcomes={A: ended("found", "x")})
    found = differences([judged("p1")], [judged("p1"), now])
    assert only(found) == (Change("gains", VIEW, A, "no verdict -> found: x"), 1)
    assert found.patients == 2


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        (card(A, "info"), card(A, "warning"), "info -> warning"),
        (card(A, "info"), card(B, "info", also=(A,)), f"told by {A} -> told by {B}"),
        (card(A, "info", "MedicationRequest/1"), card(A, "info", "MedicationRequest/2"), "it is about other orders"),
    ],
)
def test_a_card_that_stays_and_is_another_changes(differences, was, now, reason):
    found = differences([judged("p1", was)], [judged("p1", now)])
    assert {change.kind for change in found.by_change if change.rule == A} == {"changes"}
    assert {change.reason for change in found.by_change if change.rule == A} == {reason}


def test_other_words_of_the_same_rule_are_a_change(differences):
    was, now = (judged("p1", card(A), outcomes={A: ended("found", name)}) for name in ("dementia", "mci"))
    assert only(differences([was], [now]))[0] == Change("changes", VIEW, A, "dementia -> mci")


def test_patients_and_cards_are_two_numbers_and_a_patient_counts_once_in_each_kind(differences):
    seen = [judged("p1", event=f"Encounter/{n}") for n in range(3)]
    now = [msgspec.structs.replace(one, cards=(card(A),)) for one in seen]
    found = differences(seen, now)
    change, patients = only(found)
    assert (patients, found.cards[change]) == (1, 3)
    assert dict(found.of_kind) == {"gains": 1, "": 1}


def test_the_sample_names_the_first_place_of_a_few_patients(differences):
    seen = [judged(f"p{n:02}", event="Encounter/12") for n in range(20)]
    now = [msgspec.structs.replace(one, cards=(card(A, "info", "MedicationRequest/9"),)) for one in seen]
    found = differences(seen, now, sample=4)
    sampled = found.sampled[only(found)[0]]
    assert len({one.patient for one in sampled}) == 4
    assert {(one.day, one.event, one.orders) for one in sampled} == {
        ("2026-06-15", "Encounter/12", ("MedicationRequest/9",))
    }


def test_results_of_another_question_are_not_compared(differences):
    with pytest.raises(ReplayError, match="not replayed alike: as-of: 2026-06-15 and 2026-06-16"):
        differences([], [], run(as_of="2026-06-15"), run(as_of="2026-06-16"))
