"""The pictures of the README: what a visitor sees, taken anew by ``make pictures``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator

from tests.browser.visits import Visit, Visits
from tests.processes import ROOT

FOLDER = ROOT / "docs/pictures"
MOST_BYTES = 300_000
README = (ROOT / "README.md").read_text(encoding="utf-8")


def bench(visit: Visit) -> Locator:
    visit.go("/bench").page.get_by_role("button", name="Fire").click()
    visit.page.get_by_role("button", name="Replace with melatonin").wait_for()
    return visit.page.get_by_role("heading", name="Test bench")


def outcomes(visit: Visit) -> Locator:
    return visit.go("/outcomes").page.get_by_role("heading", name="Over time")


def replay(visit: Visit) -> Locator:
    return visit.go("/index.html").page.get_by_role("heading", name="What the cards would have said")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """As the two commands of the README make it."""
    folder = tmp_path_factory.mktemp("report")
    for command in re.findall(r"^cds-service ((?:demo-bulk|replay) .*?)(?: --open)?$", README, re.MULTILINE):
        program = [sys.executable, "-m", "cds_service", *command.split()]
        subprocess.run(program, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    return (folder / "replay" / "report").as_uri()


@pytest.mark.parametrize("take", [bench, outcomes, replay])
def test_a_picture_is_taken(take, chromium: Browser, address: str, year: str, report: str, tmp_path: Path) -> None:
    visits = Visits(chromium, {bench: address, outcomes: year, replay: report}[take])
    visit = visits.new()
    box = take(visit).bounding_box()
    assert box
    part = {"x": 0, "y": box["y"], "width": 1100, "height": 640}
    folder = FOLDER if os.environ.get("PICTURES") else tmp_path
    visit.page.screenshot(path=folder / f"{take.__name__}.png", full_page=True, clip=part)
    visits.close()


def test_the_readme_shows_them_and_they_are_small() -> None:
    shown = re.findall(r"!\[[^]]+\]\((docs/pictures/[a-z-]+\.png)\)", README)
    assert {ROOT / one for one in shown} == set(FOLDER.iterdir())
    assert sum(one.stat().st_size for one in FOLDER.iterdir()) < MOST_BYTES
