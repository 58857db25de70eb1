"""The start page."""

import re
import shutil
from datetime import date
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from cds_service.content.load import load
from cds_service.content.model import Signature
from cds_service.content.places import cards
from cds_service.content.reviews import written
from cds_service.settings import Settings
from tests.calling import TODAY, application_with, opened
from tests.contract import speaking_to

pytestmark = pytest.mark.anyio


async def page_of(**environment):
    async with speaking_to(application_with(**environment)) as client:
        return await client.get("/")


async def test_the_start_page_shows_the_services_and_the_discovery_address(client):
    page = await client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for words in ("chart review", "/cds-services/rbd-order-sign", "http://127.0.0.1:8000/cds-services", "Open mode"):
        assert words in page.text


async def test_the_page_needs_nothing_that_its_policy_forbids(client):
    page = await client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", page.text)
    (sheet,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    styles = await client.get(sheet)
    assert styles.headers["content-type"] == "text/css; charset=utf-8"
    assert "url(" not in styles.text


async def test_what_a_page_asks_for_changes_its_address_with_its_content_and_may_be_kept(client):
    page = await client.get("/")
    asked = re.findall(r'href="(/static/[^"]+)"', page.text)
    assert len(asked) == 2
    for address in asked:
        found = await client.get(address)
        assert re.fullmatch(r"/static/[a-z.]+\?[0-9a-f]{8}", address)
        assert found.headers["cache-control"] == "public, max-age=86400"
        assert (await client.get(address, headers={"if-none-match": found.headers["etag"]})).status_code == 304


async def test_nothing_else_of_the_folder_of_static_files_is_served(client):
    for address in ("/static", "/static/", "/static/../pages.py", "/static/start.html"):
        assert (await client.get(address)).status_code == 404


async def test_the_links_to_the_sandbox_name_this_server_and_a_patient_with_a_card():
    page = await page_of(CDS_PORT="8123")
    links = [
        parse_qs(urlsplit(unescape(link)).query) for link in re.findall(r'href="([^"]*sandbox[^"]*\?[^"]*)"', page.text)
    ]
    assert [(link["patientId"], link["hook"]) for link in links] == [
        (["rbd-sertraline"], ["patient-view"]),
        (["rbd-dementia"], ["order-select"]),
    ]
    for link in links:
        assert link["serviceDiscoveryURL"] == ["http://127.0.0.1:8123/cds-services"]
        assert link["fhirServiceUrl"] == ["http://127.0.0.1:8180/fhir"]


@pytest.mark.parametrize("today", [TODAY, "2026-11-30", "2027-11-30"])
async def test_the_patient_of_the_sandbox_has_a_card_today_too(today):
    async with speaking_to(application_with(CDS_TODAY=today)) as client:
        answer = await client.post("/cds-services/rbd-patient-view", json=opened("rbd-sertraline"))
    assert answer.json()["cards"]


async def test_every_page_says_that_nobody_has_reviewed_the_rules_yet(client):
    assert "No clinician has reviewed these 33 rules yet." in (await client.get("/")).text


async def test_signed_rules_are_counted(tmp_path):
    content = load(cards(Settings()))
    first, *_ = content.rules
    signature = Signature(by="Ada Example", role="neurologist", on=date(2026, 6, 1), digest=content.said[first])
    (tmp_path / "reviews.toml").write_text(written(first, signature))
    page = await page_of(CDS_CARDS=str(tmp_path))
    assert "A clinician has signed 1 of 33 rules; the others are not yet reviewed." in page.text


async def test_every_link_within_the_service_leads_somewhere(client):
    page = await client.get("/")
    inner = set(re.findall(r'href="(/[^"]*)"', page.text))
    assert "/cds-services" in inner
    for address in inner:
        assert (await client.get(address)).status_code == 200


async def test_a_fixed_day_and_silence_are_told_on_the_page():
    page = await page_of(CDS_TODAY="2026-11-20", CDS_MODE="silent")
    assert "2026-11-20" in page.text
    assert "Silent mode" in page.text


async def test_words_from_the_content_are_escaped(tmp_path):
    shutil.copytree(cards(Settings()), tmp_path / "cards")
    services = tmp_path / "cards" / "services.toml"
    services.write_text(services.read_text().replace('title = "RBD', 'title = "<b>bold</b> RBD'))
    page = await page_of(CDS_CARDS=str(tmp_path / "cards"))
    assert "&lt;b&gt;bold&lt;/b&gt; RBD" in page.text
    assert "<b>bold" not in page.text
