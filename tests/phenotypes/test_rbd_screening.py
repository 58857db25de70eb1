"""What is still to be asked, how new a complaint is, and since when RBD is suspected (RBD-02, BEN-01, REF-01)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.rbd import Level, complaint, suspected_since, suspicion, unanswered
from tests.case_runs import ruleset
from tests.charts import OURS, all_no, answers, coded, condition, facts, named, observation, patient

OLD = patient("1951-03-02")


def open_questions(*chart, **how):
    found = unanswered(facts(OLD, *chart, **how))
    return set(found.value) if isinstance(found, Known) else found


def complained(*chart):
    found = complaint(facts(OLD, *chart))
    return found.value.words if isinstance(found, Known) else found


def since(*chart):
    seen = facts(OLD, *chart)
    found = suspected_since(seen, suspicion(seen).value)
    return ruleset().content.wording.show(found) if found else None


def test_with_nothing_asked_all_four_questions_are_open():
    assert open_questions() == {"complex-movements", "vocalizations", "dream-enactment", "injury"}


def test_with_each_answered_none_is_open():
    assert open_questions(all_no()) == ABSENT


@pytest.mark.parametrize(("day", "left"), [("2025-06-15", ABSENT), ("2025-06-14", {"injury"})])
def test_a_no_holds_12_months(day, left):
    yes = answers(complex_movements=True, vocalizations=True, dream_enactment=True)
    assert open_questions(yes, answers(day, injury=False)) == left


def test_the_problem_list_answers_a_question_too():
    assert "complex-movements" not in open_questions(condition(named("Punching in sleep")))


def test_without_the_answers_nothing_is_called_open():
    assert isinstance(open_questions(gaps={"questionnaireResponses": "not sent"}), Unavailable)


def test_all_answers_known_need_no_second_source():
    assert open_questions(all_no(), gaps={"observations": "not sent"}) == ABSENT


@pytest.mark.parametrize(("day", "new"), [("2026-03-17", True), ("2026-03-16", False), (None, False)])
def test_a_complaint_is_new_for_90_days(day, new):
    assert (complained(condition(named("Twitching in sleep"), recordedDate=day)) != ABSENT) is new


def test_the_newest_record_of_a_complaint_counts():
    twice = [condition(named("Twitching in sleep"), recordedDate=day) for day in ("2019-02-01", "2026-06-01")]
    assert complained(*twice) == "Twitching in sleep"


def test_the_newest_of_several_complaints_is_named():
    older = condition(named("Twitching in sleep"), recordedDate="2026-04-01")
    assert complained(older, condition(named("Movements in sleep"), recordedDate="2026-05-01")) == "Movements in sleep"


@pytest.mark.parametrize("words", ["Rapid eye movements in sleep", "Snoring", "Restless legs"])
def test_other_words_about_sleep_are_no_such_complaint(words):
    assert complained(condition(named(words), recordedDate="2026-06-01")) == ABSENT


def test_suspected_since_the_first_of_the_agreeing_answers():
    told = [answers(day, complex_movements=True) for day in ("2025-11-10", "2026-03-01", "2026-06-01")]
    assert since(*told) == "10 Nov 2025"


def test_an_answer_taken_back_in_between_starts_anew():
    told = [answers(day, complex_movements=day != "2026-03-01") for day in ("2025-11-10", "2026-03-01", "2026-06-01")]
    assert since(*told) == "1 Jun 2026"


def test_suspected_since_a_questionnaire():
    assert since(observation(coded(OURS, "rbdsq-total"), "2026-02-03", 8)) == "3 Feb 2026"


def test_brief_jerks_may_be_known_from_the_problem_list():
    asked = all_no()
    asked["item"] = [item for item in asked["item"] if item["linkId"] != "brief-jerks"]
    chart = (OLD, condition(named("Neck twitching in sleep")), asked)
    assert suspicion(facts(*chart)).value.level is Level.BENIGN


def test_the_single_question_screen_as_an_observation_asks_about_dream_enactment():
    asked = observation(named("RBD1Q"), "2026-06-01", True)
    assert suspicion(facts(OLD, asked)).value.says("dream-enactment")
