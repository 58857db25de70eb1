"""The page of a card folder says what the card file and its cases say, one sentence per line."""

import msgspec
import pytest

from cds_service.authoring.answers import CaseAnswer
from cds_service.authoring.cases import Case
from cds_service.authoring.page import catalogue, pages, rule_page, stale
from cds_service.authoring.statements import inventory
from cds_service.content.load import load
from cds_service.hooks.responses import Card, Source, Suggestion

CASE = Case(name="shakes", says="Somebody | shakes", hook="patient-view", chart=("patient-66m",), expect="info")
CARD = Card(
    summary="Tremor found",
    indicator="info",
    detail="**Found:** Tremor. It is common.\n\nAnother paragraph.",
    source=Source(label="Source"),
    suggestions=(Suggestion(label="Refer", is_recommended=True),),
    selection_behavior="at-most-one",
)
FOUND = CaseAnswer(CASE, "info", "found", ("common",), {"what": "Tremor"}, CARD, True)
QUIET = CaseAnswer(CASE, "silent")
UNKNOWN = CaseAnswer(CASE, "undetermined", missing="conditions: not sent")


@pytest.fixture
def page(small):
    return rule_page(load(small.folder), "tremor", (FOUND, QUIET, UNKNOWN))


def test_the_criteria_are_sentences_with_their_numbers(page):
    assert "- The patient shakes at least 4 times a second." in page.splitlines()
    assert "- It is below 10 degrees." in page.splitlines()


def test_what_happens_without_knowing_is_said(page):
    assert '  Where that cannot be looked up, the card says "Not checked: the temperature".' in page.splitlines()
    assert "  Where that cannot be looked up, it stays silent, and the response says so." in page.splitlines()


def test_the_summaries_carry_the_values_of_a_case(page):
    assert "| `found` | Always. | Tremor found |" in page


def test_a_wording_that_no_case_reaches_shows_its_template(small):
    assert "| `found` | Always. | {what} found |" in rule_page(load(small.folder), "tremor", ())


def test_one_whole_card_is_shown_one_sentence_per_line(page):
    assert "> **Found:** Tremor.\n> It is common.\n>\n> Another paragraph." in page
    assert "> Offers: Refer (recommended)." in page


def test_numbers_come_with_unit_home_and_source(page):
    assert "| warm | 10 Cel | this card | Somebody |" in page
    assert "| limit | 4 /s | `phenotypes/shaking.toml` | Somebody |" in page


def test_evidence_comes_with_grade_and_full_citation(page):
    assert "- **Source 2020** (grade 3, expert consensus, cohorts or series; cohort): Tremor exists." in page
    assert "  Somebody. A paper. J 2020;1:1." in page
    assert "  <https://example.org/paper>" in page


def test_each_case_is_a_row_with_its_answer(page):
    rows = [line for line in page.splitlines() if line.startswith("| Somebody")]
    assert rows == [
        "| Somebody \\| shakes | patient-view | **info** `found` | `shakes` |",
        "| Somebody \\| shakes | patient-view | silence | `shakes` |",
        "| Somebody \\| shakes | patient-view | cannot be told (conditions: not sent) | `shakes` |",
    ]


def test_suggestions_reasons_review_and_version_are_named(page):
    for said in (
        "| Refer | Draft referral | `found` |",
        "- The record is wrong",
        "none yet; written by a test",
        "Version 1.0.0",
    ):
        assert said in page


def test_the_catalogue_has_one_line_for_each_card(small):
    line = "| [Tremor](tremor/README.md) | Does the patient shake? | info | patient-view | 3 | active |"
    assert line in catalogue(load(small.folder)).splitlines()


def test_each_statement_has_its_homes_and_the_case_that_shows_it_or_why_none_does(small):
    small.edit("tremor/card.toml", "statements = []", 'statements = ["S1-01", "S1-02"]')
    small.add(
        "statements.toml",
        """
[S1-01]
says = "Some shake"
case = "tremor/shakes"
words = "Tremor found"

[S1-02]
says = "Some do not"
questions = ["injury"]
case = "tremor/still"

[S1-03]
says = "Who shakes"
not-computed = "Nobody is told."
""",
    )
    still = CaseAnswer(msgspec.structs.replace(CASE, name="still"), "silent")
    page = inventory(load(small.folder), {"tremor": (FOUND, still)}).splitlines()
    home = "[tremor](tremor/README.md)"
    assert page[-3:] == [
        f'| S1-01 | Some shake | {home} | [tremor/shakes](tremor/README.md#cases): **info**, "Tremor found" |',
        f"| S1-02 | Some do not | {home}; question `injury` | [tremor/still](tremor/README.md#cases): silence |",
        "| S1-03 | Who shakes | nowhere | no case: Nobody is told. |",
    ]


def test_a_page_is_stale_when_a_word_or_an_answer_changes(small):
    content, answers = load(small.folder), {"tremor": (FOUND,)}
    assert stale(content, answers) == ["README.md", "statements.md", "tremor/README.md"]
    for name, text in pages(content, answers).items():
        (small.folder / name).write_text(text)
    assert stale(content, answers) == []
    assert stale(content, {"tremor": (FOUND, QUIET)}) == ["tremor/README.md"]
    small.edit("tremor/card.toml", "Tremor is common.", "Tremor is very common.")
    assert stale(load(small.folder), answers) == ["tremor/README.md"]
