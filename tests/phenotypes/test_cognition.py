"""Dementia, mild cognitive impairment, or a low score (clinical specification 2.2 DEM and MCI, CLZ-01)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.cognition import Kind, decline
from tests.case_runs import ruleset
from tests.charts import ALZHEIMER, ICD10, LOINC, SNOMED, coded, condition, facts, named, observation

MCI = coded(SNOMED, "386805003", "Mild cognitive impairment")
WORDING = ruleset().content.wording
MOCA, MMSE = coded(LOINC, "72172-0"), coded(LOINC, "72106-8")


def seen(*chart, **how):
    return decline(facts(*chart, **how))


def kind(*chart, **how):
    found = seen(*chart, **how)
    return found.value.kind if isinstance(found, Known) else found


@pytest.mark.parametrize(
    ("code", "label"),
    [
        (ALZHEIMER, "Alzheimer's disease"),
        (coded(ICD10, "G30.1"), "Alzheimer's disease"),
        (coded(SNOMED, "312991009"), "Lewy body dementia"),
        (coded(ICD10, "G31.83"), "Lewy body dementia"),
        (coded(ICD10, "A81.00"), "Creutzfeldt-Jakob disease"),
        (coded(ICD10, "F01.50"), "dementia"),
        (coded(ICD10, "F02.80"), "dementia"),
        (coded(ICD10, "F03.90"), "dementia"),
        (coded(ICD10, "G31.09"), "dementia"),
        (coded(SNOMED, "52448006"), "dementia"),
        (coded(SNOMED, "230265002"), "Alzheimer's disease"),
        (coded(SNOMED, "12348006"), "dementia"),
        (named("Vascular dementia"), "dementia"),
    ],
)
def test_dementia_has_our_own_short_label(code, label):
    found = seen(condition(code)).value
    assert (found.kind, WORDING.show(found.label)) == (Kind.DEMENTIA, label)


@pytest.mark.parametrize("code", [named("Delirium"), coded(ICD10, "F05"), named("Memory loss")])
def test_delirium_and_complaints_are_not_dementia(code):
    assert seen(condition(code)) == ABSENT


@pytest.mark.parametrize(
    "code", [MCI, coded(ICD10, "G31.84"), coded(ICD10, "F06.70"), named("Mild cognitive impairment")]
)
def test_mild_cognitive_impairment_is_no_dementia(code):
    assert kind(condition(code)) is Kind.IMPAIRMENT


def test_dementia_outweighs_impairment_and_score():
    assert kind(condition(MCI), condition(ALZHEIMER), observation(MOCA, value=12)) is Kind.DEMENTIA


def test_a_certain_impairment_outweighs_a_possible_dementia():
    assert kind(condition(MCI), condition(ALZHEIMER, verification="unconfirmed")) is Kind.IMPAIRMENT


def test_a_possible_dementia_is_called_possible():
    found = seen(condition(ALZHEIMER, verification="provisional")).value
    assert (WORDING.show(found.label), found.possible) == ("possible Alzheimer's disease", True)


def test_a_certain_dementia_outweighs_a_possible_one_of_another_kind():
    found = seen(condition(ALZHEIMER, verification="unconfirmed"), condition(named("Dementia"))).value
    assert (WORDING.show(found.label), found.possible) == ("dementia", False)


def test_a_resolved_dementia_is_none():
    assert seen(condition(clinical="resolved")) == ABSENT


@pytest.mark.parametrize(
    ("test", "score", "low"), [(MOCA, 25, True), (MOCA, 26, False), (MMSE, 23, True), (MMSE, 24, False)]
)
def test_a_score_is_low_below_its_limit(test, score, low):
    assert (kind(observation(test, value=score)) is Kind.LOW_SCORE) is low


@pytest.mark.parametrize(
    ("test", "score", "label", "words"),
    [(MOCA, 20.5, "low MoCA 20.5", "MoCA 20.5"), (MMSE, 20, "low MMSE 20", "MMSE 20")],
)
def test_a_low_score_is_told_with_its_test(test, score, label, words):
    found = seen(observation(test, value=score)).value
    assert (WORDING.show(found.label), WORDING.show(found.words)) == (label, words)


@pytest.mark.parametrize(("day", "low"), [("2024-06-15", True), ("2024-06-14", False), ("2024", True), (None, False)])
def test_a_score_counts_for_24_months(day, low):
    assert (kind(observation(MOCA, day, 20)) is Kind.LOW_SCORE) is low


def test_the_newest_score_of_a_test_counts():
    assert seen(observation(MOCA, "2025-06-01", 20), observation(MOCA, "2026-06-01", 28)) == ABSENT


def test_the_newest_of_all_tests_decides():
    assert kind(observation(MMSE, "2025-06-01", 20), observation(MOCA, "2026-06-01", 28)) == ABSENT
    assert kind(observation(MMSE, "2026-06-01", 20), observation(MOCA, "2025-06-01", 28)) is Kind.LOW_SCORE


def test_a_score_of_fifteen_decimals_is_a_score():
    assert kind(observation(MMSE, value=21.123456789012345)) is Kind.LOW_SCORE


@pytest.mark.parametrize("unit", [None, "{score}", "1", "score", "points"])
def test_a_score_has_the_unit_of_a_score_or_none(unit):
    assert kind(observation(MOCA, value=20, unit=unit)) is Kind.LOW_SCORE


@pytest.mark.parametrize("unit", ["%", "s", "mg"])
def test_a_score_in_another_unit_is_not_compared(unit):
    assert not isinstance(seen(observation(MOCA, value=20, unit=unit)), Known)


@pytest.mark.parametrize(("comparator", "low"), [("<", True), (">", False), ("<=", True), (">=", False)])
def test_a_score_beyond_a_limit_counts_only_if_it_is_surely_low(comparator, low):
    quantity = {"value": 20, "comparator": comparator}
    assert isinstance(seen(observation(MOCA, valueQuantity=quantity)), Known) is low


def test_without_the_problem_list_there_is_no_all_clear():
    assert isinstance(seen(gaps={"conditions": "not sent"}), Unavailable)
    assert isinstance(seen(gaps={"observations": "not sent"}), Unavailable)


def test_a_known_dementia_needs_no_score():
    assert kind(condition(), gaps={"observations": "not sent"}) is Kind.DEMENTIA
