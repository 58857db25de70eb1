"""Every number has one home: whoever changes it there changes every sentence that tells it."""

import re

import pytest

from cds_service.content import numbers
from cds_service.content.text import placeholders
from tests.case_runs import ruleset

CONTENT = ruleset().content
SHARED = numbers.shared(CONTENT.phenotypes.values())
ANOTHER = 7919.0
"""A number that no card holds."""
UNITS = {"mo": "months?", "d": "days?", "wk": "weeks?", "mg": "mg", "mg/d": "mg", "/h": "per hour"}
PARAMETERS = [
    *((rule.id, name, found) for rule in CONTENT.written.values() for name, found in rule.parameter.items()),
    *((f"{home.id}", name, found) for home in CONTENT.phenotypes.values() for name, found in home.parameter.items()),
]


def sentences(rule):
    """Every text of a card file, by where it stands."""
    for criterion in rule.criteria:
        yield f"criteria.{criterion.id}", criterion.text
    for key, indicator in rule.indicator.items():
        yield f"indicator.{key}", indicator.when
    for key, card in rule.card.items():
        yield from ((f"card.{key}", text) for text in (card.when, card.summary, card.phrase, card.detail, card.folded))
    for key, note in rule.note.items():
        yield from ((f"note.{key}", text) for text in (note.when, note.text))


def everything():
    """Every sentence of the cards with the numbers that it may name."""
    for rule in CONTENT.written.values():
        for where, text in sentences(rule):
            if text:
                yield f"{rule.id}: {where}", text, numbers.of_rule(rule, SHARED)


def as_word(value, unit=r""):
    return re.compile(rf"(?<![\d.,]){re.escape(f'{value:g}')}(?![\d.,]*\d){unit}")


@pytest.mark.parametrize(("home", "name", "found"), PARAMETERS, ids=[f"{home}/{name}" for home, name, _ in PARAMETERS])
def test_a_changed_number_leaves_no_digit_of_the_old_one(home, name, found):
    names = {name, f"{home}/{name}"}
    for where, text, known in everything():
        told = placeholders(text) & names
        if told and (home in CONTENT.written) == (where.split(":")[0] == home):
            changed = numbers.told(text, {key: ANOTHER if key in names else 4447.0 for key in known})
            assert "7919" in changed, where
            assert not as_word(found.value).search(changed), f"{where}: still says {found.value:g}: {text}"


@pytest.mark.parametrize("rule", CONTENT.written.values(), ids=CONTENT.written)
def test_no_sentence_writes_out_a_number_of_its_own_card(rule):
    for where, text in sentences(rule):
        for name, found in rule.parameter.items():
            unit = UNITS.get(found.unit)
            assert not (unit and text and as_word(found.value, rf" ?{unit}\b").search(text)), (
                f"{where}: write {{{name}}}: {text}"
            )


def test_a_number_that_stands_alone_in_a_resource_stays_a_number():
    written = {"value": "{dose}", "text": "{dose} mg"}
    assert numbers.resource_with(written, {"dose": 3.0}) == {"value": 3, "text": "3 mg"}
    assert numbers.resource_with(["{dose}"], {"dose": 0.5}) == [0.5]


def test_a_name_that_two_phenotypes_give_is_told_apart():
    assert "event-months" in SHARED
    assert "score-months" not in SHARED
    assert {"cognition/score-months", "fall-risk/score-months"} <= SHARED.keys()
