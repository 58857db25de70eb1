"""The commands about the record."""

import asyncio
import csv
import io

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from tests.charts import ALZHEIMER, CLONAZEPAM, FALL, condition, dosage, draft, patient
from tests.record.site import site

DEMENTIA = (patient(), condition(ALZHEIMER, id="dementia"))
FELL = condition(FALL, onsetDateTime="2026-05-01")
HALF = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A record of one day: five cards about dementia and one about dementia and a fall."""
    made = tmp_path_factory.mktemp("var")
    asyncio.run(_fill(made))
    return made


async def _fill(folder):
    async with site(folder) as place:
        shown = [await place.ask("order-select", *DEMENTIA, drafts=(HALF,), patientId=f"p{n}") for n in range(5)]
        await place.ask("order-select", *DEMENTIA, FELL, drafts=(HALF,), patientId="p5")
        cards = [card for (card,) in shown]
        await place.accepts(cards[0])
        await place.overrides(cards[1], "limited-time")
        await place.overrides(cards[2], "limited-time")
        await place.overrides(cards[3])
        await place.feedback(place.entry(cards[0]) | {"card": "unheard of"})
        await place.ask("order-select", *DEMENTIA, drafts=(HALF,), patientId="p1")


def run(folder, *args, code=0, **environ):
    given = {"CDS_TODAY": "2026-06-15", "CDS_VAR": str(folder), **environ}
    result = CliRunner().invoke(main, args, env=given, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_the_report_counts_by_rule_and_version(folder):
    head, dementia, falls, unknown = run(folder, "feedback", "report").splitlines()
    assert head.split()[:7] == ["rule", "version", "shown", "accepted", "overridden", "ignored", "muted"]
    assert dementia.split()[0] == "clonazepam-dementia"
    assert dementia.split()[2:7] == ["6", "1", "3", "2", "1"]
    assert dementia.endswith("limited-time 2, no reason 1")
    assert falls.split()[0] == "clonazepam-falls"
    assert falls.split()[2:7] == ["1", "0", "0", "1", "0"]
    assert unknown == "Answered, but not on record: 1 cards."


def test_the_report_is_parted_by_service_and_client(folder):
    lines = run(folder, "feedback", "report", "--by", "service", "--by", "client").splitlines()
    assert lines[0].split()[2:4] == ["service", "client"]
    assert lines[1].split()[2:4] == ["rbd-order-select", "ehr"]


def test_the_report_as_csv_has_a_column_for_each_reason(folder):
    rows = list(csv.DictReader(io.StringIO(run(folder, "feedback", "report", "--csv"))))
    assert [row["rule"] for row in rows] == ["clonazepam-dementia", "clonazepam-falls"]
    counts = {name: rows[0][name] for name in ("shown", "muted", "overridden: limited-time", "overridden: no reason")}
    assert counts == {"shown": "6", "muted": "1", "overridden: limited-time": "2", "overridden: no reason": "1"}


@pytest.mark.parametrize(("since", "until"), [("2026-06-01", "2026-06-14"), ("2026-06-16", "2026-07-01")])
def test_the_report_keeps_to_its_days(folder, since, until):
    said = run(folder, "feedback", "report", "--since", since, "--until", until)
    assert "Nothing was recorded in these days." in said


def test_a_day_counts_to_its_end(folder):
    assert "clonazepam" in run(folder, "feedback", "report", "--since", "2026-06-15", "--until", "2026-06-15")


def test_pruning_says_what_it_deleted(tmp_path):
    asyncio.run(_fill(tmp_path))
    assert run(tmp_path, "record", "prune").startswith("Deleted 0 rows older than 2025-05-11.")
    said = run(tmp_path, "record", "prune", "--days", "1", CDS_TODAY="2026-07-01")
    assert not said.startswith("Deleted 0 rows")
    assert "Nothing was recorded" in run(tmp_path, "feedback", "report")


@pytest.mark.parametrize("command", [("feedback", "report"), ("record", "prune")])
def test_each_command_has_help_with_exit_codes(command, tmp_path):
    assert "Exit codes: 0" in run(tmp_path, *command, "--help")


def test_a_database_that_cannot_be_used_is_told_in_a_sentence(tmp_path):
    said = run(tmp_path, "feedback", "report", code=1, CDS_DATABASE_URL="sqlite://")
    assert "CDS_DATABASE_URL: the database cannot be used" in said
