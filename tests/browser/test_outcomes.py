"""The page of outcomes over a made-up year, as a browser sees it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser.visits import Visits
from tests.calling import requests

PATHS = ("/outcomes", "/outcomes?days=364", "/outcomes?rule=rbd-drug-new&client=demonstration-clinics")
MOST_BYTES = 150_000


@pytest.fixture
def visits(chromium: Browser, year: str) -> Iterator[Visits]:
    made = Visits(chromium, year)
    yield made
    made.close()


@pytest.mark.parametrize("path", PATHS)
def test_it_says_nothing_on_the_console_and_asks_for_little(visits: Visits, path: str) -> None:
    visit = visits.new().go(path)
    assert (visit.said, visit.refused, visit.elsewhere) == ([], [], [])
    assert sum(one.size for one in visit.sent) < MOST_BYTES, visit.sent


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visits: Visits, scheme: str) -> None:
    visit = visits.new(scheme).go(PATHS[0])  # type: ignore[arg-type]
    visit.unfold()
    assert visit.findings() == []


def test_the_keyboard_reaches_everything(visits: Visits) -> None:
    assert visits.new().go(PATHS[0]).out_of_reach() == []


def test_it_fits_on_a_phone(visits: Visits) -> None:
    assert visits.new(width=400).go(PATHS[0]).overflow() <= 0


def test_a_choice_is_made_without_script(visits: Visits) -> None:
    visit = visits.new(script=False).go(PATHS[0])
    visit.page.select_option("[name=rule]", "rbd-drug-new")
    visit.page.click("form.choices button")
    assert "rule=rbd-drug-new" in visit.page.url
    names = visit.page.locator("#rules ~ figure text.name")
    assert names.all_text_contents() == ["rbd-drug-new 1.0.0 (flood)"]


def test_the_steps_behind_a_card_are_found_by_its_uuid(visits: Visits, year: str) -> None:
    answer = httpx.post(f"{year}/cds-services/rbd-order-sign", json=requests()["order-sign-rbd-dementia"])
    visit = visits.new(script=False).go("/why")
    visit.page.fill("[name=of]", answer.json()["cards"][0]["uuid"])
    visit.page.click("form.fields button")
    assert visit.page.locator("details.rule summary .tag").first.text_content() == "found"
    assert (visit.said, visit.refused) == ([], [])
    seen = visits.new("dark", width=400).go(visit.page.url.removeprefix(year))
    assert seen.findings() == []
    assert seen.overflow() <= 0


def test_drawings_have_names_for_those_who_do_not_see_them(visits: Visits) -> None:
    page = visits.new().go(PATHS[0]).page
    for title in ("Cards shown, by what became of them", "Shares over time", "Cards shown, by rule and version"):
        assert page.get_by_role("img", name=title).count() == 1
