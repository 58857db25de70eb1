"""What every page keeps to, as a browser sees it."""

from __future__ import annotations

import pytest

from cds_service.web.pages import NAVIGATION
from tests.browser.visits import Visits

PAGES = (
    *NAVIGATION,
    "/catalogue/clonazepam-dementia",
    "/catalogue/clonazepam-dementia?view=print",
    "/catalogue/statements",
    "/catalogue/value-sets",
    "/catalogue/value-sets/opioid",
    "/catalogue/screening-form",
    "/catalogue/myoclonus-types",
    "/leaflets/safe-bedroom",
    "/why",
)
"""One of each kind; whoever adds a kind of page adds one here."""
MOST_BYTES = 150_000
PHONE = 400

every_page = pytest.mark.parametrize("path", PAGES)


@every_page
def test_a_page_says_nothing_on_the_console_and_asks_for_nothing_that_is_refused_or_elsewhere(
    visits: Visits, path: str
) -> None:
    visit = visits.new().go(path)
    assert (visit.said, visit.refused, visit.elsewhere) == ([], [], [])
    assert {one.status for one in visit.sent} == {200}


@every_page
def test_a_page_with_all_that_it_asks_for_is_small(visits: Visits, path: str) -> None:
    sent = visits.new().go(path).sent
    assert sum(one.size for one in sent) < MOST_BYTES, sent


@every_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visits: Visits, path: str, scheme: str) -> None:
    visit = visits.new(scheme).go(path)
    visit.unfold()
    assert visit.findings() == []


@every_page
def test_the_keyboard_reaches_everything(visits: Visits, path: str) -> None:
    assert visits.new().go(path).out_of_reach() == []


@every_page
def test_a_page_fits_on_a_phone(visits: Visits, path: str) -> None:
    assert visits.new(width=PHONE).go(path).overflow() <= 0
