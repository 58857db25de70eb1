"""The part of the screening rule that a site turns on: Parkinson's and related diseases (RBD-02 d)."""

import msgspec
import pytest

from cds_service.hooks.hooks import HOOKS
from cds_service.rules.review import Outcome, evaluate, view
from tests.case_runs import ruleset
from tests.charts import ICD10, answers, coded, condition, facts, named, patient

OLD = patient("1951-03-02")
PARKINSON = condition(coded(ICD10, "G20.A1", "Parkinson's disease"))


def asked(*chart, turned_on=True, **how):
    prepared = ruleset().rules["rbd-screen"]
    content = prepared.content
    switch = "ask-with-synuclein-disease"
    on = msgspec.structs.replace(content.parameter[switch], value=float(turned_on))
    content = msgspec.structs.replace(content, parameter=content.parameter | {switch: on})
    prepared = msgspec.structs.replace(prepared, content=content)
    return evaluate(prepared, view(facts(*chart, **how), prepared), HOOKS["patient-view"], None)


def shown(finding, name):
    return ruleset().rules["rbd-screen"].wording.show(finding.values[name])


def test_it_is_off_as_shipped():
    assert asked(OLD, PARKINSON, turned_on=False).outcome is Outcome.NOT_MET
    assert ruleset().rules["rbd-screen"].content.parameter["ask-with-synuclein-disease"].value == 0


def test_turned_on_it_asks_in_parkinsons_disease():
    found = asked(OLD, PARKINSON).finding
    assert (found.card, shown(found, "label")) == ("open-question", "Parkinson's disease")


@pytest.mark.parametrize(("day", "outcome"), [("2024-06-15", Outcome.NOT_MET), ("2024-06-14", Outcome.FOUND)])
def test_a_question_of_the_last_24_months_is_enough(day, outcome):
    assert asked(OLD, PARKINSON, answers(day, dream_recall=False)).outcome is outcome


def test_without_the_disease_it_stays_silent():
    assert asked(OLD).outcome is Outcome.NOT_MET


def test_without_the_answers_it_cannot_be_told():
    assert asked(OLD, PARKINSON, gaps={"questionnaireResponses": "not sent"}).outcome is Outcome.UNDETERMINED


def test_a_summary_begins_with_the_first_sign_and_lists_the_others():
    found = asked(OLD, answers(vocalizations=True, dream_recall=True)).finding
    assert shown(found, "label") == "Voices and dream recall"
    assert shown(found, "found").startswith("voices and dream recall (")


def test_long_words_of_the_record_leave_room_for_the_date():
    complaint = condition(named("Twitching in sleep " * 6), recordedDate="2026-06-01")
    assert shown(asked(OLD, complaint).finding, "found").endswith("…, since 1 Jun 2026")
