"""A rule that nothing starts is passed over, and would not have been met: its triggers say enough."""

import itertools

import msgspec
import pytest

from cds_service.content.load import load
from cds_service.content.places import cards
from cds_service.decisions.decide import evaluations_of
from cds_service.decisions.ruleset import assemble
from cds_service.decisions.stages import Stages
from cds_service.facts.collection import Collection
from cds_service.hooks.hooks import HOOKS
from cds_service.rules.review import Outcome
from cds_service.settings import Settings
from tests.case_runs import case_results, cases

RULES = assemble(load(cards(Settings())))
DRAFTS = "drafts"
each_rule = pytest.mark.parametrize("rule", cases())


def service_of(result):
    return RULES.content.service(f"rbd-{result.case.hook}")


def outcomes(result, facts, rule):
    return {evaluation.outcome for evaluation in evaluations_of(RULES, service_of(result), facts, (rule,))}


@each_rule
def test_a_rule_that_is_passed_over_would_not_have_been_met(rule):
    for result in case_results(rule):
        started = Stages(RULES, service_of(result)).start(result.facts.drafted, result.facts.held)
        for name in started.not_started:
            assert not outcomes(result, result.facts, name) & {Outcome.FOUND, Outcome.FAILED}, (result.case.name, name)


@each_rule
def test_a_rule_that_is_undetermined_for_its_own_case_is_not_passed_over(rule):
    for result in case_results(rule):
        if result.case.expect == "undetermined":
            assert result.evaluations, result.case.name


@each_rule
def test_a_rule_without_anything_of_its_triggers_is_not_met(rule):
    tried = 0
    for result in case_results(rule):
        if result.decision.gate or result.facts.gaps:
            continue
        for places in ways_to_stop(RULES.rules[rule], HOOKS[result.case.hook]):
            tried += 1
            left = outcomes(result, without(result.facts, places), rule)
            assert left == {Outcome.NOT_MET}, (result.case.name, places)
    assert tried


def ways_to_stop(prepared, hook):
    """Every choice of one place for each trigger: nothing there, and the rule cannot start."""
    counting = [trigger for trigger in prepared.triggers if trigger.counts(prepared.content.about, hook)]
    places = [[*([(DRAFTS, one.drafts)] if one.drafts else []), *one.chart.items()] for one in counting]
    return list(itertools.product(*places))


def without(facts, places):
    """The facts with nothing of these value sets in these places.

    Two drafts may be a pair, as medications are. A draft whose drug cannot be told may be any, and is left out.
    """
    held, orders = dict(facts.held), tuple([order for order in facts.orders if is_certain(order)])
    for name, sets in places:
        if name == DRAFTS or name == "medications":
            orders = tuple([order for order in orders if sets.isdisjoint(sets_of(order))])
        if name != DRAFTS:
            kept = tuple([item for item in held[name].items if sets.isdisjoint(item.sets)])
            held[name] = Collection(kept, held[name].gap, frozenset().union(*(item.sets for item in kept)))
    return msgspec.structs.replace(facts, held=held, orders=orders)


def is_certain(order):
    return not order.drug_unreadable and not (order.drug and order.drug.uncertain)


def sets_of(order):
    return order.drug.sets if order.drug else order.sets
