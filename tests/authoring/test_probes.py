"""A synthetic patient for each rule, on whatever day."""

import asyncio
import datetime as dt
import json

import pytest

from cds_service.authoring.probes import Probe, judged, probes
from cds_service.cli.start import assembled, cases_of
from cds_service.decisions.service import DecisionService
from cds_service.hooks.requests import PROBED_PATIENT
from cds_service.settings import Settings
from tests.calling import answered_to
from tests.case_runs import ruleset

DAYS = [dt.date.fromisoformat(day) for day in ("2026-06-15", "2026-12-31", "2027-03-01", "2028-02-29", "2031-09-01")]


@pytest.fixture(scope="module")
def runner_and_cases():
    return cases_of(ruleset())


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_every_rule_shows_its_card_on_any_day_also_where_the_clocks_differ_by_a_day(runner_and_cases, day, off):
    decisions = DecisionService(ruleset(), lambda: day + dt.timedelta(days=off))
    asked = list(probes(*runner_and_cases, day))
    assert [one.rule for one in asked] == list(ruleset().content.rules)
    for one in asked:
        decided = asyncio.run(answered_to(decisions, one.body, decisions.services[one.service]))
        found = judged(one, 200, decided.response.encode())
        assert (found.result, found.why) == ("shown", ""), found


def test_a_probe_names_its_synthetic_patient_and_no_other(runner_and_cases):
    for one in probes(*runner_and_cases, DAYS[1]):
        made = json.loads(one.body)
        text, name = one.body.decode(), made["context"]["patientId"]
        assert name == f"{PROBED_PATIENT}{one.rule}"
        assert made["prefetch"]["patient"]["id"] == name
        assert text.count('"Patient/') == text.count(f'"Patient/{name}"')


def test_each_probe_is_a_call_of_its_own(runner_and_cases):
    instances = [json.loads(one.body)["hookInstance"] for _ in range(2) for one in probes(*runner_and_cases, DAYS[0])]
    assert len(set(instances)) == len(instances)


def test_a_rule_that_no_service_asks_is_off(tmp_path):
    (tmp_path / "clonazepam-falls").mkdir()
    (tmp_path / "clonazepam-falls" / "card.toml").write_text('status = "retired"\n')
    cases = cases_of(assembled(Settings(cards=tmp_path)))
    assert [one.rule for one in probes(*cases, DAYS[0]) if not one.service] == ["clonazepam-falls"]


FOUND = {"extension": {"org.rbd-cds.outcomes": {"found": ["r"]}}}


@pytest.mark.parametrize(
    ("status", "answer", "result", "why"),
    [
        (200, {"cards": [], **FOUND}, "shadowed", "found, and not shown"),
        (200, {"cards": [{"extension": {"org.rbd-cds.rules": ["other"]}}]}, "missing", "found nothing"),
        (200, {"cards": [], "extension": {"org.rbd-cds.outcomes": {"failed": ["r"]}}}, "missing", "the rule failed"),
        (
            200,
            {"cards": [], "extension": {"org.rbd-cds.outcomes": {"undetermined": {"r": "patient: left out"}}}},
            "missing",
            "undetermined: patient: left out",
        ),
        (503, {}, "missing", "HTTP 503"),
        (200, [], "missing", "found nothing"),
    ],
)
def test_an_answer_without_the_card_says_why(status, answer, result, why):
    found = judged(Probe("r", "s"), status, json.dumps(answer).encode())
    assert (found.result, found.why) == (result, why)


def test_an_answer_that_is_no_json_is_no_card():
    assert judged(Probe("r", "s"), 200, b"<html>").result == "missing"
