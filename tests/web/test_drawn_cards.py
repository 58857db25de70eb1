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


def test_buttons_do_nothing_unless_an_address_takes_the_answer():
    assert "<form" not in drawn(CARD)
    assert "<button" not in drawn(CARD)


def test_with_an_address_each_suggestion_and_reason_is_a_button_of_a_form():
    page = drawn(CARD, answer_to="/answers", fields={"turn": "7"})
    assert page.count('<form method="post" action="/answers">') == 3
    assert page.count('<input type="hidden" name="card" value="u-1">') == 3
    assert page.count('<input type="hidden" name="turn" value="7">') == 3
    assert re.findall(r'name="(suggestion|override)" value="([^"]+)"', page) == [
        ("suggestion", "s-1"),
        ("suggestion", "s-2"),
        ("override", "wrong"),
    ]


@pytest.mark.anyio
async def test_the_front_page_draws_a_card_as_the_rules_answer_it(client):
    (case,) = [one for one in cases()["clonazepam-dementia"] if one.name == "alzheimer"]
    card = runner().run("clonazepam-dementia", case).card
    page = (await client.get("/")).text
    for words in (case.says, card.summary, *(one.label for one in card.suggestions), card.source.label):
        assert words.replace("'", "&#39;") in page
