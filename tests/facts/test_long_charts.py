"""Results by the thousand: what lets them be passed over quickly must not pass over one that counts."""

import pytest

from cds_service.facts import chart
from cds_service.facts.knowledge import ABSENT, Unavailable
from cds_service.facts.patient import PatientFacts
from tests.charts import ALZHEIMER, FALL, LOINC, coded, concepts, condition, draft, facts, observation, only

MOCA = coded(LOINC, "72172-0")
PLATELETS = coded(LOINC, "777-3")


def scores(found: PatientFacts) -> list[float | None]:
    fact = found.observations("moca-total")
    return [] if fact == ABSENT else [score.value for score in fact.value]


def test_a_result_whose_code_no_value_set_holds_is_passed_over_whatever_its_words_say():
    assert scores(facts(observation(PLATELETS | {"text": "MoCA total score"}, value=9))) == []


def test_a_code_with_a_blank_beside_it_is_still_that_code():
    assert scores(facts(observation(coded(LOINC, " 72172-0"), value=22))) == [22]


def test_a_result_with_several_codes_is_known_by_any():
    both = {"coding": [*PLATELETS["coding"], *MOCA["coding"]]}
    assert scores(facts(observation(both, value=22))) == [22]


def test_a_code_sent_as_one_object_is_read():
    assert scores(facts(observation({"coding": MOCA["coding"][0]}, value=22))) == [22]


def test_results_without_id_are_not_one_and_the_same():
    found = facts(*(observation(MOCA, value=value, id=None) for value in (22, 21)))
    assert sorted(scores(found)) == [21, 22]


def test_the_same_id_on_another_type_is_another_resource():
    found = facts(observation(MOCA, value=22, id="one"), condition(id="one"))
    assert scores(found) == [22]
    assert only(found.conditions("alzheimer-disease"))


def test_every_value_set_that_the_chart_touches_is_known():
    touched = concepts(facts(observation(MOCA, value=22), condition(), drafts=(draft(),)))
    assert {"moca-total", "alzheimer-disease", "clonazepam"} <= touched


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setattr(chart, "MOST_RESOURCES", 3)


@pytest.mark.usefixtures("_small")
def test_what_is_more_than_can_be_read_in_time_is_named_and_never_absent():
    found = facts(*(condition(FALL, id=f"c{number}") for number in range(4)))
    assert found.conditions("rbd") == Unavailable("conditions: more than can be read in time")
    assert [(one.key, one.member, one.why) for one in found.unreadable] == [
        ("conditions", "Bundle.entry", "more than can be read in time")
    ]
    assert found.gaps == {"conditions": "more than can be read in time"}
    assert only(found.events("fall-event"))


@pytest.mark.usefixtures("_small")
def test_results_that_no_value_set_knows_take_no_room():
    found = facts(condition(ALZHEIMER, id="c"), *(observation(PLATELETS, value=9, id=f"o{n}") for n in range(9)))
    assert only(found.conditions("dementia"))
    assert not found.gaps
