"""A made-up record, from the command line."""

import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("CDS_VAR", str(tmp_path))

    def invoke(**environment):
        return CliRunner().invoke(main, ["demo-data", "--days", "2"], env=environment)

    return invoke


def rows(folder):
    with closing(sqlite3.connect(folder / "cds-service.sqlite")) as opened:
        return opened.execute("SELECT count(*), min(client), max(client) FROM tallies").fetchone()


def test_an_empty_record_is_filled_under_names_that_say_what_it_is(run, tmp_path):
    done = run()
    assert done.exit_code == 0, done.output
    assert "made-up cards of 2 days" in done.stdout
    assert rows(tmp_path)[1:] == ("demonstration-clinics", "demonstration-hospital")


def test_nothing_is_added_to_what_is_on_record(run, tmp_path):
    run()
    before = rows(tmp_path)
    done = run()
    assert (done.exit_code, rows(tmp_path)) == (1, before)
    assert "CDS_VAR=" in done.stderr


def test_the_record_of_trusted_ehrs_is_left_alone(run, tmp_path):
    clients = tmp_path / "clients.toml"
    clients.write_text("")
    done = run(CDS_CLIENTS=str(clients))
    assert done.exit_code == 1
    assert "CDS_CLIENTS" in done.stderr
    assert not (tmp_path / "cds-service.sqlite").exists()


def test_without_a_record_there_is_nothing_to_fill(run, tmp_path):
    assert "CDS_RECORD" in run(CDS_RECORD="off").stderr
    assert not (tmp_path / "cds-service.sqlite").exists()
