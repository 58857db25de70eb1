"""`cds-service watch`, over a real record."""

import asyncio
import datetime as dt
import json

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from cds_service.record.entries import Tally
from tests.record.site import site

TODAY = dt.date(2026, 6, 15)
RULE, SERVICE = "clonazepam-dementia", "rbd-order-select"


def tallies(found, days, client="anyone", rule=RULE):
    for ago in days:
        day = (TODAY - dt.timedelta(days=ago)).isoformat()
        for name, outcome, count in (("", "call", 100), (rule, "found", found), (rule, "not met", 20)):
            yield Tally(
                day=day, service=SERVICE, client=client, rule=name, version=name and "1", outcome=outcome, count=count
            )


async def fill(folder, *counted):
    async with site(folder) as place:
        for one in counted:
            place.recorder.writer.note(one)
        await place.settled()


@pytest.fixture(scope="module")
def silenced(tmp_path_factory):
    """A record in which one rule found something every day, and for a week nothing."""
    made = tmp_path_factory.mktemp("var")
    asyncio.run(fill(made, *tallies(10, range(8, 65)), *tallies(0, range(8))))
    return made


def run(folder, *args, code, **environ):
    given = {"CDS_TODAY": TODAY.isoformat(), "CDS_VAR": str(folder), **environ}
    result = CliRunner().invoke(main, ["watch", *args], env=given, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_each_alarm_is_a_line_and_the_code_is_1(silenced):
    (line,) = run(silenced, code=1).stdout.splitlines()
    assert line.startswith(
        f"silent: {RULE} at {SERVICE} for anyone: found something in 0 of 800 calls since 2026-06-08"
    )


def test_an_alarm_is_written_as_json_too(silenced):
    (alarm,) = json.loads(run(silenced, "--json", code=1).stdout)["alarms"]
    assert (alarm["kind"], alarm["rule"], alarm["client"]) == ("silent", RULE, "anyone")
    assert alarm["recent"] == {"events": 0, "of": 800}
    assert alarm["before"] == {"events": 560, "of": 5600}


def test_a_quiet_record_rings_nothing_and_says_how_much_could_be_judged(silenced):
    said = run(silenced, code=0, CDS_TODAY="2026-06-07")
    assert said.stdout == "Nothing rings.\n"
    assert said.stderr == "Judged: 4. Too little on record to judge: 0.\n"


def test_the_days_from_one_on_are_judged_if_that_is_asked(silenced):
    assert "since 2026-06-10" in run(silenced, "--since", "2026-06-10", code=1).stdout


def test_a_rule_that_the_site_no_longer_asks_has_not_fallen_silent(tmp_path):
    asyncio.run(fill(tmp_path, *tallies(10, range(8, 65), rule="gone"), *tallies(0, range(8), rule="gone")))
    run(tmp_path, code=0)


def test_a_client_that_is_no_longer_trusted_has_not_fallen_silent(tmp_path):
    asyncio.run(fill(tmp_path, *tallies(10, range(8, 65), client="gone")))
    run(tmp_path, code=0)


def test_a_site_sets_its_own_limits(silenced, tmp_path):
    (tmp_path / "alarms.toml").write_text("least-before = 100000\n")
    said = run(silenced, code=0, CDS_CARDS=str(tmp_path))
    assert said.stderr == "Judged: 0. Too little on record to judge: 4.\n"


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"CDS_RECORD": "off"}, "CDS_RECORD is off"),
        ({"CDS_DATABASE_URL": "sqlite:////nowhere/at.all"}, "there is no record at /nowhere/at.all"),
        ({"CDS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "the record cannot be read"),
        ({"CDS_PORT": "none"}, "CDS_PORT must be a number"),
    ],
)
def test_what_cannot_be_looked_at_is_not_taken_for_quiet(silenced, environ, why):
    said = run(silenced, code=2, **environ)
    assert said.stderr.startswith("Could not look: ")
    assert why in said.stderr
    assert said.stdout == ""


def test_a_file_that_is_no_record_is_not_taken_for_a_quiet_one(tmp_path):
    (tmp_path / "cds-service.sqlite").touch()
    assert "the record cannot be read" in run(tmp_path, code=2).stderr


def test_a_look_makes_no_record(tmp_path):
    run(tmp_path, code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def loud(tmp_path_factory):
    """A record in which a hook was too loud from its first day on."""

    def counted(name, count):
        for ago in range(29):
            day = (TODAY - dt.timedelta(days=ago)).isoformat()
            where = {"day": day, "service": "rbd-patient-view", "client": "anyone", "rule": "", "version": ""}
            yield Tally(**where, outcome=name, count=count)

    made = tmp_path_factory.mktemp("var")
    counts = ("call", 100), ("gravest none", 96), ("gravest info", 4)
    asyncio.run(fill(made, *(one for told in counts for one in counted(*told))))
    return made


def test_a_hook_that_is_louder_than_its_budget_rings(loud):
    (line,) = run(loud, code=1).stdout.splitlines()
    assert line == (
        "over-budget: info at rbd-patient-view for anyone: such a card or a graver one in 116 of 2900 answers "
        "since 2026-05-18; the budget allows 2%"
    )


def test_what_is_over_budget_is_written_as_json_with_its_ceiling(loud):
    (alarm,) = json.loads(run(loud, "--json", code=1).stdout)["alarms"]
    assert (alarm["kind"], alarm["indicator"], alarm["ceiling"]) == ("over-budget", "info", 0.02)
    assert alarm["recent"] == {"events": 116, "of": 2900}
    assert "before" not in alarm


def test_a_site_sets_its_own_ceilings(loud, tmp_path):
    (tmp_path / "budget.toml").write_text("[patient-view]\ninfo = 0.05\n")
    assert run(loud, code=0, CDS_CARDS=str(tmp_path)).stdout == "Nothing rings.\n"
