"""The links of a card: why it is shown, what it rests on, what to read or to hand over."""

from __future__ import annotations

import pytest

from cds_service.authoring.cases import DAY
from cds_service.authoring.run_cases import CaseResult
from cds_service.decisions.cards import Visit
from cds_service.decisions.decide import decide
from cds_service.decisions.service import DecisionService
from cds_service.hooks.responses import Card
from tests.case_runs import case_results, cases, ruleset

SITE = "https://cds.hospital.example"


def cards_at(result: CaseResult, address: str = SITE) -> tuple[Card, ...]:
    visit = Visit("Practitioner/example", "pat", service_url=address)
    service = ruleset().content.service(f"rbd-{result.case.hook}")
    return tuple(decide(ruleset(), service, result.facts, visit).cards)


def shown(rule: str) -> CaseResult:
    return next(result for result in case_results(rule) if result.case.shown and result.card)


def test_every_card_leads_first_to_the_page_of_the_rule_that_leads_it():
    for rule in cases():
        for card in cards_at(shown(rule)):
            lead = card.extension["org.rbd-cds.rules"][0]
            assert card.links[0].url == f"{SITE}/catalogue/{lead}"


def test_no_card_has_more_than_four_links_or_the_same_twice():
    for rule in cases():
        for result in case_results(rule):
            for card in cards_at(result):
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
    urls = [link.url for card in cards_at(shown(rule)) for link in card.links]
    assert f"{SITE}/leaflets/{leaflet}" in urls


@pytest.mark.parametrize("address", ["http://cds.hospital.example", "http://127.0.0.1:8000"])
def test_a_service_without_https_links_to_none_of_its_own_pages(address):
    (card, *_) = cards_at(shown("bedroom-safety"), address)
    assert card.links
    assert all(link.url.startswith("https://") for link in card.links)


@pytest.mark.parametrize(("address", "leads"), [(SITE, True), ("http://127.0.0.1:8000", False)])
def test_the_description_of_each_service_leads_to_the_source_attributes_over_https(address, leads):
    services = DecisionService(ruleset(), lambda: DAY, url=address).services.values()
    assert {f"{address}/catalogue." in service.description for service in services} == {leads}


def test_no_evidence_is_linked_by_a_home_page_or_a_search():
    for source in ruleset().content.evidence.values():
        if source.url:
            path = source.url.removeprefix("https://").partition("/")[2]
            assert path.strip("/"), source.label
            assert "?" not in source.url, source.label
