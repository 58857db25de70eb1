"""The harness itself: it sees what it is there to see."""

from __future__ import annotations

import pytest

from tests.browser.visits import Visit, Visits


@pytest.fixture
def visit(visits: Visits) -> Visit:
    return visits.new().go("/")


def test_it_sees_text_that_is_hard_to_read(visit: Visit) -> None:
    visit.page.evaluate("document.querySelector('h1').setAttribute('class', 'faint')")
    visit.page.evaluate("document.querySelector('h1').style.color = '#cccccc'")
    assert any(one.startswith("color-contrast") for one in visit.findings())


def test_it_sees_what_the_policy_refuses(visit: Visit) -> None:
    visit.page.evaluate("document.head.append(Object.assign(document.createElement('script'), {src: '/x.js'}))")
    visit.page.wait_for_function("window.refused.length > 0")
    assert any("script-src" in one for one in visit.refused)


def test_it_sees_what_the_keyboard_cannot_reach(visit: Visit) -> None:
    visit.page.evaluate("document.querySelector('main a').tabIndex = -1")
    assert len(visit.out_of_reach()) == 1


def test_it_sees_what_is_wider_than_the_window(visits: Visits) -> None:
    visit = visits.new(width=400).go("/")
    visit.page.evaluate("document.querySelector('h1').style.width = '600px'")
    assert visit.overflow() > 0
