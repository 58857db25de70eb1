"""Whether bupropion may be named as an option (clinical specification MED-01)."""

import pytest

from cds_service.phenotypes.bupropion import may_be_named
from tests.charts import SNOMED, coded, condition, draft, facts, named, request, statement


def test_bupropion_is_an_option_where_nothing_speaks_against_it():
    assert may_be_named(facts())


@pytest.mark.parametrize(
    "against",
    [
        condition(coded(SNOMED, "84757009", "Epilepsy")),
        condition(named("Seizure disorder")),
        condition(coded(SNOMED, "78004001", "Bulimia nervosa")),
        condition(coded(SNOMED, "78004001", "Bulimia nervosa"), clinical="resolved"),
        condition(coded(SNOMED, "56882008", "Anorexia nervosa"), clinical="inactive"),
        condition(named("Alcohol use disorder")),
        condition(named("Alcohol withdrawal")),
        condition(named("Parkinson's disease")),
        condition(named("Lewy body dementia")),
        condition(named("Schizophrenia"), clinical="resolved"),
        request(named("bupropion XL 150 mg tablet")),
        request(named("phenelzine 15 mg tablet")),
        request(named("rasagiline 1 mg tablet")),
        request(named("phenelzine 15 mg tablet"), status="stopped"),
        statement(named("phenelzine 15 mg tablet"), status="stopped", effectivePeriod={"end": "2026-06-02"}),
    ],
)
def test_bupropion_is_not_named_where_something_speaks_against_it(against):
    assert not may_be_named(facts(against))


def test_bupropion_is_not_named_beside_an_mao_inhibitor_that_is_drafted():
    assert not may_be_named(facts(drafts=(draft(named("phenelzine 15 mg tablet")),)))


def test_bupropion_is_not_named_while_a_benzodiazepine_is_stopped():
    assert not may_be_named(facts(drafts=(draft(status="stopped"),)))
    assert not may_be_named(facts(drafts=(draft(named("lorazepam 1 mg tablet"), status="cancelled"),)))


@pytest.mark.parametrize("key", ["conditions", "medicationRequests"])
def test_bupropion_is_not_named_if_that_could_not_be_checked(key):
    assert not may_be_named(facts(gaps={key: "not sent"}))


def test_bupropion_is_an_option_after_the_wash_out_of_an_mao_inhibitor():
    ended = statement(named("phenelzine 15 mg tablet"), status="stopped", effectivePeriod={"end": "2026-06-01"})
    assert may_be_named(facts(ended))
