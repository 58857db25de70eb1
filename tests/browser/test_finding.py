"""Finding in the catalogue: while one types, and without any script."""

from __future__ import annotations

import pytest

from tests.browser.visits import Visit, Visits


def listed(visit: Visit) -> list[str]:
    return visit.page.locator("#results .title").all_inner_texts()


def test_the_list_shrinks_while_one_types_and_the_address_can_be_sent_on(visits: Visits) -> None:
    visit = visits.new().go("/catalogue")
    every = listed(visit)
    visit.page.get_by_label("Words").press_sequentially("fluvoxamine melatonin")
    visit.page.get_by_text("rules match").wait_for()
    visit.page.wait_for_url("**/catalogue?text=fluvoxamine+melatonin")
    assert "Melatonin with fluvoxamine" in listed(visit)
    assert len(listed(visit)) < len(every)
    assert listed(visits.new().go("/catalogue?text=fluvoxamine+melatonin")) == listed(visit)
    assert (visit.said, visit.refused) == ([], [])


def test_a_choice_is_answered_at_once(visits: Visits) -> None:
    visit = visits.new().go("/catalogue")
    visit.page.locator("select[name=drug]").select_option("sertraline")
    visit.page.get_by_text("rules match").wait_for()
    assert "A new drug that can cause or worsen RBD" in listed(visit)


def test_without_script_the_button_asks(visits: Visits) -> None:
    visit = visits.new(script=False).go("/catalogue")
    visit.page.locator("select[name=drug]").select_option("sertraline")
    visit.page.get_by_role("button", name="Find").click()
    assert visit.page.url.endswith("drug=sertraline&hook=&indicator=&family=")
    assert "A new drug that can cause or worsen RBD" in listed(visit)


@pytest.mark.parametrize("script", [True, False])
def test_the_cases_of_a_rule_are_unfolded_where_they_are_found(visits: Visits, script: bool) -> None:
    visit = visits.new(script=script).go("/catalogue/clonazepam-dementia")
    assert not visit.page.get_by_text("Lewy body dementia: named as such").is_visible()
    visit.page.locator("#cases ~ form").get_by_label("Words").fill("lewy-body")
    if not script:
        visit.page.get_by_role("button", name="Find").click()
    visit.page.get_by_text("Lewy body dementia: named as such").wait_for()


def test_what_is_folded_is_on_paper_too(visits: Visits) -> None:
    visit = visits.new().go("/catalogue/clonazepam-dementia?view=print")
    visit.page.emulate_media(media="print")
    assert visit.page.get_by_text("Lewy body dementia: named as such").is_visible()
    assert not visit.page.get_by_role("navigation").is_visible()
