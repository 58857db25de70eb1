"""SQLite and PostgreSQL keep and tell the same."""

import asyncio
import datetime as dt

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ArgumentError

from cds_service.record import tables
from cds_service.record.entries import Batch, CardAnswer, Fingerprint, ShownCard, Tally, Withdrawn
from cds_service.record.store import Store
from cds_service.record.tables import ANSWERS, CARDS, JOURNALS, TALLIES, WITHDRAWALS

pytestmark = pytest.mark.anyio

FINGERPRINT = Fingerprint(
    rule="tremor", version="1.0.0+aa", indicator="warning", drug="d", classes=("k1", "k2"), band=1
)
NOW = 1_781_500_000_000
TALLY = Tally(day="2026-06-15", service="s", client="ehr", rule="tremor", version="1", outcome="found", count=2)


def card(name="c1", **members):
    given = {"at": NOW, "service": "s", "hook": "order-select", "client": "ehr", "indicator": "warning"}
    whose = {"patient": "p", "user": "u", "encounter": "e", "findings": (FINGERPRINT,)}
    return ShownCard(card=name, **(given | whose | members))


def answer(name="c1", at=NOW, **members):
    given = {"outcome": "overridden", "received": NOW, "service": "s", "client": "ehr", "reason": "limited-time"}
    return CardAnswer(card=name, at=at, **(given | members))


@pytest.fixture
async def store(database_url, anyio_backend):
    opened = Store(database_url)
    await opened.open()
    yield opened
    await opened.close()


async def rows(store, table):
    async with store.engine.connect() as connection:
        return (await connection.execute(select(table))).mappings().all()


async def put(store, *entries, number=1, journal="j"):
    await store.apply(journal, [Batch(number, entries)])


async def before(store, *parts, patient="p", since=0):
    return await store.before(patient, parts, since)


async def test_a_card_and_its_answer_are_told_together(store):
    await put(store, card(), answer())
    (past,) = await before(store)
    assert (past.card, past.hook, past.user, past.encounter, past.card_indicator) == (
        "c1",
        "order-select",
        "u",
        "e",
        "warning",
    )
    assert past.finding == FINGERPRINT
    assert (past.outcome, past.reason, past.answered) == ("overridden", "limited-time", NOW)


@pytest.mark.parametrize("answer_first", [True, False])
async def test_card_and_answer_may_come_in_either_order(store, answer_first):
    for number, entry in enumerate((answer(), card()) if answer_first else (card(), answer()), 1):
        await put(store, entry, number=number)
    (past,) = await before(store)
    assert past.outcome == "overridden"


async def test_a_card_without_an_answer_is_told_only_when_asked_for(store):
    await put(store, card(), card("c2", indicator="info", at=NOW + 1))
    assert await before(store) == []
    assert [past.card for past in await before(store, "recent")] == ["c2", "c1"]
    assert [past.card for past in await before(store, "recent", since=NOW + 1)] == ["c2"]
    assert [past.card for past in await before(store, "information")] == ["c2"]


async def test_what_was_not_shown_is_never_told(store):
    await put(store, card(shown=False), answer())
    assert await before(store, "recent", "information") == []


async def test_the_same_answer_counts_once(store):
    await put(store, card(), answer(), answer(), number=1)
    await put(store, answer(), number=2)
    assert len(await rows(store, ANSWERS)) == 1
    assert len(await before(store)) == 1


async def test_the_later_answer_counts_whatever_came_first(store):
    await put(store, card(), answer(at=NOW + 5, outcome="accepted", reason=""), answer(at=NOW))
    (past,) = await before(store)
    assert past.outcome == "accepted"


async def test_an_answer_does_not_count_from_a_time_that_has_not_come(store):
    await put(store, card(), answer(at=NOW + 10**9))
    (past,) = await before(store)
    assert past.answered == NOW


async def test_another_clients_answer_is_kept_and_counts_for_nothing(store):
    await put(store, card(), answer(client="another"))
    assert await before(store) == []
    assert len(await rows(store, ANSWERS)) == 1


async def test_a_withdrawn_rule_is_told_as_such_until_it_is_shown_again(store):
    await put(store, card(), answer(), number=1)
    await put(store, Withdrawn(patient="p", at=NOW + 1, rules=("tremor", "other")), number=2)
    assert [past.withdrawn for past in await before(store)] == [True]
    await put(store, card("c2", at=NOW + 2), answer("c2"), number=3)
    assert {past.card: past.withdrawn for past in await before(store)} == {"c1": True, "c2": False}
    assert [row["rule"] for row in await rows(store, WITHDRAWALS)] == ["tremor"]


async def test_a_patient_to_whom_nothing_was_shown_leaves_no_trace(store):
    await put(store, card(patient="q"), card("c2", shown=False), Withdrawn(patient="p", at=NOW + 1, rules=("tremor",)))
    assert await rows(store, WITHDRAWALS) == []


async def test_what_is_withdrawn_before_it_is_answered_is_withdrawn_all_the_same(store):
    await put(store, card(), Withdrawn(patient="p", at=NOW + 1, rules=("tremor",)))
    await put(store, answer(), number=2)
    (past,) = await before(store)
    assert past.withdrawn


async def test_counts_are_added_up(store):
    for number in (1, 2, 3):
        await put(store, TALLY, number=number)
    assert [row["count"] for row in await rows(store, TALLIES)] == [6]


async def test_a_batch_that_comes_again_is_not_counted_again(store):
    for _ in range(2):
        await put(store, TALLY, card(), number=7)
    await put(store, TALLY, number=8)
    await put(store, TALLY, number=1, journal="another")
    assert [row["count"] for row in await rows(store, TALLIES)] == [6]
    await store.forget("another")
    assert [row["name"] for row in await rows(store, JOURNALS)] == ["j"]


async def test_several_writers_lose_nothing(database_url, store):
    async def write(writer):
        own = Store(database_url)
        for number in range(10):
            await put(own, TALLY, card(f"{writer}-{number}"), number=number + 1, journal=f"j{writer}")
        await own.close()

    await asyncio.gather(*map(write, range(3)))
    assert len(await rows(store, CARDS)) == 30
    assert [row["count"] for row in await rows(store, TALLIES)] == [60]


async def test_stores_that_open_together_make_the_tables_once(database_url):
    stores = [Store(database_url) for _ in range(4)]
    await asyncio.gather(*(one.open() for one in stores))
    await put(stores[0], TALLY)
    assert len(await rows(stores[3], TALLIES)) == 1
    await asyncio.gather(*(one.close() for one in stores))


async def test_what_is_older_than_the_retention_goes(store):
    old = NOW - 86_400_000 * 3
    await put(store, card("old", at=old), answer("old", received=old), card(), answer(), TALLY, number=1)
    await put(
        store,
        Tally(**{name: getattr(TALLY, name) for name in TALLY.__struct_fields__} | {"day": "2026-06-10"}),
        number=2,
    )
    pruned = await store.prune(dt.datetime.fromtimestamp(NOW / 1000, dt.UTC), dt.timedelta(days=2))
    assert pruned.rows == {"cards": 1, "answers": 1, "withdrawals": 0, "tallies": 1}
    assert [row["card"] for row in await rows(store, CARDS)] == ["c1"]
    assert [row["card"] for row in await rows(store, ANSWERS)] == ["c1"]
    assert [row["day"] for row in await rows(store, TALLIES)] == ["2026-06-15"]


async def test_a_card_shown_a_thousand_times_is_told_a_few_times(store):
    await put(store, *(card(f"c{n}", at=NOW + n) for n in range(1000)))
    found = await before(store, "recent")
    assert [past.card for past in found] == [f"c{n}" for n in range(999, 987, -1)]


def test_a_database_that_is_no_file_is_refused():

    with pytest.raises(ArgumentError):
        Store("sqlite://")


async def test_an_older_store_is_brought_up_to_date_with_what_it_holds(database_url, monkeypatch):
    older = Store(database_url)
    with monkeypatch.context() as before_tokens:
        before_tokens.setattr(tables, "STEPS", tables.STEPS[:1])
        await older.open()
    await put(older, card())
    await put(older, answer(), number=2)
    async with older.engine.begin() as connection:
        await connection.run_sync(tables.TOKENS.drop)
        await connection.execute(text("ALTER TABLE answers DROP COLUMN accepted"))
    await older.close()
    opened = Store(database_url)
    await opened.open()
    assert await opened.use_token("m", NOW)
    assert not await opened.use_token("m", NOW)
    assert len(await rows(opened, CARDS)) == 1
    await put(opened, answer(outcome="accepted", accepted="s1 s2"), number=3)
    assert sorted(row["accepted"] for row in await rows(opened, ANSWERS)) == ["", "s1 s2"]
    await opened.close()


@pytest.mark.parametrize("query", ["connect_timeout=5", "application_name=cds", "sslmode=disable&connect_timeout=2"])
async def test_parameters_of_libpq_are_taken(postgresql, query):
    opened = Store(f"{postgresql % 'postgres'}&{query}")
    async with opened.engine.connect() as connection:
        assert await connection.scalar(select(1)) == 1
    await opened.close()
