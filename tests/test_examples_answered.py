"""Every shipped request and every shipped patient gets exactly the cards that ``expected.toml`` promises."""

import copy

import pytest

from cds_service.content.load import load
from cds_service.content.places import cards
from cds_service.decisions.ruleset import assemble
from cds_service.settings import Settings
from tests.calling import EXPECTED, as_bytes, charts, opened, requests, rules_of, serving
from tests.contract import read_validated

CONTENT = load(cards(Settings()))
RULES = assemble(CONTENT)
SHOWN = {
    service.hook: {rule for rule in service.rules if CONTENT.rules[rule].status == "active"}
    for service in CONTENT.services.service
}


@pytest.fixture(scope="module")
def call():
    with serving() as called:
        yield called


def promised(expected, hook):
    """The promised cards, as far as their rules are there: a card whose rules are all missing is not waited for."""
    there = [[rule for rule in card["rules"] if rule in SHOWN[hook]] for card in expected]
    return [
        (rules, card["indicator"] if rules[0] == card["rules"][0] else None)
        for rules, card in zip(there, expected, strict=True)
        if rules
    ]


def shown(answer, wanted):
    read_validated(answer.body)
    blind = [indicator is None for _, indicator in wanted] + [False] * len(answer.cards)
    return [
        (rules_of(card), None if unseen else card["indicator"])
        for card, unseen in zip(answer.cards, blind, strict=False)
    ]


@pytest.mark.parametrize("name", requests())
def test_a_request_gets_the_cards_that_are_promised(call, name):
    request, wanted = requests()[name], EXPECTED["requests"][name]
    answer = call(request["hook"], as_bytes(request))
    expected = promised(wanted["cards"], request["hook"])
    assert shown(answer, expected) == expected


@pytest.mark.parametrize("name", charts())
def test_opening_a_chart_shows_the_cards_that_are_promised(call, name):
    answer = call("patient-view", as_bytes(opened(name)))
    expected = promised(EXPECTED["patients"][name]["cards"], "patient-view")
    assert shown(answer, expected) == expected


@pytest.mark.parametrize("name", charts())
def test_what_is_not_asked_for_is_not_needed(call, name):
    keys = RULES.prefetch(CONTENT.service("rbd-patient-view"))
    asked, all_of_it = (call("patient-view", as_bytes(one)) for one in (opened(name, keys), opened(name)))
    assert shown(asked, []) == shown(all_of_it, [])


@pytest.mark.parametrize("name", [name for name, request in requests().items() if request["hook"] == "order-sign"])
def test_drafts_without_ids_are_spoken_about_and_left_alone(call, name):
    request = copy.deepcopy(requests()[name])
    for entry in request["context"]["draftOrders"]["entry"]:
        del entry["resource"]["id"]
    answer = call(request["hook"], as_bytes(request))
    assert shown(answer, []) == shown(call(request["hook"], as_bytes(requests()[name])), [])
    offered = [one for card in answer.cards for one in card.get("suggestions", ())]
    assert all(action["type"] == "create" for one in offered for action in one["actions"])
