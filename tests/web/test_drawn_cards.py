"""A card on a page: every word of it is there, as an EHR would draw it, and what came with it is only shown."""

import re

import pytest

from cds_service.web.pages import templates
from tests.case_runs import cases, runner

CARD = {
    "uuid": "u-1",
    "summary": "Tremor <b>found</b>",
    "indicator": "warning",
    "detail": "**Found:** tremor.\n\n<script>alert(1)</script>",
    "source": {"label": "A guideline"},
    "suggestions": [
        {"label": "Refer", "uuid": "s-1", "isRecommended": True, "actions": [
            {"type": "create", "description": "Draft a referral", "resource": {"resourceType": "ServiceRequest"}},
        ]},
        {"label": "Wait", "uuid": "s-2"},
    ],
    "overrideReasons": [{"system": "urn:x", "code": "wrong", "display": "The record is wrong"}],
    "links": [{"label": "A paper", "url": "https://example.org/paper", "type": "absolute"}],
}  # fmt: skip
LEAST = {"summary": "Tremor", "indicator": "info", "source": {"label": "A guideline"}}


def drawn(card, **parameters):
    return str(templates().get_template("cards.html").module.draw(card, **parameters))  # type: ignore[attr-defined]


def test_everything_on_a_card_is_drawn():
    text = re.sub(r"<[^>]+>", " ", drawn(CARD))
    for words in ("warning", "Found:", "Refer", "recommended", "create", "Draft a referral", "Wait", "A paper",
                  "The record is wrong", "A guideline"):  # fmt: skip
        assert words in text


def test_markdown_is_rendered_and_html_is_shown():
    page = drawn(CARD)
    assert "<strong>Found:</strong>" in page
    assert "<b>" not in page
    assert "<script" not in page


def test_a_card_of_the_least_members_is_drawn():
    assert "Tremor" in drawn(LEAST)


def test_buttons_do_nothing_unless_a_form_takes_the_answer():
    assert "<button" not in drawn(CARD)


def test_with_a_form_each_suggestion_and_reason_is_a_button_of_it():
    page = drawn(CARD, form="bench", place=2)
    assert re.findall(r'<button form="bench".* name="do" value="([^"]+)"', page) == [
        "take 2.0",
        "take 2.1",
        "override 2.wrong",
    ]


def test_what_a_suggestion_changes_is_told_in_words_and_signs():
    text = re.sub(r"<[^>]+>|\s+", " ", drawn(CARD, changes=[[("-", "old"), ("+", "new"), (" ", "same")], []]))
    for words in ("− removes old", "+ adds new", "keeps same"):
        assert words in " ".join(text.split())


@pytest.mark.anyio
async def test_the_front_page_draws_a_card_as_the_rules_answer_it(client):
    (case,) = [one for one in cases()["clonazepam-dementia"] if one.name == "alzheimer"]
    card = runner().run("clonazepam-dementia", case).card
    page = (await client.get("/")).text
    for words in (case.says, card.summary, *(one.label for one in card.suggestions), card.source.label):
        assert words.replace("'", "&#39;") in page
