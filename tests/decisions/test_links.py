"""The links of a card: why it is shown, what it rests on, what to read or to hand over."""

from __future__ import annotations

import pytest

from cds_service.authoring.run_cases import CaseResult
from cds_service.decisions.cards import SERVICE_URL, Visit
from cds_service.decisions.decide import decide
from cds_service.hooks.responses import Card, may_be_linked
from tests.case_runs import case_results, cases, ruleset


def cards_at(result: CaseResult, address: str) -> tuple[Card, ...]:
    visit = Visit("Practitioner/example", "pat", service_url=address)
    service = ruleset().content.service(f"rbd-{result.case.hook}")
    return tuple(decide(ruleset(), service, result.facts, visit).cards)


def shown(rule: str) -> CaseResult:
    return next(result for result in case_results(rule) if result.case.shown and result.card)


def test_every_card_leads_first_to_the_page_of_the_rule_that_leads_it():
    for rule in cases():
        for card in shown(rule).decision.cards:
            lead = card.extension["org.rbd-cds.rules"][0]
            assert card.links[0].url == f"{SERVICE_URL}/catalogue/{lead}"


def test_no_card_has_more_than_four_links_or_the_same_twice():
    for rule in cases():
        for result in case_results(rule):
            for card in result.decision.cards:
                assert len({link.url for link in card.links}) == len(card.links) <= 4


@pytest.mark.parametrize(
    ("rule", "leaflet"),
    [
        ("head-jerks", "harmless-jerks"),
        ("bedroom-safety", "safe-bedroom"),
        ("rbd-red-flags", "safe-bedroom"),
        ("rbd-screen", "before-your-visit"),
        ("myoclonus-workup", "before-your-visit"),
        ("rbd-prognosis", "rbd-and-later"),
        ("rbd-prodrome", "rbd-and-later"),
    ],
)
def test_a_card_hands_over_its_leaflet(rule, leaflet):
    urls = [link.url for link in shown(rule).card.links]
    assert f"{SERVICE_URL}/leaflets/{leaflet}" in urls


def test_a_service_under_an_address_that_no_browser_is_to_follow_links_to_none_of_its_own_pages():
    result = shown("bedroom-safety")
    (card, *_) = cards_at(result, "http://cds.hospital.example")
    assert all(link.url.startswith("https://") for link in card.links)
    (card, *_) = cards_at(result, "https://cds.hospital.example")
    assert card.links[0].url == "https://cds.hospital.example/catalogue/bedroom-safety"


@pytest.mark.parametrize("url", ["https://a.example", "http://127.0.0.1:8000/x", "http://localhost", "http://[::1]:1/"])
def test_a_link_may_lead_to_https_or_to_this_machine(url):
    assert may_be_linked(url)


@pytest.mark.parametrize(
    "url", ["http://a.example", "https://", "http://localhost.a.example/", "http://127.0.0.1.a.example", "javascript:x"]
)
def test_a_link_leads_nowhere_else(url):
    assert not may_be_linked(url)


def test_no_evidence_is_linked_by_a_home_page_or_a_search():
    for source in ruleset().content.evidence.values():
        if source.url:
            path = source.url.removeprefix("https://").partition("/")[2]
            assert path.strip("/"), source.label
            assert "?" not in source.url, source.label
