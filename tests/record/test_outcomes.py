"""What the outcomes page counts, from both databases."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from cds_service.record.outcomes import periods, read_outcomes
from cds_service.record.report import feedback_report
from tests.charts import ALZHEIMER, CLONAZEPAM, condition, dosage, draft, patient
from tests.record.site import NOON, site

pytestmark = pytest.mark.anyio

BERLIN = ZoneInfo("Europe/Berlin")
DEMENTED = patient(), condition(ALZHEIMER, id="dementia")
HALF = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])
RULE = "clonazepam-dementia"
LAST = NOON.date()


async def asked(at, person="p1", **more):
    (card,) = await at.ask("order-select", *DEMENTED, drafts=(HALF,), patientId=person, **more)
    return card


def of_rule(outcomes, *by):
    found = outcomes.only(rule=RULE).of_rules.summed(*by)
    names = ("shown", "accepted", "overridden", "ignored", "evaluated")
    return {key: tuple(counts[name] for name in names) for key, counts in found.items()}


async def test_cards_are_counted_by_what_became_of_them(tmp_path, database_url):
    async with site(tmp_path, database_url=database_url) as at:
        await at.accepts(await asked(at, "p1"))
        await at.overrides(await asked(at, "p2"), "risk-benefit-ratio")
        await at.overrides(await asked(at, "p3"))
        await asked(at, "p4")
        await at.settled()
        found = await read_outcomes(at.recorder.store, 28, LAST, dt.UTC)
    assert of_rule(found, "client") == {("ehr",): (4, 1, 2, 1, 4)}
    reasons = found.only(rule=RULE).summed("reason")
    assert (reasons["risk-benefit-ratio",]["overridden"], reasons["no reason",]["overridden"]) == (1, 1)


async def test_of_several_answers_to_a_card_the_last_one_counts(tmp_path, database_url):
    async with site(tmp_path, database_url=database_url) as at:
        card = await asked(at)
        await at.overrides(card, at=NOON + dt.timedelta(minutes=1))
        at.passes(minutes=5)
        await at.accepts(card)
        await at.settled()
        found = await read_outcomes(at.recorder.store, 28, LAST, dt.UTC)
    assert of_rule(found, "client") == {("ehr",): (1, 1, 0, 0, 1)}


async def test_an_answer_counts_on_the_day_on_which_its_card_was_shown(tmp_path, database_url):
    async with site(tmp_path, database_url=database_url) as at:
        card = await asked(at)
        at.passes(days=3)
        await at.accepts(card)
        await at.settled()
        found = await read_outcomes(at.recorder.store, 7, LAST + dt.timedelta(days=3), dt.UTC)
    day = found.starts.index(LAST)
    assert of_rule(found, "period") == {(day,): (1, 1, 0, 0, 1)}


async def test_days_begin_when_they_begin_at_the_site(tmp_path):
    """Midnight in Berlin is ten at night in UTC in summer."""
    async with site(tmp_path, time_zone="Europe/Berlin") as at:
        at.now = dt.datetime(2026, 6, 15, 0, 30, tzinfo=BERLIN)
        await at.accepts(await asked(at))
        await at.settled()
        found = await read_outcomes(at.recorder.store, 2, dt.date(2026, 6, 15), BERLIN)
    assert of_rule(found, "period") == {(1,): (1, 1, 0, 0, 1)}


async def test_the_page_and_the_report_count_alike(tmp_path, database_url):
    async with site(tmp_path, database_url=database_url) as at:
        await at.accepts(await asked(at, "p1"))
        await asked(at, "p2")
        await asked(at, "p1", encounterId="e2")
        await at.settled()
        found = await read_outcomes(at.recorder.store, 1, LAST, dt.UTC)
        begin = dt.datetime.combine(LAST, dt.time(), dt.UTC)
        report = await feedback_report(at.recorder.store, begin, begin + dt.timedelta(days=1), ())
    names = ("shown", "accepted", "overridden", "ignored", "muted", "silent", "draft", "cut")
    summed = {key: [one[name] for name in names] for key, one in found.of_rules.summed("rule", "version").items()}
    reported = {key: [line.count(name) for name in names] for key, line in report.lines.items()}
    assert {key: counts for key, counts in summed.items() if any(counts)} == reported


def test_many_days_are_parted_into_whole_weeks_that_end_today():
    assert len(periods(28, LAST)) == 28
    weeks = periods(364, LAST)
    assert len(weeks) == 52
    assert (weeks[0], weeks[-1]) == (LAST - dt.timedelta(days=363), LAST - dt.timedelta(days=6))
