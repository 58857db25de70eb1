"""`cds-service replay diff`, over results written by hand."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from cds_service.content.places import fhir_examples
from cds_service.replay.demo import DAY, write_demo
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


def test_a_folder_of_cards_that_is_not_there_is_a_sentence(tmp_path):
    (tmp_path / "bulk").mkdir()
    result = CliRunner().invoke(main, ["replay", "diff", "shipped", str(tmp_path / "none"), str(tmp_path / "bulk")])
    assert result.exit_code == 1
    assert "no folder of cards" in result.output
