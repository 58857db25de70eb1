"""Dream enactment that goes on: on treatment, or as injury after injury (REF-01 b, d)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.persistence import injured_again, on_treatment
from tests.charts import (
    CLONAZEPAM,
    OURS,
    RBD,
    RXNORM,
    answers,
    coded,
    condition,
    dosage,
    facts,
    named,
    patient,
    request,
    resource,
)

OLD = patient("1951-03-02")
MELATONIN = coded(RXNORM, "199163", "melatonin 3 MG Oral Tablet")
INJURED = answers("2026-06-01", injury=True)


def melatonin(mg, since="2026-01-05", **members):
    return request(MELATONIN, authoredOn=since, dosageInstruction=[dosage(mg)], **members)


def clonazepam(since):
    return request(CLONAZEPAM, authoredOn=since)


def unhelped(*chart, **how):
    found = on_treatment(facts(OLD, *chart, **how), 8, 9)
    return (found.value.drug.ingredient, found.value.sign) if isinstance(found, Known) else found


def plan(day="2025-12-10"):
    held = {"category": [coded(OURS, "bedroom-safety")], "status": "active", "intent": "plan"}
    return resource("CarePlan", created=day, **held)


def again(*chart, **how):
    return injured_again(facts(OLD, *chart, **how), 12)


@pytest.mark.parametrize(("mg", "found"), [(9, ("melatonin", "injury")), (8, ABSENT)])
def test_melatonin_counts_from_its_dose(mg, found):
    assert unhelped(condition(RBD), melatonin(mg), INJURED) == found


def test_melatonin_of_unknown_dose_is_not_known_to_be_enough():
    assert unhelped(condition(RBD), request(MELATONIN, authoredOn="2026-01-05"), INJURED) == ABSENT


def test_a_raised_dose_counts_from_its_day():
    raised = melatonin(9, "2026-05-01")
    assert unhelped(condition(RBD), melatonin(3, "2026-01-05", status="stopped"), raised, INJURED) == ABSENT


@pytest.mark.parametrize(("start", "found"), [("2026-04-06", True), ("2026-04-07", False), ("2026-04", False)])
def test_the_sign_is_told_after_8_weeks_surely(start, found):
    assert (unhelped(condition(RBD), clonazepam(start), INJURED) != ABSENT) is found


@pytest.mark.parametrize("sign", [True, False])
@pytest.mark.parametrize(
    "drug",
    [
        melatonin(9) | {"dosageInstruction": [{"timing": 17}]},
        melatonin(9, {"odd": 1}),
        melatonin(9, "since spring"),
        clonazepam({"odd": 1}),
    ],
)
def test_a_dose_or_start_that_cannot_be_read_leaves_it_open_where_a_sign_was_told(drug, sign):
    found = unhelped(condition(RBD), drug, answers("2026-06-01", injury=sign, complex_movements=False))
    assert isinstance(found, Unavailable) is sign


def test_a_known_start_that_is_early_enough_does_not_wait_for_an_unreadable_one():
    early, odd = clonazepam("2026-01-05"), clonazepam({"odd": 1})
    assert unhelped(condition(RBD), early, odd, INJURED) == ("clonazepam", "injury")
    late = clonazepam("2026-05-25")
    assert isinstance(unhelped(condition(RBD), late, odd, INJURED), Unavailable)


def test_a_drug_without_start_is_not_known_to_have_been_taken_long_enough():
    assert unhelped(condition(RBD), clonazepam(None), INJURED) == ABSENT


@pytest.mark.parametrize("told", [{"vocalizations": True}, {"dream_enactment": True}, {"injury": False}])
def test_only_complex_movements_and_injury_count(told):
    assert unhelped(condition(RBD), clonazepam("2025-01-10"), answers(**told)) == ABSENT


def test_without_rbd_it_is_another_question():
    assert unhelped(clonazepam("2025-01-10"), INJURED) == ABSENT


@pytest.mark.parametrize(
    ("key", "chart"),
    [
        ("conditions", (clonazepam("2025-01-10"), INJURED)),
        ("medicationRequests", (condition(RBD), INJURED)),
        ("questionnaireResponses", (condition(RBD), clonazepam("2025-01-10"))),
    ],
)
def test_without_the_data_it_cannot_be_told_whether_it_helped(key, chart):
    assert isinstance(unhelped(*chart, gaps={key: "not sent"}), Unavailable)


def test_injured_twice_with_advice_between_them():
    first, last = again(answers("2025-11-10", injury=True), plan(), INJURED).value
    assert (first.first.isoformat(), last.first.isoformat()) == ("2025-11-10", "2026-06-01")


@pytest.mark.parametrize(("day", "counts"), [("2025-06-15", True), ("2025-06-14", False)])
def test_both_injuries_lie_within_12_months(day, counts):
    assert (again(answers(day, injury=True), plan(), INJURED) != ABSENT) is counts


@pytest.mark.parametrize("day", ["2026-06-01", "2026"])
def test_what_may_be_one_day_is_one_injury(day):
    assert again(answers(day, injury=True), plan(), INJURED) == ABSENT


@pytest.mark.parametrize("advice", [(), (plan("2026-06-01"),), (plan("2026-06-10"),)])
def test_advice_that_did_not_come_before_the_last_injury_has_not_failed(advice):
    assert again(answers("2025-11-10", injury=True), *advice, INJURED) == ABSENT


def test_an_injury_on_the_problem_list_counts_with_its_day():
    assert again(condition(named("Injured in sleep"), recordedDate="2026-02-01"), plan(), INJURED) != ABSENT


@pytest.mark.parametrize("key", ["questionnaireResponses", "carePlans"])
def test_without_the_data_it_cannot_be_told(key):
    chart = () if key == "questionnaireResponses" else (answers("2025-11-10", injury=True), INJURED)
    assert isinstance(again(*chart, gaps={key: "not sent"}), Unavailable)
