"""Every statement of the two sources is shown by a case that runs, or says why none shows it."""

import msgspec
import pytest

from cds_service.authoring.run_cases import text_of
from tests.case_runs import case_results, ruleset, runner
from tests.marks import nodes

STATEMENTS = ruleset().content.statements
SHOWN = {name: one for name, one in STATEMENTS.items() if one.case}
PER_SOURCE = {"S1": 58, "S2": 55}

each_shown = pytest.mark.parametrize("name", SHOWN)


def result_of(name):
    rule, _, case = SHOWN[name].case.partition("/")
    return next(result for result in case_results(rule) if result.case.name == case)


def offered(card):
    """The words in what a card offers, and in what it links to."""
    for suggestion in card.suggestions:
        for node in nodes([msgspec.to_builtins(action.resource) for action in suggestion.actions]):
            yield from (text for text in node.values() if isinstance(text, str))
    yield from (link.label for link in card.links)


def test_every_statement_of_both_sources_is_there():
    assert list(STATEMENTS) == [f"{source}-{n:02}" for source, last in PER_SOURCE.items() for n in range(1, last + 1)]


def test_a_statement_has_a_case_or_says_why_it_has_none():
    assert {name for name, one in STATEMENTS.items() if not one.not_computed} == SHOWN.keys()


@each_shown
def test_the_case_of_a_statement_does_what_it_expects(name):
    assert list(runner().disagreements(result_of(name))) == []


@each_shown
def test_the_case_of_a_statement_is_one_of_a_rule_where_it_lives(name):
    assert name in ruleset().content.rules[result_of(name).rule].statements


@each_shown
def test_the_card_of_a_case_says_or_offers_the_words_of_the_statement_and_silence_has_none(name):
    card, words = result_of(name).card, SHOWN[name].words
    if result_of(name).case.expect == "silent":
        assert (words, result_of(name).decision.cards) == (None, ())
    else:
        assert words in "\n".join((text_of(card), *offered(card)))
