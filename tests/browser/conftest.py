"""A real browser at the real service: Chromium, driven by Playwright, on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visits import Visits
from tests.processes import ROOT, serving
from tests.real_parts import left_out


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service in open mode, on the day of the examples."""
    with serving(tmp_path_factory.mktemp("service"), CDS_RECORD="off") as (_, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service over a made-up record."""
    folder = tmp_path_factory.mktemp("year")
    told = {"CDS_TODAY": "2026-06-15", "CDS_VAR": str(folder), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "cds_service", "demo-data"], env={**os.environ, **told}, check=True)
    with serving(folder) as (_, port):
        yield f"http://127.0.0.1:{port}"


# Of a module, not of the session: Playwright runs a loop in this thread, and the tests of other modules run their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        left_out("Chromium is not installed (Debian: apt-get install chromium)")
    sandboxed = [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--disable-gpu", *sandboxed])
        yield browser
        browser.close()


@pytest.fixture
def visits(chromium: Browser, address: str) -> Iterator[Visits]:
    made = Visits(chromium, address)
    yield made
    made.close()
