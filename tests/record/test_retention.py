"""A clock that is wrong deletes nothing; one that is right deletes what is older than the retention."""

import datetime as dt

import pytest
import structlog

from cds_service.record.entries import Withdrawn
from cds_service.record.store import Store
from cds_service.record.tables import ANSWERS, CARDS
from tests.charts import ALZHEIMER, CLONAZEPAM, condition, dosage, draft, patient
from tests.record.site import NOON, site
from tests.record.test_store import answer, card, put, rows, store

__all__ = ["store"]
pytestmark = pytest.mark.anyio

DAY = dt.timedelta(days=1)
KEEP = 400 * DAY
FAR = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
DEMENTIA = (patient(), condition(ALZHEIMER, id="dementia"))
HALF = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])


def milliseconds(at):
    return int(at.timestamp() * 1000)


async def fill(store: Store, *days: int) -> None:
    """A card and its answer, each so many days from noon."""
    for number, day in enumerate(days):
        at = milliseconds(NOON + day * DAY)
        name = f"c{day}"
        await put(store, card(name, at=at), answer(name, at=at, received=at), journal=f"j{number}{day}")


async def kept(store):
    return sorted(int(row["card"][1:]) for row in await rows(store, CARDS))


async def test_a_clock_that_jumps_deletes_nothing_however_often_it_is_asked(store):
    await fill(store, -390, 0)
    assert (await store.prune(NOON, KEEP)).fault is None
    for _ in range(3):
        pruned = await store.prune(FAR, KEEP)
        assert (pruned.fault, pruned.rows) == ("ahead", {})
    assert "2026-06-15" in pruned.told
    assert "--as-of" in pruned.told
    assert await kept(store) == [-390, 0]


async def test_nor_does_it_once_new_rows_are_written_by_it(store):
    await fill(store, -390, 0)
    await store.prune(NOON, KEEP)
    await fill(store, (FAR - NOON).days)
    assert (await store.prune(FAR, KEEP)).fault == "ahead"
    assert len(await kept(store)) == 3


async def test_nor_does_one_that_jumped_before_the_record_was_ever_pruned(store):
    await fill(store, -390, 0)
    assert (await store.prune(FAR, KEEP)).fault == "ahead"
    assert await kept(store) == [-390, 0]


async def test_a_clock_that_is_put_right_prunes_again_by_itself(store):
    await fill(store, -410, 0)
    await store.prune(FAR, KEEP)
    pruned = await store.prune(NOON, KEEP)
    assert (pruned.fault, pruned.rows["cards"], pruned.rows["answers"]) == (None, 1, 1)
    assert await kept(store) == [0]


async def test_the_retention_ends_no_later_than_that_of_the_newest_row(store):
    await fill(store, -405, -10)
    assert (await store.prune(NOON, KEEP)).rows["cards"] == 0
    await fill(store, -1)
    assert (await store.prune(NOON, KEEP)).rows["cards"] == 1


@pytest.mark.parametrize("days", [-2, -30, -20_000])
async def test_a_clock_that_went_back_deletes_nothing_and_is_told(store, days):
    await fill(store, -390, 0)
    await store.prune(NOON, KEEP)
    assert (await store.prune(NOON + days * DAY, KEEP)).fault == "behind"
    assert (await store.prune(NOON + DAY, KEEP)).fault is None, "back again, it needs nobody's word"
    assert await kept(store) == [-390, 0]


async def test_clocks_of_two_hosts_may_differ_a_little(store):
    await store.prune(NOON, KEEP)
    assert (await store.prune(NOON - dt.timedelta(hours=3), KEEP)).fault is None


async def test_a_site_that_was_off_for_a_year_is_asked_which_day_it_is(store):
    await fill(store, -100, 0)
    await store.prune(NOON, KEEP)
    later = NOON + 365 * DAY
    await fill(store, 365)
    assert (await store.prune(later, KEEP)).fault == "ahead"
    assert (await store.prune(later, KEEP, said=True)).rows["cards"] == 1
    assert (await store.prune(later + DAY, KEEP)).fault is None
    assert await kept(store) == [0, 365]


async def test_a_site_that_was_off_and_has_nothing_to_delete_is_asked_nothing(store):
    await fill(store, 0)
    await store.prune(NOON, KEEP)
    assert (await store.prune(NOON + 90 * DAY, KEEP)).fault is None


async def test_what_a_word_says_is_believed_from_then_on_even_if_it_is_earlier(store):
    await store.prune(FAR, KEEP)
    assert (await store.prune(NOON, KEEP)).fault == "behind"
    await store.prune(NOON, KEEP, said=True)
    await fill(store, 0)
    assert (await store.prune(NOON + DAY, KEEP)).fault is None
    assert (await store.prune(FAR, KEEP)).fault == "ahead"


async def test_a_short_retention_is_not_lost_to_a_month(store):
    await fill(store, -3, 0)
    await store.prune(NOON, 7 * DAY)
    assert (await store.prune(NOON + 20 * DAY, 7 * DAY)).fault == "ahead"


async def test_withdrawals_and_answers_alone_are_times_as_well(store):
    at = milliseconds(NOON)
    await put(store, card(at=at - 1), answer(at=at, received=at), Withdrawn(patient="p", at=at, rules=("tremor",)))
    assert (await store.prune(FAR, KEEP)).fault == "ahead"
    assert len(await rows(store, ANSWERS)) == 1


async def test_a_service_with_a_wrong_clock_tells_it_and_keeps_the_record(tmp_path):
    async with site(tmp_path) as place:
        await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await place.settled()
        await place.recorder.prune()
        place.passes(days=20_000)
        with structlog.testing.capture_logs() as lines:
            await place.recorder.prune()
        assert place.recorder.faults["clock"]
        assert await kept_cards(place) == 1
        place.passes(days=-20_000)
        await place.recorder.prune()
        assert not place.recorder.faults["clock"]
    assert [(line["event"], line["clock"]) for line in lines] == [("record not pruned", "ahead")]


async def kept_cards(place):
    return len(await rows(place.recorder.store, CARDS))


async def test_what_was_answered_by_a_clock_that_was_ahead_mutes_nothing_once_it_is_right(tmp_path):
    """It would for as long as the clock was ahead, and nobody would know."""
    async with site(tmp_path) as place:
        place.passes(days=20_000)
        (shown,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await place.overrides(shown)
        assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,)) == ()
        place.passes(days=-20_000)
        assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
