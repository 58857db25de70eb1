"""The record that is made up for a look at the page of outcomes."""

import datetime as dt

import pytest

from cds_service.record.demonstration import CLINICS, FLOODING, HOSPITAL, SILENT, Demonstration, is_empty, write
from cds_service.record.entries import DEMONSTRATION, CardAnswer, ShownCard, Tally
from cds_service.record.outcomes import read_outcomes
from cds_service.record.watching import look_at
from tests.case_runs import ruleset
from tests.record.site import NOON, site

DAYS = 70


def entries(seed=1, days=DAYS, now=NOON):
    return [entry for day in Demonstration(ruleset(), now, seed).days(days) for entry in day]


def test_the_same_seed_makes_the_same_record():
    assert entries(days=3) == entries(days=3) != entries(seed=2, days=3)


def test_nothing_of_it_could_be_anybodys():
    made = entries(days=20)
    assert {entry.client for entry in made} == set(DEMONSTRATION)
    assert all(entry.patient.startswith("demonstration-") for entry in made if isinstance(entry, ShownCard))


def test_nothing_of_it_is_still_to_come():
    now = NOON.timestamp() * 1000
    made = entries(days=20)
    assert max(entry.at for entry in made if isinstance(entry, ShownCard)) <= now
    assert max(entry.received for entry in made if isinstance(entry, CardAnswer)) <= now
    assert max(entry.day for entry in made if isinstance(entry, Tally)) == NOON.date().isoformat()


@pytest.mark.anyio
@pytest.mark.parametrize("weekday", range(7))
async def test_its_troubles_ring_on_every_day_of_the_week(tmp_path, weekday):
    now = NOON + dt.timedelta(days=weekday)
    async with site(tmp_path) as at:
        store = at.recorder.store
        await write(store, Demonstration(ruleset(), now, 1).days(DAYS))
        alarms = (await look_at(store, ruleset(), frozenset(DEMONSTRATION), now.date())).alarms
    rung = {(one.kind, one.series.rule, one.series.client) for one in alarms}
    assert rung == {("silent", SILENT, HOSPITAL), ("flood", FLOODING, CLINICS)}


@pytest.mark.anyio
async def test_what_is_written_is_counted_and_the_record_is_no_longer_empty(tmp_path, database_url):
    async with site(tmp_path, database_url=database_url) as at:
        store = at.recorder.store
        await store.open()
        assert await is_empty(store)
        cards = await write(store, Demonstration(ruleset(), NOON, 1).days(7))
        assert not await is_empty(store)
        found = await read_outcomes(store, 7, NOON.date(), dt.UTC)
    summed = found.of_rules.summed()[()]
    assert summed["shown"] == cards
    assert min(summed[name] for name in ("accepted", "overridden", "ignored", "muted", "undetermined")) > 0
