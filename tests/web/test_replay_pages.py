"""The pages that are made of replays: what stands in them, and how large they are."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from cds_service.content.places import fhir_examples
from cds_service.replay.demo import write_demo
from cds_service.replay.judgements import Codes, Coverage, UnknownCode
from tests.replay.judged import A, B, card, ended, judged, run, written
from tests.web.benching import Page

MOST_BYTES = 150_000
SIGN = {"hook": "order-sign", "service": "rbd-order-sign"}


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    """An export of a thousand patients."""
    folder = tmp_path_factory.mktemp("bulk")
    write_demo(1000, folder, fhir_examples())
    return folder


def replay(*args):
    result = CliRunner().invoke(main, ["replay", *map(str, args)], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture
def opened(tmp_path):
    """Makes the report of judgements, and opens its page."""

    def page(judgements, *more, codes=None, **of_run):
        folder = written(tmp_path / "results", judgements, run(**of_run), codes)
        replay("report", folder, *more)
        return Page((folder / "report" / "index.html").read_text())

    return page


def head(page):
    return page.words.partition("cards per")[0]


def test_one_patient_is_told_in_the_singular(opened):
    assert "1 patient, judged" in head(opened([judged("p1")]))


def test_how_many_ever_had_a_card_stands_at_the_head(opened):
    seen = [judged("p1", card(A, "critical")), judged("p2", card(A, "info")), judged("p3")]
    assert (
        "With a card at any time: 2; with a warning or a critical card: 1; with a critical one: 1."
        in opened(seen).words
    )


def test_patients_whom_no_event_concerned_are_told(opened):
    assert "1 patient of 20 in the export, judged" in head(opened([judged("p1")], patients=20))


def test_a_single_day_is_told_once(opened):
    assert "on 2026-06-15." in head(opened([judged("p1")], days=("2026-06-15", "2026-06-15")))


def test_a_hook_at_which_nothing_was_asked_is_told_at_the_head(opened):
    page = opened([judged("p1")], hooks=("patient-view", "order-select", "order-sign"))
    assert "Nothing was asked at order-select, order-sign: the export gave no occasion." in page.words
    assert page.words.count("cards per 1,000") == 1


def test_rates_stand_under_what_they_are_rates_of(opened):
    page = opened([judged("p1", card()), judged("p2", card(), **SIGN)], hooks=("patient-view", "order-sign"))
    assert "Cards per 1,000 chart views" in page.part("rules")
    assert "Cards per 10,000 signings" in page.part("rules")


def test_many_days_are_told_by_weeks(opened):
    first = date(2026, 1, 1)
    seen = [judged(f"p{n:03}", card(), day=(first + timedelta(days=n)).isoformat()) for n in range(140)]
    said = opened(seen).part("days")
    assert "2026-01-08 7 0 7 0" in " ".join(said.split())
    assert "2026-01-09" not in said


def test_each_collection_of_unknown_codes_says_how_much_of_it_is_unknown(opened):
    codes = Codes({"medications": Coverage(200, 124, 3, (UnknownCode("s", "a", 40),))})
    said = opened([judged("p1")], codes=codes).part("codes")
    assert "76 of 200 entries (38%) carry no code and no words that a value set knows." in said


def test_a_bar_of_what_is_known_is_whole_where_all_is_known(opened):
    codes = Codes({"medications": Coverage(200, 50, 3), "conditions": Coverage(200, 100, 3)})
    text = opened([judged("p1")], codes=codes).text.partition('<section aria-labelledby="coverage">')[2]
    assert re.findall(r'<rect width="([\d.]+)%"', text.partition("</section>")[0]) == ["50", "25"]


def test_a_table_that_is_cut_says_so_on_paper_too(opened):
    places = {A: tuple(one for n in range(70) for one in ended("undetermined", f"c{n}", "orders: not sent"))}
    page = opened([judged("p1", outcomes=places)])
    (hint,) = re.findall(r"<p class=\"([^\"]*)\">The first 60 of 70 rows", page.text)
    assert "screen-only" not in hint


def test_what_is_masked_is_masked_in_every_sentence(opened):
    codes = Codes({"medications": Coverage(203, 121, 3, ())})
    seen = [judged(f"p{n:02}", card(also=(B,))) for n in range(13)]
    page = opened(seen, "--mask-below", 10, codes=codes, patients=13)
    assert not re.search(r"\b(13|203|121|82)\b", page.words.partition("What the cards would have said")[2])


@pytest.mark.parametrize("asked", [[], ["--events", "--since", "2025-06-15"]])
def test_the_page_of_a_thousand_patients_stays_small(thousand, tmp_path, asked):
    replay("run", thousand, "--as-of", "2026-06-15", *asked, "--processes", 1, "--out", tmp_path)
    assert 50_000 < (tmp_path / "report" / "index.html").stat().st_size < MOST_BYTES
