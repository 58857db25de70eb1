"""What judgements come to, counted by hand; and the same whatever their order."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, strategies as st

from cds_service.errors import ReplayError
from cds_service.replay.judgements import Verdict
from cds_service.replay.numbers import Numbers, counted
from tests.replay.judged import A, B, card, ended, judged

VIEW, SIGN = "patient-view", "order-sign"


def test_cards_answers_and_patients_are_three_numbers():
    counts = counted([judged("p1", card(A), card(B)), judged("p1", card(A), day="2026-06-16"), judged("p2")]).counts
    assert counts["cards", VIEW, "warning"] == 3
    assert counts["with", VIEW, "warning"] == 2
    assert counts["hook patients with", VIEW, "warning"] == 1
    assert (counts["answered", VIEW], counts["hook patients", VIEW], counts["patients",]) == (3, 2, 2)


def test_a_critical_card_counts_among_the_answers_with_a_warning_or_graver():
    counts = counted([judged("p1", card(A, "critical"))]).counts
    assert [counts["with", VIEW, one] for one in ("info", "warning", "critical")] == [1, 1, 1]
    assert [counts["cards", VIEW, one] for one in ("info", "warning", "critical")] == [0, 0, 1]


def test_a_card_counts_for_every_rule_that_it_tells_of_and_leads_for_one():
    counts = counted([judged("p1", card(A, "warning", also=(B,)))]).counts
    assert (counts["rule cards", VIEW, A, "warning"], counts["rule cards", VIEW, B, "warning"]) == (1, 1)
    assert (counts["rule leads", VIEW, A], counts["rule leads", VIEW, B]) == (1, 0)
    assert counts["combination", VIEW, f"{A} + {B}"] == 1


def test_what_was_refused_or_stood_before_a_gate_is_not_answered():
    numbers = counted([judged("p1", refused=412), judged("p2", gate="dead"), judged("p3")])
    counts = numbers.counts
    assert (counts["asked", VIEW], counts["answered", VIEW]) == (3, 1)
    assert (counts["refused", VIEW, "412"], counts["gated", VIEW, "dead"]) == (1, 1)
    assert counts["hook patients", VIEW] == 1


def test_each_verdict_ends_somewhere_and_an_undetermined_one_lacks_each_of_its_data():
    lacking = Verdict("undetermined", "met", "conditions: not sent; observations: 403")
    outcomes = {A: (Verdict("not_met", "adult"),), B: (lacking,)}
    of_orders = {"MedicationRequest/9": {A: ended("found", "dementia")}}
    counts = counted([judged("p1", outcomes=outcomes, of_orders=of_orders)]).counts
    assert counts["rule asked", VIEW, A] == counts["rule asked", VIEW, B] == 1
    assert counts["ended", VIEW, A, "not_met", "adult"] == counts["ended", VIEW, A, "found", "dementia"] == 1
    assert counts["lacking", VIEW, B, "met", "conditions: not sent"] == 1
    assert counts["lacking", VIEW, B, "met", "observations: 403"] == 1


def test_a_patient_counts_in_the_age_of_the_last_day():
    counts = counted([judged("p1", card(A), age="65-74"), judged("p1", day="2027-06-15", age="75-84")]).counts
    assert counts["group", "75-84", "female"] == 1
    assert counts["group with", "75-84", "female", "info"] == 1
    assert ("group", "65-74", "female") not in counts


def test_unreadable_elements_are_counted_each_and_their_patients_once():
    kind = "conditions: Condition.code"
    counts = counted([judged("p1", unreadable={kind: 2}), judged("p1", event="Encounter/2", unreadable={kind: 3})])
    assert counts.counts["unreadable", kind] == 5
    assert counts.counts["unreadable patients", kind] == 1


def test_a_patient_who_comes_twice_is_a_fault_and_not_counted_twice():
    with pytest.raises(ReplayError, match="not in the order of patients"):
        counted([judged("p1"), judged("p2"), judged("p1")])


def test_a_sample_is_drawn_by_the_seed_and_not_by_who_comes_first():
    everyone = [judged(f"p{number:03}", card(A)) for number in range(100)]
    drawn = [[one.patient for one in counted(everyone, 5, seed).samples] for seed in (0, 1)]
    assert [len(set(one)) for one in drawn] == [5, 5]
    assert drawn[0] != drawn[1]
    assert drawn[0] != [one.patient for one in everyone[:5]]


def test_a_sampled_card_is_the_patients_first_of_that_rule():
    sampled = counted(
        [judged("p1", card(A, "info", "MedicationRequest/9")), judged("p1", card(A), day="2027-01-01")], 5
    )
    assert [(one.day, one.indicator, one.orders) for one in sampled.samples] == [
        ("2026-06-15", "info", ("MedicationRequest/9",))
    ]


def _judgements(patient: str):
    cards = st.lists(st.builds(card, st.sampled_from([A, B]), st.sampled_from(["info", "warning"])), max_size=2)
    return st.builds(
        lambda shown, day, hook, age: judged(
            patient, *shown, day=day, hook=hook, age=age, outcomes={A: ended("found", "x")} if shown else {}
        ),
        cards,
        st.sampled_from(["2026-06-15", "2026-06-16"]),
        st.sampled_from([VIEW, SIGN]),
        st.sampled_from(["65-74", "75-84", None]),
    )


@given(
    st.data(),
    st.lists(st.integers(0, 50), unique=True, min_size=1, max_size=6).flatmap(
        lambda ids: st.tuples(*(st.lists(_judgements(f"p{one}"), min_size=1, max_size=4) for one in ids))
    ),
)
def test_the_order_of_patients_and_of_what_was_judged_of_them_changes_nothing(data, everyone):
    everyone = [[msgspec.structs.replace(one, event=str(n)) for n, one in enumerate(each)] for each in everyone]
    straight, shuffled = Numbers(2), Numbers(2)
    for judgements in everyone:
        straight.add(judgements)
    for judgements in data.draw(st.permutations(everyone)):
        shuffled.add(data.draw(st.permutations(judgements)))
    assert straight.counts == shuffled.counts
    assert straight.samples == shuffled.samples
