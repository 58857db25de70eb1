"""The page for integrators: each of its examples is sent, and gets the answer that its table promises."""

import copy
import json
import re
from pathlib import Path

import pytest

from tests.calling import as_bytes, requests, rules_of, serving

PAGE = (Path(__file__).parents[2] / "docs/what-is-read.md").read_text()
NAME, RULE = "order-sign-rbd-dementia", "clonazepam-dementia"
ROW = re.compile(r"^\| (draft|condition|patient) \| `(.+?)` \| `(.+)` \|$", re.MULTILINE)


def rows(heading):
    (section,) = (part for part in PAGE.split("\n## ") if part.startswith(f"{heading}\n"))
    found = ROW.findall(section)
    assert len(found) == section.count("\n| ") - 2
    return found


@pytest.fixture(scope="module")
def call():
    with serving() as called:
        yield called


def sent(where, member, value):
    """The example with a member written as shown, in place of what it is in FHIR."""
    request = copy.deepcopy(requests()[NAME])
    entries = request["prefetch"]["conditions"]["entry"]
    resource = {
        "draft": request["context"]["draftOrders"]["entry"][0]["resource"],
        "condition": next(e["resource"] for e in entries if "Alzheimer" in json.dumps(e)),
        "patient": request["prefetch"]["patient"],
    }[where]
    resource[member] = "HERE"
    return as_bytes(request).replace(b'"HERE"', value.encode())


def answered(call, row):
    answer = call("order-sign", sent(*row))
    assert answer.status == 200, answer.body
    told = answer.json.get("extension", {}).get("org.rbd-cds.outcomes", {})
    return {rule for card in answer.cards for rule in rules_of(card)}, told, [card["summary"] for card in answer.cards]


@pytest.fixture(scope="module")
def cards(call):
    found = {rule for card in call("order-sign", as_bytes(requests()[NAME])).cards for rule in rules_of(card)}
    assert RULE in found
    return found


@pytest.mark.parametrize("row", rows("Read"))
def test_a_spelling_that_means_one_thing_is_read_without_a_word(call, cards, row):
    rules, told, _ = answered(call, row)
    assert rules == cards
    assert "unreadable" not in told


@pytest.mark.parametrize("row", rows("Left out and named"))
def test_what_nothing_depends_on_is_named_and_costs_no_card(call, cards, row):
    rules, told, _ = answered(call, row)
    assert rules == cards
    assert [one["member"].split(".")[1] for one in told["unreadable"]] == [row[1]]


@pytest.mark.parametrize("row", rows("Left out, named, and undetermined"))
def test_what_a_rule_cannot_do_without_is_named_and_leaves_it_undetermined(call, row):
    rules, told, summaries = answered(call, row)
    assert RULE not in rules
    assert RULE in told["undetermined"]
    assert [one["member"].split(".")[-1] for one in told["unreadable"]] in ([row[1]], ["code"], ["coding"])
    assert ("An order could not be read, and was not checked" in summaries) == (row[0] == "draft")
