"""The pages of the rules in a browser."""

import json
import re
from html import unescape
from time import perf_counter
from urllib.parse import urlencode

import httpx
import pytest

from cds_service.authoring.examples import Examples
from cds_service.content.places import cards
from cds_service.settings import Settings
from cds_service.terminology.value_sets import ValueSet
from cds_service.web.catalogue import rendered
from cds_service.web.search import Asked, entries
from tests.calling import application_with
from tests.case_runs import cases, ruleset, runner
from tests.contract import speaking_to
from tests.web.browsing import browser

__all__ = ["browser"]

pytestmark = pytest.mark.anyio
RULES = sorted(ruleset().content.rules)


def text_of(page: str) -> str:
    """What is read on a page, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def found(browser: httpx.AsyncClient, **asked: str) -> set[str]:
    page = (await browser.get(f"/catalogue?{urlencode(asked)}")).text
    return set(re.findall(r'class="title" href="/catalogue/([^"]+)"', page))


async def test_every_rule_is_listed_and_every_link_leads_somewhere(browser: httpx.AsyncClient) -> None:
    assert await found(browser) == set(RULES)
    page = (await browser.get("/catalogue")).text
    for link in sorted(set(re.findall(r'href="(/[^"#]*)', page))):
        assert (await browser.get(unescape(link))).status_code == 200, link


@pytest.mark.parametrize("path", ["clonazepam-dementia", "statements", "value-sets", "myoclonus-types"])
async def test_every_link_of_a_page_below_it_leads_somewhere(browser: httpx.AsyncClient, path: str) -> None:
    page = (await browser.get(f"/catalogue/{path}")).text
    for link in sorted(set(re.findall(r'href="(/[^"#]*)', page))):
        assert (await browser.get(unescape(link))).status_code == 200, link


async def test_the_rules_that_speak_about_sertraline_are_found_by_drug_by_word_and_by_brand(browser) -> None:
    by_drug = await found(browser, drug="sertraline")
    assert {"rbd-drug-new", "rbd-drug-current", "maoi-combination", "myoclonus-serotonergic"} <= by_drug
    assert "clonazepam-falls" not in by_drug
    assert by_drug <= await found(browser, text="Sertraline")
    assert by_drug <= await found(browser, text="zoloft")


async def test_rules_are_found_by_hook_indicator_and_family_together(browser) -> None:
    every = list(entries(ruleset().content, Examples(ruleset())))
    wanted = {
        one.rule.id
        for one in every
        if "order-sign" in one.hooks and "critical" in one.indicators and one.rule.family == "clonazepam"
    }
    assert wanted
    assert await found(browser, hook="order-sign", indicator="critical", family="clonazepam") == wanted


async def test_every_word_must_be_there(browser) -> None:
    assert "clonazepam-dementia" in await found(browser, text="beers moca")
    assert await found(browser, text="beers moca nosuchword") == set()


async def test_what_is_asked_is_shown_again_and_not_obeyed(browser) -> None:
    page = (await browser.get("/catalogue?" + urlencode({"text": '"><script>alert(1)</script>', "hook": "<b>"}))).text
    assert "<script>alert" not in page
    assert "&#34;&gt;&lt;script&gt;" in page


def test_a_query_of_any_length_asks_for_little() -> None:
    assert len(Asked.of({"text": "x" * 10_000}).text) == 100


@pytest.mark.parametrize("rule", RULES)
async def test_the_page_of_a_rule_has_its_criteria_numbers_evidence_and_every_case(browser, rule: str) -> None:
    page = (await browser.get(f"/catalogue/{rule}")).text
    text, content = text_of(page), ruleset().content.rules[rule]
    said = [content.title, content.question, *(one.text for one in content.criteria), content.version]
    said += [one.says for one in cases()[rule]]
    said += [ruleset().content.evidence[one.id].citation for one in content.evidence]
    for words in said:
        assert " ".join(words.split()) in text, words
    assert "Not yet reviewed by a clinician." in text
    assert text.index(content.question) < text.index(content.id, text.index("For those who keep it"))


@pytest.mark.parametrize("rule", RULES)
async def test_the_card_on_the_page_is_what_the_rules_answer_to_its_case(browser, rule: str) -> None:
    page = (await browser.get(f"/catalogue/{rule}")).text
    name = re.search(r'to the case <a href="#case-([^"]+)"', page)
    assert name is not None
    (case,) = [one for one in cases()[rule] if one.name == name[1]]
    card = runner().run(rule, case).card
    assert card is not None
    drawn = text_of(page[page.index("<article") : page.index("</article>")])
    assert rule in card.extension["org.rbd-cds.rules"]
    for words in (card.indicator, card.summary, card.source.label, *(one.label for one in card.suggestions)):
        assert words in drawn
    assert f'id="case-{case.name}"' in page


async def test_the_cases_of_a_rule_are_found_by_answer_hook_and_word(browser) -> None:
    page = (await browser.get("/catalogue/clonazepam-dementia?answer=warning&hook=order-select&text=alzheimer")).text
    wanted = {
        one.name
        for one in cases()["clonazepam-dementia"]
        if (one.expect, one.hook) == ("warning", "order-select") and "alzheimer" in f"{one.name} {one.says}".casefold()
    }
    assert set(re.findall(r'id="case-([^"]+)"', page)) == wanted != set()
    assert "<details open>" in page


async def test_on_paper_nothing_is_folded(browser) -> None:
    page = (await browser.get("/catalogue/clonazepam-dementia?view=print")).text
    assert set(re.findall(r"<details[^>]*>", page)) - {'<details class="override">'} == {"<details open>"}


async def test_every_page_is_small_with_all_that_it_asks_for(browser) -> None:
    asked_for = sum(
        [len((await browser.get(f"/static/{name}")).content) for name in ("house.css", "live.js", "icon.svg")]
    )
    every = ["/", "/catalogue", "/catalogue/statements", "/catalogue/value-sets", "/catalogue/screening-form"]
    every += (f"/catalogue/{rule}?view=print" for rule in RULES)
    every += (f"/catalogue/value-sets/{one.name}" for one in ruleset().content.value_sets)
    for path in every:
        page = await browser.get(path)
        assert page.status_code == 200
        assert len(page.content) + asked_for < 150_000, path


@pytest.mark.timing
@pytest.mark.parametrize("path", ["/", "/catalogue", "/catalogue?text=sertraline", "/catalogue/clonazepam-dementia"])
async def test_a_page_answers_within_a_tenth_of_a_second(browser, path: str) -> None:
    await browser.get("/catalogue/clonazepam-falls")  # the libraries are loaded, and the cases of the rules are read
    await browser.get("/catalogue?text=x")
    await browser.get("/")
    started = perf_counter()
    await browser.get(path)
    assert perf_counter() - started < 0.1


async def test_an_unknown_rule_is_not_found(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/catalogue/no-such-rule")).status_code == 404


@pytest.mark.attack("A script in a page of the catalogue", "shown as text")
async def test_html_in_a_page_is_shown_and_not_obeyed() -> None:
    assert "<script>" not in rendered("<script>alert(1)</script>")


async def test_what_a_site_changes_is_on_the_pages_and_the_shipped_text_beside_it(tmp_path) -> None:
    for name, text in {
        "clonazepam-dementia/card.toml": 'title = "Ours"\n',
        "leaflets/safe-bedroom.md": "# Ours\n",
        "myoclonus-types.md": "# Ours\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    async with speaking_to(application_with(CDS_CARDS=str(tmp_path))) as site:
        for address, ours in (
            ("/catalogue/clonazepam-dementia", True),
            ("/catalogue/myoclonus-types", True),
            ("/leaflets/safe-bedroom", True),
            ("/catalogue/clonazepam-falls", False),
            ("/leaflets/harmless-jerks", False),
            ("/Questionnaire/rbd-screen", False),
        ):
            page = await site.get(address)
            assert (page.status_code, "<h1>Ours</h1>" in page.text) == (200, ours), address


async def test_cases_that_cannot_be_read_are_said_to_be_so(tmp_path) -> None:
    (tmp_path / "clonazepam-dementia").mkdir()
    (tmp_path / "clonazepam-dementia" / "cases.toml").write_text("[[case]\n")
    async with speaking_to(application_with(CDS_CARDS=str(tmp_path))) as site:
        page = text_of((await site.get("/catalogue/clonazepam-dementia")).text)
    assert "The cases of this rule cannot be read" in page
    assert "No case of this rule shows a card" not in page


async def test_the_source_attributes_of_every_rule_are_served_as_json_and_told_on_its_page(browser) -> None:
    for rule in RULES:
        answer = await browser.get(f"/rules/{rule}/source-attributes.json")
        assert answer.headers["content-type"] == "application/json"
        told = answer.json()
        assert (told["rule"], len(told["attributes"])) == (rule, 13)
        page = (await browser.get(f"/catalogue/{rule}")).text
        assert f"/rules/{rule}/source-attributes.json" in page
        assert all(one["title"] in unescape(page) for one in told["attributes"])
    assert (await browser.get("/rules/no-such-rule/source-attributes.json")).status_code == 404


async def test_each_statement_has_its_homes_and_what_shows_it(browser) -> None:
    text = text_of((await browser.get("/catalogue/statements")).text)
    for name, one in ruleset().content.statements.items():
        assert f"{name} {' '.join(one.says.split())}" in text
        assert (one.case or one.not_computed or "") in text
    assert "1 of 113 statements" in text_of((await browser.get("/catalogue/statements?text=S2-14")).text)


async def test_a_value_set_is_found_by_a_code_and_read_by_name(browser) -> None:
    page = (await browser.get("/catalogue/value-sets?text=52448006&kind=condition")).text
    assert 'href="/catalogue/value-sets/dementia"' in page
    assert 'href="/catalogue/value-sets/clonazepam"' not in page
    one = text_of((await browser.get("/catalogue/value-sets/clonazepam")).text)
    assert "Klonopin" in one
    assert "RxNorm" in one


async def test_every_value_set_is_given_out_as_the_fhir_resource_of_its_file(browser) -> None:
    for one in ruleset().content.value_sets:
        answer = await browser.get(f"/ValueSet/{one.name}")
        assert answer.headers["content-type"] == "application/fhir+json"
        assert answer.content == (cards(Settings()) / f"value-sets/{one.name}.json").read_bytes()


async def test_a_value_set_that_a_site_changes_is_given_out_as_it_holds_there(tmp_path) -> None:
    (tmp_path / "value-sets").mkdir()
    (tmp_path / "value-sets" / "ssri.toml").write_text(
        'add = [{ system = "urn:oid:1.2.3", code = "77", display = "House sertraline", ingredient = "sertraline" }]\n'
        'take = [{ system = "http://www.nlm.nih.gov/research/umls/rxnorm", code = "903873" }]\n'
        'add-words = ["sertralina casa"]\ntake-words = ["Besitran"]\n'
    )
    application = application_with(CDS_CARDS=str(tmp_path))
    (held,) = [one for one in application.content.value_sets if one.name == "ssri"]
    async with speaking_to(application) as site:
        given = (await site.get("/ValueSet/ssri")).content
    assert ValueSet.from_json(json.loads(given)) == held
    assert b"House sertraline" in given


async def test_the_screening_form_is_read_question_by_question(browser) -> None:
    text = text_of((await browser.get("/catalogue/screening-form")).text)
    form = (await browser.get("/Questionnaire/rbd-screen")).json()
    assert all(item["text"] in text for item in form["item"])
