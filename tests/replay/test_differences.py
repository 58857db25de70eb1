"""Two replays held against each other: who gains, loses or changes a card, and why."""

from __future__ import annotations

import msgspec
import pytest

from cds_service.errors import ReplayError
from cds_service.replay.difference_tables import headline, lines_of, tables_of
from cds_service.replay.differences import Change, Changed, Differences, compared
from cds_service.replay.results import Results
from tests.replay.judged import A, B, card, ended, judged, run, written

VIEW, SIGN = "patient-view", "order-sign"


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
    ],
)
def test_a_card_that_stays_and_is_another_changes(differences, was, now, reason):
    found = differences([judged("p1", was)], [judged("p1", now)])
    assert {change.kind for change in found.by_change if change.rule == A} == {"changes"}
    assert {change.reason for change in found.by_change if change.rule == A} == {reason}


def of_orders(*found, lost=(), told=()):
    """One signing: cards of a rule about the orders in which it found something, and what it came to of others."""
    cards = [card(A, "warning", *found, also=told)] if found else []
    outcomes = {order: {A: ended("found", "dementia")} for order in found}
    outcomes |= {order: {A: ended("not_met", "not-a-taper")} for order in lost}
    return judged("p1", *cards, hook=SIGN, service="rbd-patient-view", of_orders=outcomes)


def test_an_order_of_which_the_rule_became_not_met_loses_the_card_and_the_others_keep_it(differences):
    found = differences([of_orders("MR/1", "MR/2", "MR/3")], [of_orders("MR/2", lost=("MR/1", "MR/3"))])
    change = Change("loses", SIGN, A, "found: dementia -> not met: not-a-taper")
    assert only(found) == (change, 1)
    assert (found.orders[change], found.cards[change]) == (2, 1)
    assert found.sampled[change][0].orders == ("MR/1", "MR/3")


def test_a_card_about_another_order_is_lost_by_the_one_and_gained_by_the_other(differences):
    found = differences([of_orders("MR/1", lost=("MR/2",))], [of_orders("MR/2", lost=("MR/1",))])
    told = {change.kind: (change.reason, found.sampled[change][0].orders) for change in found.changes}
    assert told == {
        "gains": ("not met: not-a-taper -> found: dementia", ("MR/2",)),
        "loses": ("found: dementia -> not met: not-a-taper", ("MR/1",)),
    }
    assert (dict(found.of_kind), dict(found.orders_of_kind)) == (
        {"gains": 1, "loses": 1, "": 1},
        {"gains": 1, "loses": 1},
    )


def test_an_order_counts_once_however_often_its_card_is_another(differences):
    def seen(indicator):
        outcomes = {"MR/1": {A: ended("found", "x")}}
        return [judged("p1", card(A, indicator, "MR/1"), event=f"E/{n}", of_orders=outcomes) for n in range(3)]

    found = differences(seen("info"), seen("warning"))
    change, patients = only(found)
    assert (patients, found.orders[change], found.cards[change]) == (1, 1, 3)


def test_of_a_card_of_two_rules_each_rule_tells_its_own_orders(differences):
    outcomes = {"MR/1": {A: ended("found", "x")}, "MR/2": {B: ended("found", "y")}}
    now = judged("p1", card(A, "warning", "MR/1", "MR/2", also=(B,)), of_orders=outcomes)
    found = differences([judged("p1", of_orders={"MR/1": {A: ended("not_met", "adult")}})], [now])
    assert {(change.rule, change.reason, found.sampled[change][0].orders) for change in found.changes} == {
        (A, "not met: adult -> found: x", ("MR/1",)),
        (B, "no verdict -> found: y", ("MR/2",)),
    }


def test_where_the_rule_did_not_start_at_all_the_order_says_so(differences):
    was = judged("p1", hook=SIGN, outcomes={A: ended("not_started")})
    assert only(differences([was], [of_orders("MR/1")]))[0].reason == "not started -> found: dementia"


def test_an_order_that_is_muted_says_so_and_another_of_the_same_rule_what_stopped_it(differences):
    was = of_orders("MR/1", lost=("MR/2",))
    was = msgspec.structs.replace(was, cards=(), muted=(A,))
    found = differences([was], [of_orders("MR/1", "MR/2")])
    assert {change.reason for change in found.changes} == {
        "muted -> found: dementia",
        "not met: not-a-taper -> found: dementia",
    }


def test_what_was_not_checked_tells_which_rules_it_is(differences):
    blind = {"MR/1": {A: ended("undetermined", "decline", "conditions: not sent")}}
    now = judged("p1", card("not-checked", "info"), of_orders=blind)
    found = differences([judged("p1", of_orders={"MR/1": {A: ended("not_met", "decline")}})], [now])
    assert only(found)[0] == Change("gains", VIEW, "not-checked", f"no verdict -> undetermined: {A}")


@pytest.mark.parametrize(
    ("patients", "gains", "loses", "said"),
    [
        (0, 0, 0, "No patient was judged."),
        (1, 0, 0, "No card changes for 1 patient."),
        (9, 0, 0, "No card changes for 9 patients."),
        (9, 1, 0, "1 of 9 patients changes: 1 gains a card."),
        (9, 0, 2, "2 of 9 patients change: 2 lose a card."),
        (1204, 1, 1200, "1,201 of 1,204 patients change: 1 gains a card, 1,200 lose a card."),
    ],
)
def test_the_headline_reads_right_for_none_one_and_many(patients, gains, loses, said):
    found = Differences()
    for number in range(patients):
        kind = "gains" if number < gains else "loses" if number < gains + loses else None
        found.add(str(number), [(Change(kind, VIEW, A, "why"), Changed("", str(number), "", "", ()))] if kind else [])
    assert headline(found) == said


def test_the_headline_tells_of_orders_where_cards_are_about_them(differences):
    found = differences([of_orders("MR/1", "MR/2")], [of_orders("MR/2", "MR/3", lost=("MR/1",))])
    assert headline(found) == (
        "1 of 1 patient changes: 1 gains a card, 1 loses a card. Of orders, 1 gains a card, 1 loses a card."
    )
    assert [row[-3:] for row in tables_of(found)[1].rows] == [(1, 1, 1), (1, 1, 1)]
    assert "gains clonazepam-dementia at order-sign: 1 patient, 1 order, 1 card:" in "\n".join(lines_of(found))


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
    of_order = {"MedicationRequest/9": {A: ended("found", "x")}}
    now = [
        msgspec.structs.replace(one, cards=(card(A, "info", "MedicationRequest/9"),), of_orders=of_order)
        for one in seen
    ]
    found = differences(seen, now, sample=4)
    sampled = found.sampled[only(found)[0]]
    assert len({one.patient for one in sampled}) == 4
    assert {(one.day, one.event, one.orders) for one in sampled} == {
        ("2026-06-15", "Encounter/12", ("MedicationRequest/9",))
    }


def test_results_of_another_question_are_not_compared(differences):
    with pytest.raises(ReplayError, match="not replayed alike: as-of: 2026-06-15 and 2026-06-16"):
        differences([], [], run(as_of="2026-06-15"), run(as_of="2026-06-16"))
