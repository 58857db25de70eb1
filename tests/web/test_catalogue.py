"""The pages of the rules in a browser."""

import re

import httpx
import pytest

from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from cds_service.web.catalogue import rendered
from tests.case_runs import ruleset
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


@pytest.mark.attack("A script in a page of the catalogue", "shown as text")
async def test_html_in_a_page_is_shown_and_not_obeyed() -> None:
    assert "<script>" not in rendered("<script>alert(1)</script>")


async def test_a_site_s_own_page_and_leaflet_are_served_and_the_shipped_ones_beside_them(tmp_path) -> None:
    for name in ("clonazepam-dementia/README.md", "leaflets/safe-bedroom.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("# Ours\n")
    app = create_app(Application(Settings(cards=tmp_path, record="off")))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as site,
    ):
        for address, ours in (
            ("/catalogue/clonazepam-dementia", True),
            ("/leaflets/safe-bedroom", True),
            ("/catalogue/clonazepam-falls", False),
            ("/leaflets/harmless-jerks", False),
            ("/Questionnaire/rbd-screen", False),
        ):
            found = await site.get(address)
            assert (found.status_code, "<h1>Ours</h1>" in found.text) == (200, ours), address


async def test_the_source_attributes_of_every_rule_are_served_as_json_and_told_on_its_page(browser) -> None:
    rules = sorted(ruleset().content.rules)
    for rule in rules:
        found = await browser.get(f"/rules/{rule}/source-attributes.json")
        assert found.headers["content-type"] == "application/json"
        told = found.json()
        assert (told["rule"], len(told["attributes"])) == (rule, 13)
        page = (await browser.get(f"/catalogue/{rule}")).text
        assert f"/rules/{rule}/source-attributes.json" in page
        assert all(one["title"] in page for one in told["attributes"])
    assert (await browser.get("/rules/no-such-rule/source-attributes.json")).status_code == 404
