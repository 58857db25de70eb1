"""The pictures of the README: what a visitor sees, taken anew by ``make pictures``."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator

from tests.browser.visits import Visit, Visits
from tests.processes import ROOT

FOLDER = ROOT / "docs/pictures"
MOST_BYTES = 300_000


def bench(visit: Visit) -> Locator:
    visit.go("/bench").page.get_by_role("button", name="Fire").click()
    visit.page.get_by_role("button", name="Replace with melatonin").wait_for()
    return visit.page.get_by_role("heading", name="Test bench")


def outcomes(visit: Visit) -> Locator:
    return visit.go("/outcomes").page.get_by_role("heading", name="Over time")


@pytest.mark.parametrize("take", [bench, outcomes])
def test_a_picture_is_taken(take, chromium: Browser, address: str, year: str, tmp_path: Path) -> None:
    visits = Visits(chromium, year if take is outcomes else address)
    visit = visits.new()
    box = take(visit).bounding_box()
    assert box
    part = {"x": 0, "y": box["y"], "width": 1100, "height": 780}
    folder = FOLDER if os.environ.get("PICTURES") else tmp_path
    visit.page.screenshot(path=folder / f"{take.__name__}.png", full_page=True, clip=part)
    visits.close()


def test_the_readme_shows_them_and_they_are_small() -> None:
    shown = re.findall(r"!\[[^]]+\]\((docs/pictures/[a-z-]+\.png)\)", (ROOT / "README.md").read_text())
    assert {ROOT / one for one in shown} == set(FOLDER.iterdir())
    assert sum(one.stat().st_size for one in FOLDER.iterdir()) < MOST_BYTES
