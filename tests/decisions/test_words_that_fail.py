"""A fault in the words of a card is told by the check; past the check it costs that card and no other."""

from collections.abc import Callable

import msgspec
import pytest

from cds_service.authoring.run_cases import CaseResult
from cds_service.content.load import load
from cds_service.content.places import cards
from cds_service.decisions.cards import Visit
from cds_service.decisions.decide import decide
from cds_service.decisions.ruleset import Ruleset, assemble
from cds_service.errors import ContentError
from cds_service.facts.words import PHRASINGS, Phrasing
from cds_service.settings import Settings
from tests.case_runs import case_results, cases, ruleset


def with_words(rules: Ruleset, name: str, **words: str) -> Ruleset:
    """The rules with other words on every card of one of them, as a site could write them past every check."""
    text = rules.rules[name].content
    card = {key: msgspec.structs.replace(one, **words) for key, one in text.card.items()}
    changed = msgspec.structs.replace(text, card=card)
    prepared = msgspec.structs.replace(rules.rules[name], content=changed)
    content = msgspec.structs.replace(rules.content, rules={**rules.content.rules, name: changed})
    return msgspec.structs.replace(rules, content=content, rules={**rules.rules, name: prepared})


def decided(rules: Ruleset, result: CaseResult):
    visit = Visit("Practitioner/example", "pat", None)
    return decide(rules, rules.content.service(f"rbd-{result.case.hook}"), result.facts, visit)


def first_case(has: Callable[[CaseResult], bool]) -> CaseResult:
    return next(result for rule in cases() for result in case_results(rule) if has(result))


def topics(decision):
    return [card.source.topic.code for card in decision.cards]


def told(decision):
    return decision.outcomes({})["org.rbd-cds.outcomes"]


@pytest.fixture
def two_cards() -> CaseResult:
    """A case that gets a card of one finding, and another card."""
    return first_case(lambda r: len(r.decision.cards) > 1 and len(rules_of(r.decision.cards[0])) == 1)


@pytest.fixture
def merged() -> CaseResult:
    """A case that gets one card of several findings."""
    return first_case(lambda r: len(r.decision.cards) == 1 and len(rules_of(r.decision.cards[0])) > 1)


def rules_of(card):
    return card.extension["org.rbd-cds.rules"]


def test_a_name_that_no_value_has_costs_the_one_card_and_is_told_as_failed(two_cards):
    before = decided(ruleset(), two_cards)
    lost, *kept = topics(before)
    after = decided(with_words(ruleset(), lost, detail="{nobody}", summary="{nobody}"), two_cards)
    assert topics(after) == kept
    assert lost in told(after)["failed"]
    assert lost not in told(after)["found"]


def test_of_a_merged_card_only_the_finding_without_words_is_lost(merged):
    (card,) = decided(ruleset(), merged).cards
    first, *rest = rules_of(card)
    after = decided(with_words(ruleset(), first, detail="{nobody}", folded="{nobody}"), merged)
    assert [rules_of(one) for one in after.cards] == [rest]
    assert told(after)["failed"] == [first]


def test_the_line_of_the_log_names_the_rule_and_no_value(two_cards, capsys):
    lost = topics(decided(ruleset(), two_cards))[0]
    decided(with_words(ruleset(), lost, detail="{nobody}"), two_cards)
    line = capsys.readouterr().out
    assert "card failed" in line
    assert lost in line
    assert "KeyError" in line


def test_a_value_that_the_rule_does_not_give_is_told_with_file_and_key(small, monkeypatch):
    monkeypatch.setattr("cds_service.decisions.ruleset.registered", ruleset_of("tremor", "other"))
    with pytest.raises(ContentError) as found:
        assemble(load(small.folder))
    assert "tremor/card.toml: card.found: the rule gives no 'what'; it gives other" in found.value.faults


def ruleset_of(name, gives):
    from cds_service.rules.review import Rule

    return lambda: {name: Rule(name, lambda _: None, frozenset(gives.split()))}


def test_a_phrase_without_words_is_told_with_file_and_key(small, monkeypatch):
    monkeypatch.setattr("cds_service.decisions.ruleset.registered", ruleset_of("tremor", "what"))
    monkeypatch.setattr("cds_service.content.contract.PHRASINGS", [*PHRASINGS, Phrasing("gone", frozenset({"day"}))])
    with pytest.raises(ContentError) as found:
        assemble(load(small.folder))
    assert "wording.toml: phrase.gone: missing; it may name day" in found.value.faults


def test_a_phrase_that_needs_more_than_it_gets_is_told(small, monkeypatch):
    monkeypatch.setattr("cds_service.decisions.ruleset.registered", ruleset_of("tremor", "what"))
    small.edit("wording.toml", 'text = "since {when}", values = ["when"]', 'text = "since {x}", values = ["x"]')
    with pytest.raises(ContentError) as found:
        assemble(load(small.folder))
    assert "wording.toml: phrase.since: 'x' is not given; it may name when" in found.value.faults


def test_the_shipped_cards_keep_the_contract():
    assert assemble(load(cards(Settings())))
