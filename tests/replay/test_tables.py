"""The tables of a report: every rate beside its counts, nothing left out, and no patient."""

from __future__ import annotations

import csv
import json

import pytest

from cds_service.content.load import load
from cds_service.content.places import shipped_cards
from cds_service.replay.gate import held
from cds_service.replay.judgements import Codes, Coverage, Damage, UnknownCode, Verdict
from cds_service.replay.masking import Mask
from cds_service.replay.numbers import counted
from cds_service.replay.tables import MOST_CODES, Tables
from cds_service.replay.written import LINES, SAMPLE, TABLES, sample_of, write_csv, write_tables
from tests.replay.judged import A, B, card, ended, judged, run

CONTENT = load(shipped_cards())
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def tables(judgements, *, codes=None, below=None, **of_run):
    numbers, replayed = counted(judgements), run(**of_run)
    made = Tables(numbers, replayed, codes or Codes(), CONTENT.rules, Mask(below, numbers.counts))
    return {table.id: table for table in made.all(list(held(numbers, CONTENT.budget, replayed.hooks)))}


def rows(table):
    """Each row by the ids of its columns."""
    return [dict(zip([column.id for column in table.columns], row, strict=True)) for row in table.rows]


def test_rates_are_per_patients_answers_and_days_of_the_calendar():
    seen = [judged(f"p{n}", *([card()] if n == 0 else []), day=f"2026-06-{n + 1:02}") for n in range(4)]
    seen += [judged("p9", day="2026-06-10")]
    (hook,) = rows(tables(seen)["hooks"])
    assert (hook["cards"], hook["answers"], hook["patients"]) == (1, 5, 5)
    assert (hook["per-100-patients"], hook["per-answers"], hook["so-many"]) == (20.0, 200.0, "1,000 chart views")
    assert hook["per-day"] == 0.1


def test_signings_are_counted_by_ten_thousand():
    signed = [judged("p1", card(), hook="order-sign"), judged("p2", hook="order-sign")]
    (hook,) = rows(tables(signed, hooks=("order-sign",))["hooks"])
    assert (hook["per-answers"], hook["so-many"]) == (5000.0, "10,000 signings")


def test_where_no_hook_was_answered_no_rate_is_made_up():
    (hook,) = rows(tables([judged("p1", refused=412)])["hooks"])
    assert (hook["asked"], hook["answers"], hook["per-100-patients"], hook["per-answers"]) == (1, 0, None, None)


def test_a_hook_at_which_nothing_was_asked_stands_in_the_table_with_none():
    told = rows(tables([judged("p1")], hooks=("patient-view", "order-sign"))["hooks"])
    assert [(row["hook"], row["asked"], row["per-answers"]) for row in told] == [
        ("patient-view", 1, 0.0),
        ("order-sign", 0, None),
    ]


def test_what_could_not_be_told_is_added_up_by_datum_the_most_frequent_first():
    lacking = {
        A: (Verdict("undetermined", "x", "orders: not sent; patient: not sent"), Verdict("undetermined", "y", "b")),
        B: ended("undetermined", "z", "patient: not sent"),
    }
    told = rows(tables([judged("p1", outcomes=lacking)])["lacking"])
    assert [(row["datum"], row["times"]) for row in told] == [
        ("patient: not sent", 2),
        ("b", 1),
        ("orders: not sent", 1),
    ]


def test_a_rule_that_never_spoke_stands_in_the_table_with_none():
    told = rows(tables([judged("p1", card(A), outcomes={A: ended("found", "x"), B: ended("not_met", "y")})])["rules"])
    assert [(row["rule"], row["cards"], row["title"]) for row in told] == [
        (A, 1, CONTENT.rules[A].title),
        (B, 0, CONTENT.rules[B].title),
    ]


def test_the_funnel_goes_through_the_criteria_in_their_order_and_loses_none():
    criteria = [one.id for one in CONTENT.rules[A].criteria]
    verdicts = (
        *(Verdict("not_met", name) for name in reversed(criteria)),
        Verdict("undetermined", criteria[1], "conditions: not sent"),
        Verdict("not_started"),
        Verdict("found", next(iter(CONTENT.rules[A].card))),
        Verdict("failed"),
        Verdict("not_met", "of-other-cards"),
    )
    told = rows(tables([judged("p1", outcomes={A: verdicts})])["funnel"])
    assert [row["outcome"] for row in (told[0], *told[-2:])] == ["not started", "found", "failed"]
    steps = [row["step"] for row in told if row["outcome"] == "not met"]
    assert steps == [*criteria, "of-other-cards"]
    assert sum(row["ended"] for row in told) == told[0]["of"] == len(verdicts)
    assert all(row["words"] for row in told if row["step"] in criteria)


def test_the_most_frequent_unknown_codes_stand_with_what_is_known():
    unknown = tuple(UnknownCode(RXNORM, str(n), 100 - n) for n in range(60))
    made = tables([], codes=Codes({"medications": Coverage(200, 124, 3, unknown)}))
    assert rows(made["coverage"]) == [
        {"collection": "medications", "entries": 200, "known": 124, "unknown": 76, "foreign": 3, "share": 62.0}
    ]
    codes = rows(made["codes"])
    assert len(codes) == MOST_CODES
    assert codes[0] == {"collection": "medications", "system": RXNORM, "code": "0", "entries": 100}


def test_a_rare_code_is_not_told_where_small_counts_are_masked():
    codes = Codes({"medications": Coverage(200, 124, 3, (UnknownCode(RXNORM, "a", 40), UnknownCode(RXNORM, "b", 4)))})
    assert [row["code"] for row in rows(tables([], codes=codes, below=5)["codes"])] == ["a"]


def test_every_masked_count_is_a_multiple_and_every_rate_is_made_of_masked_counts():
    seen = [judged(f"p{n:03}", *([card()] if n < 13 else []), outcomes={A: ended("found", "x")}) for n in range(101)]
    codes = Codes({"medications": Coverage(1003, 507, 13, (UnknownCode(RXNORM, "a", 43),))})
    damaged = (Damage("a.ndjson", "not JSON", 13),)
    for table in tables(seen, codes=codes, below=10, damaged=damaged, dropped={"x": 17}).values():
        for row in table.rows:
            counts = [cell for cell, one in zip(row, table.columns, strict=True) if one.kind == "count"]
            assert all(count % 10 == 0 for count in counts), table.id
    told = rows(tables(seen, below=10)["groups"])[0]
    assert told["share"] == round(100 * told["with-a-card"] / told["patients"], 2)


def test_damage_and_what_was_not_asked_are_told():
    seen = [judged("p1", refused=412), judged("p2", gate="The patient has died.")]
    made = tables(seen, damaged=(Damage("a.ndjson", "not JSON", 3),), dropped={"no code that is looked for": 7})
    assert [tuple(row.values()) for row in rows(made["not-asked"])] == [
        ("patient-view", "refused with 412", 1),
        ("patient-view", "The patient has died.", 1),
    ]
    assert [row["times"] for row in rows(made["damage"])] == [3, 7]


def test_files_and_lines_hold_the_same_numbers_and_no_patient(tmp_path):
    seen = [judged("patient-of-interest", card(A, "warning", "MedicationRequest/9"), event="Encounter/12")]
    made = tables(seen)
    write_tables(tmp_path, list(made.values()), None)
    lines = [json.loads(line) for line in (tmp_path / LINES).read_text().splitlines()]
    assert {line["table"] for line in lines} <= made.keys()
    with (tmp_path / TABLES / "hooks.csv").open(newline="") as file:
        (read,) = csv.DictReader(file)
    (line,) = (line for line in lines if line["table"] == "hooks")
    assert {name: str(line[name]) for name in read} == read
    everything = "".join(path.read_text() for path in tmp_path.rglob("*.*"))
    assert not any(word in everything for word in ("patient-of-interest", "MedicationRequest/9", "Encounter/12"))


def test_a_masked_count_of_nothing_is_told_as_small(tmp_path):
    write_tables(tmp_path, [tables([judged("p1")], below=10)["burden"]], 10)
    assert (tmp_path / TABLES / "burden.csv").read_text().splitlines()[2] == "1,<10"


@pytest.mark.parametrize("code", ["=1+1", "@x", "-1"])
def test_no_cell_is_a_formula_to_a_spreadsheet(tmp_path, code):
    made = tables([], codes=Codes({"medications": Coverage(1, 0, 0, (UnknownCode("s", code, 1),))}))
    write_tables(tmp_path, [made["codes"]], None)
    assert f"'{code}" in (tmp_path / TABLES / "codes.csv").read_text()


def test_the_sample_names_patients_and_orders(tmp_path):
    numbers = counted([judged("p1", card(A, "warning", "MedicationRequest/9"))], 3)
    write_csv(tmp_path / SAMPLE, sample_of(numbers.samples))
    assert (tmp_path / SAMPLE).read_text().splitlines()[
        1
    ] == f"{A},p1,2026-06-15,patient-view,,warning,MedicationRequest/9"
