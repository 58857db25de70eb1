"""`cds-service replay report`, over results written by hand."""

from __future__ import annotations

import csv

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from cds_service.content.places import fhir_examples
from tests.replay.judged import card, judged, run, written


@pytest.fixture
def results(tmp_path):
    return written(tmp_path, [judged("patient-of-interest", card()), *(judged(f"p{n}") for n in range(9))])


def replay(*args, code=0):
    result = CliRunner().invoke(main, ["replay", *map(str, args)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_the_page_holds_counts_and_the_sample_holds_the_patients(results):
    said = replay("report", results).stdout
    assert f"Report: {results / 'report' / 'index.html'}" in said
    page = (results / "report" / "index.html").read_text()
    assert "10 patients" in page
    assert "patient-of-interest" not in page
    assert "patient-of-interest" in (results / "report" / "sample.csv").read_text()


@pytest.mark.parametrize(
    ("patients", "of", "lead"),
    [
        (0, {"mode": "as-of", "as_of": "2026-06-15"}, "No patient, judged as of 2026-06-15."),
        (
            1,
            {"days": ("2026-06-15", "2026-06-15")},
            "1 patient, judged at each encounter and each order, on 2026-06-15.",
        ),
        (2, {"days": ("2026-06-15", "2026-06-16")}, "each order, on days from 2026-06-15 to 2026-06-16."),
        (1204, {"mode": "as-of", "as_of": "2026-06-15"}, "1,204 patients, judged as of 2026-06-15."),
    ],
)
def test_the_first_line_reads_right_for_none_one_and_many(tmp_path, patients, of, lead):
    replay("report", written(tmp_path, [judged(f"p{n}", *([] if n else [card()])) for n in range(patients)], run(**of)))
    page = (tmp_path / "report" / "index.html").read_text()
    assert f"{lead}</p>" in page
    if patients == 1:
        assert "1 card in 1 answer<" in page


def test_no_sample_stays_beside_a_masked_report(results):
    replay("report", results)
    replay("report", results, "--mask-below", 5)
    assert not (results / "report" / "sample.csv").exists()
    assert "patient-of-interest" not in "".join(
        path.read_text() for path in (results / "report").rglob("*.*") if path.is_file()
    )


def test_a_mask_that_would_not_hide_is_refused(results):
    assert "x>=5" in replay("report", results, "--mask-below", 2, code=2).output


def test_the_budget_that_is_given_decides_the_exit_code(results, tmp_path):
    (tmp_path / "budget.toml").write_text("[patient-view]\ninfo = 0.5\nwarning = 0.05\n")
    said = replay("report", results, "--budget", tmp_path / "budget.toml", code=3).stdout
    assert "kept: patient-view, info: 1 of 10" in said
    assert "exceeded: patient-view, warning: 1 of 10" in said


def test_the_shipped_budget_is_told_and_changes_no_exit_code(results):
    assert "exceeded: patient-view, warning: 1 of 10, at most 0.5000%" in replay("report", results).stdout


def test_a_folder_without_results_is_a_sentence(tmp_path):
    assert "has the replay ended?" in replay("report", tmp_path, code=1).stderr


@pytest.fixture
def replayed(tmp_path):
    """A demonstration export that was replayed."""
    replay("run", fhir_examples() / "bulk", "--as-of", "2026-06-15", "--processes", 1, "--out", tmp_path / "results")
    return tmp_path / "results"


def test_each_rule_is_told_in_its_words_unless_they_have_changed_since(replayed, tmp_path):
    """A signature, a budget or another rule's words take nothing away from the report."""
    (tmp_path / "site" / "clonazepam-dementia").mkdir(parents=True)
    (tmp_path / "site" / "clonazepam-dementia" / "card.toml").write_text('title = "Of late another title"\n')
    signed = '[[clonazepam-falls]]\nby = "A"\nrole = "B"\non = 2026-12-01\ndigest = "00000000"\n'
    (tmp_path / "site" / "reviews.toml").write_text(signed)
    CliRunner().invoke(main, ["replay", "report", str(replayed)], env={"CDS_CARDS": str(tmp_path / "site")})
    with (replayed / "report" / "tables" / "rules.csv").open(newline="") as file:
        titles = {row["rule"]: row["title"] for row in csv.DictReader(file)}
    assert titles.pop("clonazepam-dementia") == ""
    assert "Clonazepam" in titles["clonazepam-falls"]
    assert all(titles.values())


def with_charts(folder, *more, code=0):
    source = fhir_examples() / "bulk"
    return replay("report", folder, source, "--with-charts", "--processes", 1, *more, code=code)


def test_charts_are_written_apart_and_with_a_warning(replayed):
    said = with_charts(replayed)
    with (replayed / "report" / "sample.csv").open(newline="") as file:
        patients = {row["patient"] for row in csv.DictReader(file)}
    assert {path.stem for path in (replayed / "charts").glob("*.json")} == patients != set()
    assert f"WARNING: {replayed / 'charts'} holds patient data: the charts of {len(patients)} patients." in said.stderr


def test_a_replay_writes_the_charts_at_its_end(tmp_path):
    replay("run", fhir_examples() / "bulk", "--with-charts", "--processes", 1, "--out", tmp_path / "results")
    assert (tmp_path / "results" / "charts" / "README.txt").exists()


def test_beside_charts_the_report_has_still_no_patient_in_it(replayed):
    with_charts(replayed)
    ids = [path.stem for path in (replayed / "charts").glob("*.json")]
    pages = [path for path in (replayed / "report").rglob("*.*") if path.is_file() and path.name != "sample.csv"]
    assert not [path for path in pages for name in ids if name in path.read_text()]


@pytest.mark.parametrize(("more", "why"), [(("--mask-below", 5), "--mask-below"), (("--sample", 0), "--sample")])
def test_charts_are_refused_where_the_report_is_to_hold_less(replayed, more, why):
    assert why in with_charts(replayed, *more, code=2).stderr
    assert not (replayed / "charts").exists()


def test_charts_need_the_export(replayed):
    assert "needs SOURCE" in replay("report", replayed, "--with-charts", code=2).stderr


def test_charts_are_refused_before_anything_is_replayed_with_hashed_ids(tmp_path):
    said = replay("run", fhir_examples() / "bulk", "--hash-ids", "--with-charts", "--out", tmp_path / "r", code=2)
    assert "--hash-ids" in said.stderr
    assert not (tmp_path / "r").exists()


def test_charts_are_refused_beside_results_with_hashed_ids(tmp_path):
    written(tmp_path, [judged("p1", card())], run(switches={"hashed-ids": True}))
    assert "hashes in place of ids" in with_charts(tmp_path, code=1).stderr
