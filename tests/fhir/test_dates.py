"""FHIR dates as the days they may mean."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from cds_service.fhir.dates import (
    Age,
    Interval,
    age_on,
    interval,
    localized,
    months_before,
    months_between,
    period,
    within_days,
    within_months,
)

TODAY = date(2026, 6, 15)


def day(text: str) -> Interval:
    found = interval(text)
    assert found is not None
    return found


def test_a_date_means_one_day() -> None:
    assert interval("2026-06-05") == Interval(date(2026, 6, 5), date(2026, 6, 5))


def test_a_year_means_all_its_days() -> None:
    assert interval("2025") == Interval(date(2025, 1, 1), date(2025, 12, 31))


@pytest.mark.parametrize(("text", "last"), [("2026-06", 30), ("2024-02", 29), ("2026-12", 31)])
def test_a_month_means_all_its_days(text: str, last: int) -> None:
    found = day(text)
    assert (found.first.day, found.last.day, found.last.month) == (1, last, found.first.month)


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-05T23:30:00-08:00",
        "2026-06-05T23:30:00+14:00",
        "2026-06-05T00:10:00.123456789Z",
        "2026-06-05T09:00:00",
        "2026-06-05T09:00",
        "2026-06-05T24:00:00Z",
        "2026-06-05 09:00:00",
        "2026-06-05T",
        " 2026-06-05 ",
    ],
)
def test_a_date_time_counts_on_the_day_written_in_it(text: str) -> None:
    assert interval(text) == interval("2026-06-05")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "unknown",
        "2026-13-01",
        "2026-02-30",
        "2026-13",
        "2026-00",
        "0000",
        "0000-00-00",
        "2026-W23-5",
        "20260605",
        "06/05/2026",
        "2026-06-051",
        "2026-6-5",
        "2026-",
        "+202",
        "٢٠٢٦",
    ],
)
def test_an_unreadable_date_is_no_date(text: str) -> None:
    assert interval(text) is None


def test_no_date_is_no_date() -> None:
    assert interval(None) is None


@given(st.text(max_size=30))
def test_no_text_raises(text: str) -> None:
    found = interval(text)
    assert found is None or found.first <= found.last


@given(st.dates())
def test_every_day_is_read_as_itself(when: date) -> None:
    assert interval(when.isoformat()) == Interval(when, when)


def test_a_period_runs_from_its_first_possible_to_its_last_possible_day() -> None:
    assert period("2025", "2026-02") == Interval(date(2025, 1, 1), date(2026, 2, 28))


def test_a_period_without_end_is_open() -> None:
    assert period("2026-06-05", None) == Interval(date(2026, 6, 5), date.max)


def test_a_period_without_start_is_open() -> None:
    assert period(None, "2026-06-05") == Interval(date.min, date(2026, 6, 5))


def test_a_period_with_an_unreadable_end_is_open() -> None:
    assert period("2026-06-05", "soon") == Interval(date(2026, 6, 5), date.max)


def test_a_period_without_any_day_is_none() -> None:
    assert period(None, "soon") is None


def test_a_period_that_ends_before_it_starts_is_none() -> None:
    assert period("2026-06-05", "2026-06-04") is None


def test_a_period_within_one_partial_date_is_that_date() -> None:
    assert period("2026", "2026") == interval("2026")


@pytest.mark.parametrize(
    ("when", "months", "expected"),
    [
        ("2026-06-15", 12, "2025-06-15"),
        ("2026-03-31", 1, "2026-02-28"),
        ("2024-03-31", 1, "2024-02-29"),
        ("2024-02-29", 12, "2023-02-28"),
        ("2026-01-31", 2, "2025-11-30"),
        ("2026-06-15", 0, "2026-06-15"),
        ("2026-01-10", 1, "2025-12-10"),
    ],
)
def test_months_are_calendar_months_clipped_to_the_month_end(when: str, months: int, expected: str) -> None:
    assert months_before(date.fromisoformat(when), months) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2026-05-15", "2026-06-15", 1),
        ("2026-05-16", "2026-06-15", 0),
        ("2024-06-15", "2026-06-15", 24),
        ("2026-01-31", "2026-02-28", 0),
        ("2026-02-28", "2026-03-31", 1),
        ("0001-01-01", "2026-06-15", 24305),
    ],
)
def test_months_between_two_days_are_completed_months(start: str, end: str, months: int) -> None:
    assert months_between(date.fromisoformat(start), date.fromisoformat(end)) == months


def test_months_before_the_first_year_end_at_the_first_day() -> None:
    assert months_before(date(1, 2, 1), 24) == date.min


@pytest.mark.parametrize(
    ("when", "within"),
    [
        ("2025-06-15", True),
        ("2025-06-14", False),
        ("2026-06-15", True),
        ("2026-06-16", False),
        ("2025", True),
        ("2025-06", True),
        ("2025-05", False),
        ("2026", True),
        ("2027", False),
        ("2026-07", False),
    ],
)
def test_a_window_of_months_holds_both_its_ends_and_whatever_overlaps_it(when: str, within: bool) -> None:
    assert within_months(day(when), 12, TODAY) is within


@pytest.mark.parametrize(
    ("when", "within"),
    [
        ("2026-05-16", True),
        ("2026-05-15", False),
        ("2026-06-15", True),
        ("2026-06-16", False),
        ("2026-05", True),
        ("2026-04", False),
        ("2026", True),
    ],
)
def test_a_window_of_days_holds_both_its_ends_and_whatever_overlaps_it(when: str, within: bool) -> None:
    assert within_days(day(when), 30, TODAY) is within


def test_an_open_period_overlaps_a_window_it_began_before() -> None:
    running = period("2020", None)
    assert running is not None
    assert within_months(running, 12, TODAY)
    assert within_days(running, 30, TODAY)


def test_a_window_longer_than_the_calendar_holds_every_past_day() -> None:
    assert within_days(Interval(date.min, date.min), 10**7, TODAY)


@pytest.mark.parametrize(
    ("birth", "lowest", "highest"),
    [
        ("1975-06-15", 51, 51),
        ("1975-06-16", 50, 50),
        ("1976-06-15", 50, 50),
        ("1975", 50, 51),
        ("1975-06", 50, 51),
        ("1975-05", 51, 51),
        ("2026-06-15", 0, 0),
        ("2026", 0, 0),
    ],
)
def test_age_is_completed_years(birth: str, lowest: int, highest: int) -> None:
    assert age_on(day(birth), TODAY) == Age(lowest, highest)


def test_a_leap_day_birthday_has_not_come_on_28_february() -> None:
    assert age_on(day("1976-02-29"), date(2026, 2, 28)) == Age(49, 49)
    assert age_on(day("1976-02-29"), date(2026, 3, 1)) == Age(50, 50)


@pytest.mark.parametrize("birth", ["2026-06-16", "2027", "1906-06-14", "1899-12-30", "0001-01-01"])
def test_a_birth_in_the_future_or_over_120_years_ago_gives_no_age(birth: str) -> None:
    assert age_on(day(birth), TODAY) is None


def test_a_birth_120_years_ago_gives_an_age() -> None:
    assert age_on(day("1906-06-15"), TODAY) == Age(120, 120)


def test_fifty_or_fifty_one_is_not_over_fifty() -> None:
    age = Age(50, 51)
    assert not age.over(50)
    assert not age.under(51)
    assert age.at_least(50)


def test_exactly_fifty_is_neither_over_nor_under_fifty() -> None:
    age = Age(50, 50)
    assert not age.over(50)
    assert not age.under(50)


def test_a_threshold_holds_when_it_holds_for_every_possible_age() -> None:
    assert Age(51, 52).over(50)
    assert Age(48, 49).under(50)


LOS_ANGELES = ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-06-16T02:10:00Z", "2026-06-15"),
        ("2026-06-16T02:10:00.123456789z", "2026-06-15"),
        ("2026-06-16T02:10Z", "2026-06-15"),
        ("2026-06-16T04:10:00+02:00", "2026-06-15"),
        ("2026-06-16T06:59:60Z", "2026-06-15"),
        ("2026-06-15T24:00:00Z", "2026-06-15"),
        ("2026-06-16T07:00:00Z", "2026-06-16"),
        ("2026-06-15T19:10:00-07:00", "2026-06-15"),
        ("2026-06-16", "2026-06-16"),
        ("2026-06-16T02:10:00", "2026-06-16"),
        ("2026-06", "2026-06"),
        ("0001-01-01T00:00:00Z", "0001-01-01"),
        ("2026-06-16T25:99:00Z", "2026-06-16"),
        ("unknown", "unknown"),
    ],
)
def test_an_instant_is_brought_to_the_zone_and_anything_else_stands(text: str, day: str) -> None:
    assert localized(text, LOS_ANGELES)[: len(day)] == day
    assert localized(localized(text, LOS_ANGELES), LOS_ANGELES) == localized(text, LOS_ANGELES)


def test_the_last_hour_of_a_day_east_of_greenwich_is_the_next_day_there() -> None:
    assert localized("2026-06-14T22:30:00Z", ZoneInfo("Europe/Berlin"))[:10] == "2026-06-15"
    assert localized("2026-06-14T22:30:00Z", UTC) == "2026-06-14T22:30:00Z"


@given(st.datetimes(timezones=st.just(UTC)))
def test_no_instant_raises(when: datetime) -> None:
    assert localized(when.isoformat(), LOS_ANGELES)
