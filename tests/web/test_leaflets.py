"""The pages for patients: plain, for everyone, and linked from the cards they belong to."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import httpx
import msgspec
import pytest

from cds_service.content.leaflets import PATH, links_to, text_of
from cds_service.content.load import load
from cds_service.content.model import Content, Leaflet
from cds_service.web.leaflets import addresses
from tests.web.browsing import browser

__all__ = ["browser"]

pytestmark = pytest.mark.anyio
CONTENT = load(Path("cards"))
LEAFLETS = sorted(CONTENT.leaflets)


def changed(**members: object) -> Content:
    one = msgspec.structs.replace(CONTENT.leaflets["safe-bedroom"], **members)
    leaflets = {**CONTENT.leaflets, "safe-bedroom": one}
    return msgspec.structs.replace(CONTENT, leaflets=leaflets)


@pytest.mark.parametrize("name", LEAFLETS)
async def test_a_leaflet_is_its_whole_text_without_script_or_outside_address(
    browser: httpx.AsyncClient, name: str
) -> None:
    page = await browser.get(f"{PATH}/{name}")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert not re.findall(r'(?:src|href)="(?!/static/)', page.text)
    shown = " ".join(re.sub(r"<[^>]+>", " ", page.text).split())
    for sentence in re.findall(r"[A-Z][^.*\n#]+\.", text_of(CONTENT.files, name).read_text()):
        assert sentence.replace('"', "&quot;") in shown


async def test_a_leaflet_says_that_no_clinician_has_read_it_until_one_is_named(browser: httpx.AsyncClient) -> None:
    page = (await browser.get(f"{PATH}/safe-bedroom")).text
    assert "Not yet reviewed by a clinician." in page
    leaflet = Leaflet(
        label="x", written_on=date(2026, 11, 29), reviewed_by="Dr. Ada Example", reviewed_on=date(2026, 12, 1)
    )
    assert leaflet.review == "Reviewed by Dr. Ada Example, 2026-12-01."


async def test_a_leaflet_that_is_switched_off_is_neither_served_nor_linked() -> None:
    off = changed(enabled=False)
    assert f"{PATH}/safe-bedroom" not in addresses(off)
    assert "leaflet-safe-bedroom" not in links_to(off.leaflets)
    assert f"{PATH}/safe-bedroom" in addresses(CONTENT)


@pytest.mark.parametrize("name", LEAFLETS)
async def test_every_leaflet_is_linked_from_a_card(name: str) -> None:
    linking = [rule.id for rule in CONTENT.rules.values() if f"leaflet-{name}" in rule.links]
    assert linking
