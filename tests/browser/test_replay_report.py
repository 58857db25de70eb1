"""The report of a replay, opened from its folder without any server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser

from cds_service.cli.main import main
from cds_service.replay.judgements import Codes, Coverage, Damage, Judgement, UnknownCode
from tests.browser.visits import Visits
from tests.replay.judged import A, B, card, ended, judged, run, written

PAPER_WIDTH = 673
"""Of A4, less its margins of 16 mm, in CSS pixels."""
PAGE, DIFFERENCES = "/index.html", "/differences/index.html"
every_page = pytest.mark.parametrize("path", [PAGE, DIFFERENCES])


def judgements() -> Iterator[Judgement]:
    for number in range(300):
        shown = [card(A, "warning", also=(B,))] if number % 50 == 0 else [card(B, "info")] if number % 40 == 0 else []
        outcomes = {A: ended("found", "dementia") if shown else ended("not_met", "clonazepam-proposed")}
        told = {"age": ("45-54", "65-74")[number % 2], "sex": ("female", "male")[number % 3 == 0]}
        day = f"2026-06-{number % 28 + 1:02}"
        yield judged(f"p{number:03}", *shown, outcomes=outcomes, day=day, unreadable={"conditions: code": 2}, **told)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    codes = Codes(
        {
            "medications": Coverage(
                900,
                500,
                9,
                (
                    UnknownCode("<b>system</b>", "<i>code</i>", 12),
                    UnknownCode("s" * 300, "c" * 300, 9),
                ),
            )
        }
    )
    of = run(days=("2026-06-01", "2026-06-28"), damaged=(Damage("Condition.ndjson", "not JSON", 3),))
    folder = written(tmp_path_factory.mktemp("replay"), list(judgements()), of, codes)
    _replay("report", str(folder))
    silent = [msgspec.structs.replace(one, cards=()) for one in judgements()]
    other = written(tmp_path_factory.mktemp("other"), silent, of, codes)
    _replay("diff", str(folder), str(other), "--out", str(folder / "report" / "differences"))
    return folder / "report"


def _replay(*args: str) -> None:
    result = CliRunner().invoke(main, ["replay", *args], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture
def opened(chromium: Browser, report: Path) -> Iterator[Visits]:
    made = Visits(chromium, report.as_uri())
    yield made
    made.close()


@every_page
def test_the_page_needs_nothing_but_itself(opened: Visits, path: str) -> None:
    visit = opened.new().go(path)
    assert (visit.said, visit.refused, visit.elsewhere) == ([], [], [])
    assert [url for url in visit.asked if not url.endswith(path)] == []


@every_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened: Visits, path: str, scheme: str) -> None:
    visit = opened.new(scheme).go(path)  # type: ignore[arg-type]
    visit.unfold()
    assert visit.findings() == []


@every_page
def test_the_keyboard_reaches_everything(opened: Visits, path: str) -> None:
    assert opened.new().go(path).out_of_reach() == []


@every_page
def test_the_page_fits_on_a_phone(opened: Visits, path: str) -> None:
    assert opened.new(width=400).go(path).overflow() <= 0


@every_page
def test_on_paper_no_table_is_cut_and_nothing_is_folded(opened: Visits, path: str) -> None:
    page = opened.new(width=PAPER_WIDTH).go(path).page
    page.emulate_media(media="print")
    cut = "[...document.querySelectorAll('table, figure')].filter((one) => one.getBoundingClientRect().right > %d)"
    assert page.evaluate(f"({cut % PAPER_WIDTH}).map((one) => one.innerText.slice(0, 60))") == []
    folded = "[...document.querySelectorAll('details table')].filter((one) => !one.checkVisibility()).length"
    assert page.evaluate(folded) == 0


def test_what_is_most_looked_for_stands_at_the_head(opened: Visits) -> None:
    page = opened.new().go(PAGE).page
    assert page.locator(".glance").inner_text().startswith("40.0 cards per 1,000 chart views")
    assert page.get_by_role("alert").inner_text() == "The budget is not kept."


@every_page
def test_every_link_of_the_page_leads_somewhere(opened: Visits, report: Path, path: str) -> None:
    page = opened.new().go(path).page
    targets = [str(one.get_attribute("href")) for one in page.locator("a").all()]
    files, places = [one for one in targets if one[0] != "#"], [one for one in targets if one[0] == "#"]
    assert all(((report / path[1:]).parent / name).is_file() for name in files)
    assert all(page.locator(place).count() == 1 for place in places)


def test_the_words_of_an_export_are_shown_and_not_obeyed(opened: Visits) -> None:
    page = opened.new().go(PAGE).page
    assert page.locator("td b, td i").count() == 0
    assert "<i>code</i>" in page.locator("body").inner_text()
