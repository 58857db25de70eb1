"""`cds-service replay diff`, over results written by hand."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from cds_service.content.places import fhir_examples
from cds_service.replay.demo import DAY, write_demo
from cds_service.replay.judgements import read_run
from tests.replay.judged import A, card, ended, judged, written


@pytest.fixture
def folders(tmp_path):
    was = [judged(f"p{n}", outcomes={A: ended("not_met", "adult")}) for n in range(9)]
    now = [judged("p0", card(A), outcomes={A: ended("found", "dementia")}), *was[1:]]
    return written(tmp_path / "a", was), written(tmp_path / "b", now)


def diff(*args, code=0):
    result = CliRunner().invoke(main, ["replay", "diff", *map(str, args)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def test_each_change_is_a_line_with_its_reason_and_the_patients_under_it(folders):
    assert diff(*folders).splitlines() == [
        "1 of 9 patients changes: 1 gains a card.",
        f"gains {A} at patient-view: 1 patient, 1 card: not met: adult -> found: dementia",
        "  p0 2026-06-15",
    ]


def test_a_program_reads_the_same_as_json(folders):
    told = json.loads(diff(*folders, "--json"))
    assert (told["patients"], told["change"], told["by-kind"]) == (9, 1, {"gains": 1, "loses": 0, "changes": 0})
    (change,) = told["changes"]
    assert (change["rule"], change["patients"], change["sample"][0]["patient"]) == (A, 1, "p0")


def test_the_page_names_no_patient_and_the_sample_beside_it_does(folders, tmp_path):
    diff(*folders, "--out", tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "1 of 9 patients changes: 1 gains a card." in page
    assert "p0" not in page
    assert "p0" in (tmp_path / "out" / "sample.csv").read_text()
    assert (tmp_path / "out" / "tables" / "changes.csv").is_file()


def test_two_folders_of_cards_are_replayed_over_one_export(tmp_path):
    """What is planted for a rule is lost where the site has retired it, and the rule that led is named."""
    write_demo(40, tmp_path / "bulk", fhir_examples(), every=1)
    (tmp_path / "site" / A).mkdir(parents=True)
    (tmp_path / "site" / A / "card.toml").write_text('status = "retired"\n')
    out, sides = tmp_path / "out", ("shipped", tmp_path / "site", tmp_path / "bulk")
    told = json.loads(diff(*sides, "--as-of", DAY, "--processes", 1, "--out", out, "--json"))
    lost = [one for one in told["changes"] if one["kind"] == "loses"]
    assert {one["rule"] for one in lost} == {A}
    assert {one["reason"].rpartition(" -> ")[2] for one in lost} == {"not asked"}
    assert all(told["by-kind"][one["kind"]] for one in told["changes"])
    assert (out / "index.html").is_file()


def test_the_switches_of_a_replay_mean_the_same_in_its_diff(tmp_path):
    write_demo(12, tmp_path / "bulk", fhir_examples(), every=2)
    asked = ("--events", "--since", "2026-01-01", "--as-of", DAY, "--with-memory", "--not-exported", "tasks")
    asked += ("--hook", "order-sign", "--keep-all-lines", "--hash-ids", "--processes", 1)
    environment = {"CDS_VAR": str(tmp_path / "var"), "CDS_RECORD": "off"}
    (tmp_path / "site" / A).mkdir(parents=True)
    (tmp_path / "site" / A / "card.toml").write_text('status = "retired"\n')
    alone, out = tmp_path / "alone", tmp_path / "out"
    for words in (
        ("run", tmp_path / "bulk", "--out", alone),
        ("diff", "shipped", tmp_path / "site", tmp_path / "bulk", "--out", out),
    ):
        told = CliRunner().invoke(main, ["replay", *map(str, (*words, *asked))], env=environment)
        assert told.exit_code == 0, told.output
    runs = [read_run(folder) for folder in (alone, out / "before", out / "after")]
    assert runs[0].switches == runs[1].switches == runs[2].switches
    assert runs[0].switches == {
        "since": "2026-01-01",
        "as-known-then": True,
        "push-down": False,
        "memory": True,
        "hashed-ids": True,
        "not-exported": "tasks",
    }
    assert (out / "before" / "judgements-0000.ndjson").read_bytes() == (alone / "judgements-0000.ndjson").read_bytes()
    assert "demo-" not in told.stdout + (out / "sample.csv").read_text()
    assert f"loses {A} at order-sign" in told.stdout


def test_what_the_export_does_not_hold_is_told_in_the_diff_too(tmp_path):
    (tmp_path / "bulk").mkdir()
    (tmp_path / "bulk" / "Patient.ndjson").write_text('{"resourceType":"Patient","id":"p"}\n{"resourceType":')
    sides = ("shipped", "shipped", tmp_path / "bulk", "--out", tmp_path / "out", "--processes", "1")
    told = CliRunner().invoke(main, ["replay", "diff", *map(str, sides)])
    assert told.stdout == "No card changes for 1 patient.\n"
    assert told.stderr.count("Not in the export, and taken for empty: Condition") == 2
    assert told.stderr.count("DAMAGED Patient.ndjson: 1 x no JSON") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--events", "--as-of", DAY), "of no use: --as-of, --events"),
        (("--processes", "2"), "of no use: --processes"),
        (("--since", "2026-01-01"), "--since limits the days of --events"),
        (("--events", "--since", "2026-01-02", "--as-of", "2026-01-01"), "there is no day to judge"),
        (("--not-exported", "tasks,luck"), "luck: no prefetch key that is searched"),
    ],
)
def test_a_part_of_a_question_that_can_mean_nothing_is_refused(folders, words, said):
    told = CliRunner().invoke(main, ["replay", "diff", *map(str, folders), *map(str, words)])
    assert told.exit_code == 2
    assert said in " ".join(told.stderr.split())


def test_a_folder_of_cards_that_is_not_there_is_a_sentence(tmp_path):
    (tmp_path / "bulk").mkdir()
    result = CliRunner().invoke(main, ["replay", "diff", "shipped", str(tmp_path / "none"), str(tmp_path / "bulk")])
    assert result.exit_code == 1
    assert "no folder of cards" in result.output
