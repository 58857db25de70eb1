"""`cds-service replay report`, over results written by hand."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from tests.replay.judged import card, judged, written


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
