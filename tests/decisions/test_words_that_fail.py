"""A fault in the words of a card is told by the check; past the check it costs that card and no other."""

import subprocess
import sys
from collections.abc import Callable

import msgspec
import pytest

from cds_service.authoring.run_cases import CaseResult
from cds_service.content.contract import contract
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


def test_a_finding_taken_in_without_words_does_not_cost_the_card_that_took_it_in():
    taking = first_case(lambda r: any(g.folded and not g.replacing for g in r.decision.groups))
    group = next(g for g in taking.decision.groups if g.folded)
    gone = next(one.evaluation.rule for one in group.folded if one.card.folded)
    after = decided(with_words(ruleset(), gone, folded="{nobody}"), taking)
    assert [rules_of(card) for card in after.cards if group.leader.evaluation.rule in rules_of(card)] == [
        [name for name in group.rules if name != gone]
    ]
    assert told(after)["failed"] == [gone]


def test_findings_that_cannot_be_named_together_leave_the_card_of_the_first():
    joint = first_case(
        lambda r: any(len(g.members) > 1 and g.leader.indicator != "critical" for g in r.decision.groups)
    )
    families = ruleset().content.families
    broken = {
        name: msgspec.structs.replace(family, together_order="{nobody}", together_drug="{nobody}")
        for name, family in families.family.items()
    }
    content = msgspec.structs.replace(ruleset().content, families=msgspec.structs.replace(families, family=broken))
    after = decided(msgspec.structs.replace(ruleset(), content=content), joint)
    assert [card.source.topic.code for card in after.cards] == topics(joint.decision)
    assert [len(rules_of(card)) for card in after.cards] == [1]


@pytest.mark.parametrize("table", ["card", "indicator", "note"])
def test_a_rule_that_names_what_is_not_in_its_cards_fails_alone_and_says_what(table, two_cards, capsys):
    lost, *kept = topics(decided(ruleset(), two_cards))
    without = {"card": {}, "indicator": {}, "note": {}} if table == "note" else {table: {}}
    rules = ruleset()
    text = msgspec.structs.replace(rules.rules[lost].content, **without)
    changed = msgspec.structs.replace(rules.content, rules={**rules.content.rules, lost: text})
    prepared = msgspec.structs.replace(rules.rules[lost], content=text, contract=contract(changed, text))
    site = msgspec.structs.replace(rules, content=changed, rules={**rules.rules, lost: prepared})
    after = decided(site, two_cards)
    assert topics(after) == kept
    assert lost in told(after)["failed"]
    said = capsys.readouterr().out
    assert f"{lost}/card.toml: " in said
    assert f"{table}." in said


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


@pytest.mark.parametrize(
    ("phrase", "fault"),
    {
        '[phrase.since]\ntext = "from {x}"\nvalues = ["x"]\n': "phrase.since: 'x' is not given; it may name when",
        '[phrase.shivers]\ntext = "shivers"\n': "phrase.shivers: the rule says no such phrase",
    }.items(),
)
def test_a_phrase_of_a_card_that_its_rule_cannot_say_is_told(small, monkeypatch, phrase, fault):
    monkeypatch.setattr("cds_service.decisions.ruleset.registered", ruleset_of("tremor", "what"))
    small.add("tremor/card.toml", phrase)
    with pytest.raises(ContentError) as found:
        assemble(load(small.folder))
    assert f"tremor/card.toml: {fault}" in found.value.faults


def test_a_dose_that_the_rule_does_not_give_is_told(small, monkeypatch):
    monkeypatch.setattr("cds_service.decisions.ruleset.registered", ruleset_of("tremor", "what"))
    small.edit("suggestions.toml", "create = ", 'change-dose = "Less"\ncreate = ')
    with pytest.raises(ContentError) as found:
        assemble(load(small.folder))
    assert "tremor/card.toml: suggestions.refer: the rule gives no 'dose_mg'; it gives what" in found.value.faults


def test_every_phrase_is_known_to_whoever_assembles_the_rules_and_does_nothing_else():
    """What a module says that only a later import would declare, no check at the start would miss."""
    code = (
        "from cds_service.decisions.ruleset import registered\n"
        "from cds_service.facts.words import PHRASINGS\n"
        "registered()\n"
        "before = len(PHRASINGS)\n"
        "import cds_service.web.app, cds_service.authoring.run_cases, cds_service.decisions.cards\n"
        "assert before == len(PHRASINGS), [one.key for one in PHRASINGS[before:]]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_shipped_cards_keep_the_contract():
    assert assemble(load(cards(Settings())))


def test_why_nothing_is_shown_is_said_in_the_words_of_the_site():
    gates = {
        name: msgspec.structs.replace(gate, closed=f"ours: {name}") for name, gate in ruleset().content.gates.items()
    }
    site = msgspec.structs.replace(ruleset(), content=msgspec.structs.replace(ruleset().content, gates=gates))
    service = site.content.services.service[0]
    someone = first_case(lambda r: bool(r.decision.cards))
    died = msgspec.structs.replace(someone.facts, dead=True)
    assert decide(site, service, someone.facts, Visit("Patient/example", "pat")).gate == "ours: clinician"
    assert decide(site, service, died, Visit("Practitioner/example", "pat")).gate == "ours: alive"


def test_a_dose_that_is_no_number_costs_the_card_that_offers_it():
    offering = first_case(
        lambda r: any(action.type == "update" for c in r.decision.cards for s in c.suggestions for action in s.actions)
    )
    suggestions = {
        name: msgspec.structs.replace(text, dose_from="found") if text.change_dose else text
        for name, text in ruleset().content.suggestions.items()
    }
    content = msgspec.structs.replace(ruleset().content, suggestions=suggestions)
    after = decided(msgspec.structs.replace(ruleset(), content=content), offering)
    assert offering.rule in told(after)["failed"]
