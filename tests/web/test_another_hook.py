"""A hook more is one entry in the table and a service in a site's own cards; nothing else knows its name."""

import shutil

import jsonschema
import pytest

from cds_service.content.places import cards
from cds_service.hooks.hooks import HOOKS, Hook
from cds_service.hooks.schemas import schema
from cds_service.settings import Settings
from tests.calling import as_bytes, requests, serving

SERVICE = """
[[service]]
id = "our-encounter-start"
hook = "encounter-start"
title = "At the beginning of an encounter"
description = "Bedroom safety, for tests."
usage-requirements = "FHIR R4."
rules = ["clonazepam-falls", "rbd-red-flags"]
"""
LEAN = 'encounter-start = ["patient", "conditions", "medicationRequests"]'
FELL = requests()["patient-view-clonazepam-fall"]
STARTED = FELL | {"hook": "encounter-start", "context": FELL["context"] | {"encounterId": "enc-1"}}
PATH = "/cds-services/our-encounter-start"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site that answers another hook with some of its own words."""
    monkeypatch.setitem(HOOKS, "encounter-start", Hook(name="encounter-start", version="1.1"))
    folder = tmp_path / "cards"
    shutil.copytree(cards(Settings()), folder)
    services = folder / "services.toml"
    services.write_text(services.read_text().replace("[prefetch-lean]\n", f"[prefetch-lean]\n{LEAN}\n") + SERVICE)
    with (folder / "families.toml").open("a") as families:
        families.write("\n[cap.encounter-start]\ncards = 1\n")
    card = folder / "clonazepam-falls" / "card.toml"
    card.write_text(card.read_text().replace('summary = "', 'summary = "Ours: '))
    with serving(CDS_CARDS=str(folder), CDS_RECORD="on", CDS_VAR=str(tmp_path)) as call:
        yield call


def test_it_is_discovered_with_the_prefetch_of_its_rules_and_its_own_version(site):
    document = site("", b"", method="GET", path="/cds-services").json
    jsonschema.validate(document, schema("discovery"))
    services = document["services"]
    ours = services[-1]
    assert [service["hook"] for service in services] == [*HOOKS]
    assert (ours["id"], ours["hook"], ours["hookVersion"]) == ("our-encounter-start", "encounter-start", "1.1")
    assert {"patient", "conditions", "medicationRequests"} <= ours["prefetch"].keys() <= services[0]["prefetch"].keys()


def test_it_is_answered_as_another_view_of_the_chart_in_the_words_of_the_site(site):
    jsonschema.validate(STARTED, schema("request"))
    (shown,) = site("", as_bytes(STARTED), path=PATH).cards
    (viewed,) = site("patient-view", as_bytes(FELL)).cards
    assert shown["extension"]["org.rbd-cds.rules"][0] == "clonazepam-falls"
    assert shown["summary"].startswith("Ours: ")
    assert (shown["summary"], shown["indicator"]) == (viewed["summary"], viewed["indicator"])


def test_no_orders_are_asked_of_it_and_none_are_looked_at(site):
    drafts = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "MedicationRequest", "id": "d"}}]}
    with_drafts = STARTED | {"context": STARTED["context"] | {"draftOrders": drafts}}
    assert len(site("", as_bytes(with_drafts), path=PATH).cards) == 1


def test_each_service_answers_its_own_hook_alone(site):
    assert site("", as_bytes(FELL), path=PATH).status == 422
    assert site("patient-view", as_bytes(STARTED)).status == 422
