"""The test bench in a real browser: each part changes in place, by mouse and by keyboard, under its own policy."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.visits import Visit
from tests.calling import EXAMPLES, requests

BENCH = "/bench"
FIRST_CARD = "Clonazepam in Alzheimer's disease"
BUNDLE = (EXAMPLES / "patients" / "rbd-dementia.json").read_text()
LARGEST = 150_000


@pytest.fixture
def bench(visits):
    visit = visits.new().go(BENCH)
    yield visit
    assert [visit.said, visit.refused, visit.elsewhere] == [[], [], []]


def cards(visit: Visit):
    return visit.page.locator("article.card")


def fire(visit: Visit) -> None:
    visit.page.get_by_role("button", name=re.compile("^Fire")).click()
    expect(visit.page.locator("#cards")).to_be_visible()


def choose(visit: Visit, patient: str, hook: str) -> None:
    visit.page.locator("#patient").select_option(patient)
    visit.page.locator("#hook").select_option(hook)


def test_one_press_shows_the_card_in_place_of_a_reload(bench):
    fire(bench)
    expect(cards(bench)).to_contain_text(FIRST_CARD)
    expect(bench.page.locator("#said")).to_contain_text("order-select: 1 card")
    assert [one for one in bench.sent if one.path == BENCH and one.size > LARGEST] == []
    assert len([url for url in bench.asked if url.endswith(BENCH)]) == 2


@pytest.mark.parametrize(
    ("patient", "hook", "drug", "says"),
    [
        ("rbd-sertraline", "patient-view", "", "sertraline"),
        ("clonazepam-apnea", "order-select", "clonazepam", "apnea"),
        ("clonazepam-opioid", "order-sign", "oxycodone", "Clonazepam"),
    ],
)
def test_each_hook_is_fired_on_a_shipped_patient(bench, patient, hook, drug, says):
    choose(bench, patient, hook)
    bench.page.locator("#what").fill(drug)
    fire(bench)
    expect(cards(bench).first).to_contain_text(says)


def test_accepting_replaces_the_order_and_overriding_is_recorded(bench):
    fire(bench)
    bench.page.get_by_text(re.compile("^Override: ")).click()
    bench.page.get_by_role("button", name="Benefit outweighs this risk").click()
    expect(bench.page.locator("#said")).to_contain_text("Overridden: Benefit outweighs")
    bench.page.get_by_role("button", name=re.compile("^Replace with melatonin")).click()
    expect(bench.page.locator("#said")).to_contain_text("Accepted: Replace with melatonin")
    expect(bench.page.locator("#hook")).to_have_value("order-sign")
    expect(cards(bench)).to_have_count(0)


def test_a_changed_fact_changes_the_card_without_a_press_and_keeps_the_place(bench):
    fire(bench)
    expect(cards(bench)).to_contain_text("At 65 or over")
    age = bench.page.get_by_label("age", exact=True)
    age.fill("40")
    age.press("Tab")
    expect(cards(bench)).not_to_contain_text("At 65 or over")
    expect(bench.page.get_by_label("born", exact=True)).to_be_focused()


def test_what_is_typed_while_an_answer_is_on_its_way_is_not_lost(bench):
    fire(bench)
    bench.page.route("**/bench", lambda route: (bench.page.wait_for_timeout(400), route.continue_()))
    bench.page.locator("#hook").select_option("order-sign")
    bench.page.wait_for_timeout(200)
    bench.page.locator("#what").fill("sertraline")
    expect(bench.page.locator("#said")).to_contain_text("order-sign: 1 card")
    expect(bench.page.locator("#what")).to_have_value("sertraline")


def test_a_broken_bundle_is_told_beside_the_field_and_not_lost(bench):
    bench.page.get_by_text("Your own chart", exact=True).click()
    bench.page.locator("#text").fill('{"resourceType": "Bundle",\n "entry": [}')
    bench.page.get_by_role("button", name="Fire").click()
    expect(bench.page.locator("#text-fault")).to_contain_text("line 2, column 12")
    expect(bench.page.locator("#text")).to_have_value('{"resourceType": "Bundle",\n "entry": [}')
    assert bench.findings() == []


def test_a_file_that_is_dropped_is_tried(bench):
    files = "(text) => { const held = new DataTransfer(); held.items.add(new File([text], 'b.json')); return held; }"
    dropped = bench.page.evaluate_handle(files, json.dumps(requests()["order-sign-clonazepam-many-risks"]))
    bench.page.dispatch_event(".setup", "drop", {"dataTransfer": dropped})
    expect(cards(bench)).to_have_count(1)
    expect(bench.page.locator("#hook")).to_have_value("order-sign")


def test_another_client_gets_another_dialect(bench):
    fire(bench)
    expect(bench.page.get_by_text(re.compile("^Override: "))).to_have_count(1)
    bench.page.locator("#profile").select_option("v1")
    expect(bench.page.get_by_text(re.compile("^Override: "))).to_have_count(0)
    bench.page.locator("#profile").select_option("epic")
    expect(bench.page.get_by_text(re.compile("^Override: "))).to_have_count(1)


def test_all_of_it_works_by_keyboard_alone(bench):
    keys = bench.page.keyboard
    bench.page.locator("#reason").focus()
    keys.press("Enter")
    expect(bench.page.locator("#cards")).to_be_focused()
    keys.press("Tab")
    expect(bench.page.get_by_role("button", name=re.compile("^Replace with melatonin"))).to_be_focused()
    keys.press("Enter")
    expect(bench.page.locator("#said")).to_contain_text("Accepted")
    assert bench.out_of_reach() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found_before_and_after_a_press(visits, scheme):
    visit = visits.new(scheme).go(BENCH)
    assert visit.findings() == []
    fire(visit)
    visit.unfold()
    assert visit.findings() == []


def test_a_narrow_window_is_not_overflown(visits):
    visit = visits.new(width=360).go(BENCH)
    fire(visit)
    assert visit.overflow() <= 0


def test_a_link_shows_the_same_in_another_window(bench, visits):
    fire(bench)
    address = bench.page.url.partition("/bench")[2]
    other = visits.new().go(BENCH + address)
    expect(cards(other)).to_contain_text(FIRST_CARD)


def test_without_script_a_press_brings_a_whole_page(visits):
    visit = visits.new(script=False).go(BENCH)
    visit.page.get_by_role("button", name="Fire").click()
    expect(cards(visit)).to_contain_text(FIRST_CARD)
    visit.page.get_by_role("button", name=re.compile("^Replace with melatonin")).click()
    expect(visit.page.locator("#said")).to_contain_text("Accepted")
