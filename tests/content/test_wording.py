"""Facts in the words of ``wording.toml``."""

from datetime import date

import pytest

from cds_service.facts.words import Record, dated, on, possible, short, since
from cds_service.fhir.dates import Age, interval, period
from cds_service.phenotypes.age import years
from tests.case_runs import ruleset

SHOW = ruleset().content.wording.show


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("2026-05-20", "20 May"),
        ("2026-05", "May"),
        ("2026", "2026"),
        ("2025-12-15", "15 Dec 2025"),
        ("2025-12", "Dec 2025"),
        (None, "not recorded"),
    ],
)
def test_a_date_of_this_year_is_said_without_it_where_that_is_enough(day, told):
    assert SHOW(short(interval(day), date(2026, 6, 15))) == told


@pytest.mark.parametrize(("lowest", "highest", "told"), [(52, 52, "52"), (52, 53, "52 or 53"), (52, 54, "52 to 54")])
def test_an_age_is_as_precise_as_the_birth_date(lowest, highest, told):
    assert SHOW(years(Age(lowest, highest))) == told


def test_what_is_only_possible_is_said_to_be():
    assert SHOW(possible("stroke")) == "possible stroke"
    words, when = Record("Twitching [left]"), since(interval("2026-05"))
    assert SHOW(dated(words, when)) == r"Twitching \[left\] (since May 2026)"
    assert SHOW(dated(words, when, unsure=True)) == r"possible: Twitching \[left\] (since May 2026)"


def test_a_day_that_is_not_recorded_is_said_not_to_be():
    assert SHOW(on(interval("2026-05-20"))) == "20 May 2026"
    assert SHOW(on(None)) == SHOW(since(None)) == "date not recorded"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-06-05", "5 Jun 2026"),
        ("2026-06-05T10:00:00Z", "5 Jun 2026"),
        ("2026-06", "Jun 2026"),
        ("2024-02", "Feb 2024"),
        ("2026", "2026"),
    ],
)
def test_a_date_is_spelled_no_more_precisely_than_it_was_recorded(text: str, words: str) -> None:
    assert SHOW(interval(text)) == words


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-06-05", None, "since 5 Jun 2026"),
        (None, "2026-06-05", "until 5 Jun 2026"),
        ("2026-06-05", "2026-07-01", "5 Jun 2026 to 1 Jul 2026"),
        ("2026-06-01", "2026-06-29", "1 Jun 2026 to 29 Jun 2026"),
        ("2026-01-01", "2026-12-30", "1 Jan 2026 to 30 Dec 2026"),
    ],
)
def test_a_period_is_spelled_with_its_ends(start: str | None, end: str | None, words: str) -> None:
    found = period(start, end)
    assert found is not None
    assert SHOW(found) == words
    assert SHOW(since(found)) == (f"since {words}" if start and end else words)


def test_a_template_is_filled_name_by_name_and_all_else_stays_as_it_is():
    fill = ruleset().content.wording.fill
    assert (
        fill("{a} of 100 % (%s), {b} and {a}", {"a": 2.5, "b": Record("50%"), "c": 1})
        == "2.5 of 100 % (%s), 50% and 2.5"
    )
    with pytest.raises(KeyError):
        fill("{a} {nobody}", {"a": 1})
