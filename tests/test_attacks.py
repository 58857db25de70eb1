"""The table of docs/security.md has what the tests try, and no more."""

from tests.attacks import HEADING, PAGE, marked, written


def test_the_table_of_attacks_is_that_of_the_marks() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(HEADING) == 1
    assert page == written(page), "stale: run `make pages`"


def test_every_mark_says_what_is_tried_and_what_comes_of_it() -> None:
    found = list(marked())
    assert len(found) > 50
    assert all(what and result and not what.endswith(".") for what, result, _ in found)
