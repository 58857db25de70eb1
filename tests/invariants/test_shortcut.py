"""The shortcut that passes over rules which cannot apply never changes an answer."""

import pytest

from cds_service.content.load import load
from cds_service.decide import evaluations_of
from cds_service.places import cards
from cds_service.rules.review import Moment, Outcome
from cds_service.ruleset import assemble
from cds_service.settings import Settings
from tests.rehearsal import cases, rehearsals

RULES = assemble(load(cards(Settings())))


@pytest.mark.parametrize("rule", cases())
def test_a_rule_that_is_passed_over_would_not_have_been_met(rule):
    for rehearsal in rehearsals(rule):
        hook, facts = rehearsal.case.hook, rehearsal.facts
        service = RULES.content.service(hook)
        tried = {e.rule for e in evaluations_of(RULES, service, facts, Moment(hook))}
        every = evaluations_of(RULES, service, facts, Moment(hook), shortcut=False)
        missed = [e.rule for e in every if e.rule not in tried and e.outcome in (Outcome.FOUND, Outcome.FAILED)]
        assert missed == [], rehearsal.case.name


@pytest.mark.parametrize("rule", cases())
def test_a_rule_that_is_undetermined_for_its_own_case_is_not_passed_over(rule):
    for rehearsal in rehearsals(rule):
        if rehearsal.case.expect == "undetermined":
            assert rehearsal.evaluations, rehearsal.case.name
