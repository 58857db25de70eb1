"""The start page."""

import re
import shutil

import pytest

from cds_service.content.places import cards
from cds_service.settings import Settings
from tests.calling import application_with
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
