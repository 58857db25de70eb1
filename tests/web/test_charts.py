"""Counts and rates as SVG."""

import re
from xml.etree import ElementTree as ET

import pytest

from cds_service.record.rates import Rate
from cds_service.web.charts import bars, columns, lines, rate_in_words

SVG = "{http://www.w3.org/2000/svg}"
DAYS = ["06-01", "06-02", "06-03"]
PARTS = {"accepted": [1, 0, 2], "ignored": [3, 0, 0]}


def drawn(markup):
    return ET.fromstring(str(markup).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))  # noqa: S314  our own


def texts(svg, kind):
    return [one.text for one in svg.iter(f"{SVG}text") if (one.get("class") or "").split()[0] == kind]


def path(svg, kind):
    return next(one.get("d") for one in svg.iter(f"{SVG}path") if one.get("class") == kind)


def heights(svg, kind):
    return [float(one) for one in re.findall(r"v([\d.]+)", path(svg, kind))]


def test_a_drawing_says_what_it_is_and_how_much_in_all():
    svg = drawn(columns("shown", "Cards shown", DAYS, PARTS))
    assert svg.find(f"{SVG}title").text == "Cards shown"
    assert svg.find(f"{SVG}desc").text == "6 in all: 3 accepted, 3 ignored."
    assert svg.get("aria-labelledby") == "shown-title shown-desc"


def test_bars_over_time_are_as_high_as_their_counts():
    svg = drawn(columns("shown", "Cards shown", DAYS, PARTS))
    one, two = heights(svg, "accepted")
    (three,) = heights(svg, "ignored")
    assert (two / one, three / one) == (pytest.approx(2, rel=0.02), pytest.approx(3, rel=0.02))


def test_what_one_points_at_is_told_in_words():
    svg = drawn(columns("shown", "Cards shown", DAYS, PARTS))
    told = [one.find(f"{SVG}title").text for one in svg.iter(f"{SVG}rect")]
    assert told == [
        "06-01: 4 shown; 1 accepted, 3 ignored",
        "06-02: 0 shown; 0 accepted, 0 ignored",
        "06-03: 2 shown; 2 accepted, 0 ignored",
    ]


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [(0, ["0", "1"]), (1, ["0", "1"]), (7, ["0", "2", "4", "6", "8"]), (437, ["0", "200", "400", "600"])],
)
def test_the_scale_has_round_numbers(highest, ticks):
    assert texts(drawn(columns("n", "t", ["d"], {"accepted": [highest]})), "y") == ticks


def test_a_line_is_broken_where_there_was_nothing_to_be_a_share_of():
    svg = drawn(lines("s", "t", [*DAYS, "06-04"], {"accepted": [Rate(1, 4), Rate(0, 0), Rate(2, 4), Rate(4, 4)]}))
    assert re.sub(r"[\d. ]", "", path(svg, "line accepted")) == "MML"


def test_shares_come_with_their_counts():
    svg = drawn(lines("s", "t", ["d"], {"accepted": [Rate(1, 3)]}))
    assert [one.find(f"{SVG}title").text for one in svg.iter(f"{SVG}rect")] == ["d: accepted 1 of 3 (33%)"]
    assert svg.find(f"{SVG}desc").text == "In all: accepted 1 of 3 (33%)."
    assert rate_in_words(Rate(0, 0)) == "0 of 0"


def test_no_share_lies_above_the_whole():
    assert texts(drawn(lines("s", "t", ["d"], {"accepted": [Rate(3, 3)]})), "y")[-1] == "100%"


def test_of_many_days_some_are_named_and_the_last_among_them():
    days = [f"{n:02}" for n in range(52)]
    named = texts(drawn(columns("n", "t", days, {"accepted": [1] * 52})), "x")
    assert len(named) <= 9
    assert "51" in named


def test_a_rule_with_which_something_is_wrong_is_named_so():
    svg = drawn(bars("r", "t", [("a 1.0", "silent"), ("b 1.0", "")], {"accepted": [1, 4], "ignored": [1, 0]}))
    assert texts(svg, "name") == ["a 1.0 (silent)", "b 1.0"]
    assert texts(svg, "total") == ["2", "4"]


def test_nothing_at_all_can_be_drawn():
    for svg in (columns("n", "t", DAYS, {"accepted": [0, 0, 0]}), bars("n", "t", [], {"accepted": []})):
        assert drawn(svg) is not None


def test_words_are_no_markup():
    assert "<b>" not in bars("r", "t", [("<b>", "")], {"accepted": [1]})
