"""Words and phrases in a chart's text."""

import pytest
from hypothesis import given, strategies as st

from cds_service.terminology.phrases import Phrases, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cloNIDine 0.1 mg", ["clonidine", "0", "1", "mg"]),
        ("Alzheimer’s disease", ["alzheimer", "s", "disease"]),
        ("Phénytoïne", ["phenytoine"]),
        ("Valproinsäure", ["valproinsaure"]),
        ("REM-sleep_behavior/disorder", ["rem", "sleep", "behavior", "disorder"]),
        ("睡眠 RBD", ["睡眠", "rbd"]),
        ("", []),
        (" ,;- ", []),
    ],
)
def test_words_are_plain_and_lower_case(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=30))
def test_plain_and_accented_texts_are_read_alike(text: str) -> None:
    assert words(f"{text} é") == [*words(text), "e"]


def test_a_phrase_is_found_where_its_words_stand_together() -> None:
    phrases = Phrases([("sleep apnea", "apnea"), ("apnea", "any")])
    found = phrases.find(words("Obstructive sleep apnea, severe"))
    assert [(hit.start, hit.end, hit.meaning) for hit in found] == [(1, 3, "apnea"), (2, 3, "any")]


def test_a_part_of_a_word_is_no_word() -> None:
    assert Phrases([("clonex", 1)]).find(words("Taclonex")) == []


def test_a_phrase_cut_short_is_not_found() -> None:
    assert Phrases([("sleep apnea", 1)]).find(words("poor sleep")) == []


def test_a_phrase_without_words_is_never_found() -> None:
    assert Phrases([("--", 1)]).find([]) == []
