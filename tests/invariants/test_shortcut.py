"""The shortcut that passes over rules which cannot apply never changes an answer."""

import pytest

from cds_service.content.load import load
from cds_service.content.places import cards
from cds_service.decisions.decide import evaluations_of
from cds_service.decisions.ruleset import assemble
from cds_service.rules.review import Outcome
from cds_service.settings import Settings
from tests.case_runs import case_results, cases

RULES = assemble(load(cards(Settings())))


@pytest.mark.parametrize("rule", cases())
def test_a_rule_that_is_passed_over_would_not_have_been_met(rule):
    for result in case_results(rule):
        service, facts = RULES.content.service(f"rbd-{result.case.hook}"), result.facts
        tried = {e.rule for e in evaluations_of(RULES, service, facts)}
        every = evaluations_of(RULES, service, facts, shortcut=False)
        missed = [e.rule for e in every if e.rule not in tried and e.outcome in (Outcome.FOUND, Outcome.FAILED)]
        assert missed == [], result.case.name


@pytest.mark.parametrize("rule", cases())
def test_a_rule_that_is_undetermined_for_its_own_case_is_not_passed_over(rule):
    for result in case_results(rule):
        if result.case.expect == "undetermined":
            assert result.evaluations, result.case.name
