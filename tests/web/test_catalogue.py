"""The pages of the rules in a browser."""

import re

import httpx
import pytest

from cds_service.web.catalogue import rendered
from tests.web.browsing import browser

__all__ = ["browser"]

pytestmark = pytest.mark.anyio


async def test_every_link_from_the_catalogue_leads_to_a_page(browser: httpx.AsyncClient) -> None:
    found = await browser.get("/catalogue")
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    links = set(re.findall(r'href="(/[^"]*)"', found.text))
    assert len([link for link in links if link.startswith("/catalogue/")]) >= 32
    for link in links:
        page = await browser.get(link)
        assert page.status_code == 200, link
        for inner in set(re.findall(r'href="(/catalogue/[^"#]*)"', page.text)):
            assert (await browser.get(inner)).status_code == 200, f"{link} -> {inner}"


async def test_a_rule_page_holds_its_criteria_and_cases(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/catalogue/clonazepam-dementia")).text
    assert "<table>" in page
    assert "clinical review" in page.lower()


async def test_an_unknown_rule_is_not_found(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/catalogue/no-such-rule")).status_code == 404


async def test_html_in_a_page_is_shown_and_not_obeyed() -> None:
    assert "<script>" not in rendered("<script>alert(1)</script>")
