"""The cases reach everything that a card file says, and nothing a card says breaks the house's promises."""

import re
import sys
from collections import Counter
from typing import ClassVar

import msgspec
import pytest

from cds_service.authoring.page import stale
from cds_service.authoring.run_cases import text_of
from cds_service.content.text import SUMMARY_LIMIT
from cds_service.decisions.decide import evaluations_of
from cds_service.facts.patient import PatientFacts
from cds_service.facts.queries import collection
from cds_service.fhir.validity import faults_in
from cds_service.hooks.hooks import HOOKS
from cds_service.rules import review
from cds_service.rules.review import Outcome, evaluate, view
from tests.case_runs import case_results, cases, ruleset, runner

each_rule = pytest.mark.parametrize("rule", cases())
ALWAYS_OPEN = {"patient", "orders"}
"""Age, sex and drafts are no collections: a view never closes them."""


def steps(rule):
    """Every step of every case, the rules that could not apply included."""
    for result in case_results(rule):
        yield from (step for evaluation in full_run(result) for step in evaluation.steps)


def full_run(result):
    if result.decision.gate:
        return []
    service = runner().ruleset.content.service(f"rbd-{result.case.hook}")
    return list(evaluations_of(runner().ruleset, service, result.facts, (result.rule,)))


def findings(rule):
    return [e.finding for r in case_results(rule) for e in r.evaluations if e.finding]


@each_rule
def test_each_rule_has_a_silent_case_and_one_that_speaks(rule):
    assert {Outcome.FOUND, Outcome.NOT_MET} <= {result.outcome for result in case_results(rule)}


@each_rule
def test_each_criterion_is_seen_met_and_not_met_and_unknown_where_it_can_be(rule):
    seen = {(step.criterion, step.met) for step in steps(rule)}
    for criterion in ruleset().rules[rule].content.criteria:
        assert (criterion.id, True) in seen, f"{criterion.id} is met in no case"
        assert (criterion.id, False) in seen, f"{criterion.id} is met in every case"
        # if-unknown = "stop", written out: the criterion reads the draft or the age alone, which are known or pass.
        may_be_unknown = criterion.if_unknown != "stop" and (criterion.kind != "changes-words" or criterion.goes_on)
        assert (criterion.id, None) in seen or not may_be_unknown, f"{criterion.id} is unknown in no case"


class Watched(PatientFacts, frozen=True):
    """Facts that note when a rule looks at the age or the sex; the engine looks at the age of everybody."""

    looked: ClassVar[set[str]] = set()

    def __getattribute__(self, name):
        if name in ("age", "sex") and sys._getframe(1).f_globals["__name__"] != review.__name__:
            Watched.looked.add({"age": "date-of-birth"}.get(name, name))
        return super().__getattribute__(name)


@each_rule
def test_each_rule_says_whether_sex_and_date_of_birth_can_change_its_answer(rule):
    Watched.looked.clear()
    for result in case_results(rule):
        facts = {name: getattr(result.facts, name) for name in PatientFacts.__struct_fields__}
        full_run(msgspec.structs.replace(result, facts=Watched(**facts)))
    said = ruleset().rules[rule].content.uses
    assert said is not None, "card.toml: uses: is missing"
    assert {*said} & {"sex", "date-of-birth"} == Watched.looked, "card.toml: uses: write what the rule looks at"


@each_rule
def test_each_wording_indicator_and_note_is_reached(rule):
    content = ruleset().rules[rule].content
    reached = findings(rule)
    assert content.card.keys() == {finding.card for finding in reached}
    assert content.indicator.keys() == {finding.indicator for finding in reached}
    assert content.note.keys() <= {name for finding in reached for name in finding.notes}


@each_rule
def test_what_rests_on_an_old_entry_is_information_that_says_why_it_matters_and_takes_nothing_away(rule):
    for result in case_results(rule):
        for joined in (j for group in result.decision.groups for j in group.members if j.finding.stale):
            assert joined.indicator == "info"
            assert joined.card.if_taken, f"{joined.text.id}: {joined.finding.card} has no if-taken"
        if result.card and any(g.leader.finding.stale for g in result.decision.groups if rule in g.rules):
            assert {action.type for one in result.card.suggestions for action in one.actions} <= {"create"}
            assert next(reason.code for reason in result.card.override_reasons) == "data-wrong"


def test_each_note_of_a_family_is_reached():
    content = ruleset().content
    reached = {
        (prepared.content.family, name)
        for rule, prepared in ruleset().rules.items()
        for finding in findings(rule)
        for name in finding.notes
        if name not in prepared.content.note
    }
    assert {(key, name) for key, family in content.families.family.items() for name in family.note} == reached


@each_rule
def test_each_suggestion_of_a_wording_is_offered_in_a_case(rule):
    content = ruleset().rules[rule].content
    offered = {
        (f.card, n)
        for f in findings(rule)
        for n in (content.card[f.card].suggestions if f.offers is None else f.offers)
    }
    assert {(key, name) for key, card in content.card.items() for name in card.suggestions} == offered


@each_rule
def test_the_most_serious_finding_leads_each_card(rule):
    for result in case_results(rule):
        for one in result.decision.groups:
            assert one.leader.indicator == one.indicator, result.case.name


@each_rule
def test_each_parameter_is_read(rule):
    """A rule that lost a number fails in some case."""
    prepared = ruleset().rules[rule]
    for name in prepared.content.parameter:
        rest = {key: value for key, value in prepared.content.parameter.items() if key != name}
        without = msgspec.structs.replace(prepared, content=msgspec.structs.replace(prepared.content, parameter=rest))
        assert fails_somewhere(rule, without), f"no case reads parameter.{name}"


@each_rule
def test_each_read_is_used(rule):
    """A rule that lost one of its reads fails in some case."""
    prepared = ruleset().rules[rule]
    for read in prepared.reads - ALWAYS_OPEN:
        kept = prepared.reads - {read}
        result_sets = prepared.result_sets - {read.partition(":")[2]}
        without = msgspec.structs.replace(prepared, reads=kept, result_sets=result_sets)
        still_open = collection(read) in {collection(other) for other in kept} and ":" not in read
        assert still_open or fails_somewhere(rule, without), f"no case needs the read {read}"


def fails_somewhere(rule, prepared):
    return any(
        evaluate(prepared, view(r.facts, prepared), HOOKS[r.case.hook], e.subject).outcome is Outcome.FAILED
        for r in case_results(rule)
        for e in full_run(r)
        if e.subject or prepared.content.about == "patient" or HOOKS[r.case.hook].is_chart_view
    )


@each_rule
def test_what_is_not_started_is_not_met(rule):
    for result in case_results(rule):
        short = Counter((e.outcome, repr(e.finding)) for e in result.evaluations)
        full = Counter((e.outcome, repr(e.finding)) for e in full_run(result))
        assert not short - full, result.case.name
        assert {outcome for outcome, _ in full - short} <= {Outcome.NOT_MET}, result.case.name


@each_rule
def test_every_summary_fits_and_is_one_line(rule):
    for card in shown(rule):
        assert len(card.summary) <= SUMMARY_LIMIT
        assert "\n" not in card.summary


@each_rule
def test_no_card_orders_anyone_about_or_leaves_a_gap(rule):
    for card in shown(rule):
        said = text_of(card)
        assert not re.search(r"\b(should|must)\b", said, re.IGNORECASE)
        assert not re.search(r"[{}]|\bNone\b|\(\)|  ", said), said


@each_rule
def test_what_a_card_creates_is_fhir_r4(rule):
    for card in shown(rule):
        for suggestion in card.suggestions:
            for action in suggestion.actions:
                if isinstance(action.resource, dict):
                    assert faults_in(action.resource) == [], action.description


@each_rule
def test_what_was_not_checked_is_said(rule):
    for result in case_results(rule):
        for evaluation in result.evaluations:
            for text in evaluation.not_checked if result.card and evaluation.finding else ():
                assert text in text_of(result.card), result.case.name


def shown(rule):
    return [card for result in case_results(rule) for card in result.decision.cards]


def test_the_pages_are_current():
    """Otherwise: cds-service page."""
    answers = {rule: runner().answers(rule, found) for rule, found in cases().items()}
    assert stale(ruleset().content, answers) == []
