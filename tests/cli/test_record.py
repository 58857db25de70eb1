"""The commands about the record."""

import asyncio
import csv
import io
import re
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from cds_service import __version__
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
    refused = run(tmp_path, "record", "prune", "--days", "1", CDS_TODAY="2026-07-01", code=1)
    assert refused.startswith("Nothing was deleted: the clock is far ahead of 2026-06-15")
    assert "Nothing was recorded" not in run(tmp_path, "feedback", "report")
    said = run(tmp_path, "record", "prune", "--days", "1", "--as-of", "2026-07-01", CDS_TODAY="2026-07-01")
    assert said.startswith("Deleted 25 rows older than 2026-06-30. They were 6 cards, 5 answers")
    assert "Nothing was recorded" in run(tmp_path, "feedback", "report")


def test_nobody_can_vouch_for_a_day_that_is_still_to_come(tmp_path):
    said = run(tmp_path, "record", "prune", "--as-of", "2062-06-15", code=1)
    assert said == "--as-of: by the clock it is 2026-06-15, and 2062-06-15 is still to come.\n"


def test_migrate_says_from_where_to_where(tmp_path):
    assert run(tmp_path, "record", "migrate") == "Schema 0 was brought to 4.\n"
    assert run(tmp_path, "record", "migrate") == "Schema 4: up to date.\n"


def test_a_database_of_a_newer_program_is_refused_in_a_sentence_by_every_command(tmp_path):
    run(tmp_path, "record", "migrate")
    with closing(sqlite3.connect(tmp_path / "cds-service.sqlite")) as database, database:
        database.execute("UPDATE schema_version SET version = 99")
    for command in (("serve",), ("check",), ("record", "migrate"), ("record", "prune"), ("feedback", "report")):
        assert "the database has schema 99, of a newer program" in run(tmp_path, *command, code=1)


def test_check_tells_a_secret_that_is_lost_until_somebody_says_that_it_is(tmp_path):
    asyncio.run(_fill(tmp_path))
    assert "The secret is not" not in _check(tmp_path)
    (tmp_path / "secret").unlink()
    assert "The secret is not the one that this record was written under" in _check(tmp_path)
    assert not (tmp_path / "secret").exists()
    assert run(tmp_path, "record", "accept-secret") == "Other secrets forgotten: 1.\n"


def test_check_tells_a_secret_that_others_can_read(tmp_path):
    asyncio.run(_fill(tmp_path))
    (tmp_path / "secret").chmod(0o640)
    assert "Others than its owner can read the file of the secret" in _check(tmp_path)


def test_check_tells_how_long_the_old_secret_is_needed(tmp_path):
    asyncio.run(_fill(tmp_path))
    told = _check(tmp_path, CDS_SECRET="s" * 32, CDS_SECRET_OLD=(tmp_path / "secret").read_text())
    assert "CDS_SECRET_OLD: what was stored under it is kept until 2027-07-20." in told
    assert "is not the one" not in told


def test_check_tells_lines_that_were_set_aside(tmp_path):
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "x.unread").touch()
    assert "x.unread holds lines of a journal that could not be stored." in _check(tmp_path)


def test_check_says_which_program_cards_and_tables_there_are(tmp_path):
    assert re.search(
        rf"^Version {re.escape(__version__)}, cards [0-9a-f]{{8}}, schema of the record 4\.$", _check(tmp_path), re.M
    )


def _check(folder, **environ):
    return run(folder, "check", **environ)


@pytest.mark.parametrize("command", [("feedback", "report"), ("record", "prune")])
def test_each_command_has_help_with_exit_codes(command, tmp_path):
    assert "Exit codes: 0" in run(tmp_path, *command, "--help")


def test_a_database_that_cannot_be_used_is_told_in_a_sentence(tmp_path):
    said = run(tmp_path, "feedback", "report", code=1, CDS_DATABASE_URL="sqlite://")
    assert "CDS_DATABASE_URL: the database cannot be used" in said
