"""A database that says nothing costs a call no more than one that refuses, from the start or from amid a session on."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from cds_service.errors import NotReady
from cds_service.record import reachable, store, used_tokens_shared as sharing
from cds_service.record.entries import Batch, Tally
from cds_service.record.store import Store
from cds_service.record.used_tokens_file import UsedTokensFile
from cds_service.record.used_tokens_shared import UsedTokensShared
from tests.lateness import slowness
from tests.record.conftest import _create

pytestmark = [pytest.mark.anyio, pytest.mark.timing]
_number = itertools.count(1)
TALLY = Tally(day="2026-06-15", service="s", client="c", rule="r", version="1", outcome="found", count=1)


class Line:
    """The way to a real PostgreSQL server, on which everything that is sent can be held up."""

    def __init__(self, folder: str) -> None:
        self.there = f"{folder}/.s.PGSQL.5432"
        self.flows = asyncio.Event()
        self.flows.set()
        self.under_way: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.under_way.add(asyncio.current_task())
        ends = [writer]
        try:
            answers, asks = await asyncio.open_unix_connection(self.there)
            ends.append(asks)
            await asyncio.gather(self.carry(reader, asks), self.carry(answers, writer))
        except asyncio.CancelledError:
            pass
        finally:
            for end in ends:
                end.close()

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                await self.flows.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


@pytest.fixture
async def line(postgresql, anyio_backend) -> AsyncIterator[Line]:
    made = Line(postgresql.partition("host=")[2])
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"postgresql://postgres@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()
    for task in made.under_way:
        task.cancel()
    await asyncio.gather(*made.under_way, return_exceptions=True)
    await asyncio.sleep(0.05)  # what was closed is let go by the loop


@pytest.fixture
async def kept(line, postgresql, monkeypatch) -> AsyncIterator[Store]:
    """A store whose times are short."""
    wait = 0.1 * slowness()
    monkeypatch.setattr(store, "READ_SECONDS", wait)
    monkeypatch.setattr(store, "_APPLY_SECONDS", 2 * wait)
    monkeypatch.setattr(reachable, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(reachable, "_PROBE_SECONDS", 2 * wait)
    name = f"hung{next(_number)}"
    await _create(postgresql % "postgres", name)
    made = Store(f"{line.url}/{name}")
    yield made
    line.flows.set()
    await made.close()


async def tried(kept: Store, until: int) -> tuple[bool | None, float]:
    started = time.perf_counter()
    try:
        await kept.before(f"patient-{until}", ("recent",), 0)
        found = True
    except kept.lost:
        found = None
    return found, time.perf_counter() - started


async def recalled(kept: Store) -> float:
    started = time.perf_counter()
    with pytest.raises(kept.lost):
        await kept.before("patient", ("recent",), 0)
    return time.perf_counter() - started


async def answers_again(kept: Store) -> None:
    async with asyncio.timeout(60):
        while (await tried(kept, 99))[0] is None:  # noqa: ASYNC110  # a database has no event
            await asyncio.sleep(0.05)


async def test_one_that_hangs_amid_a_session_is_waited_for_once_and_then_asked_again_when_it_answers(line, kept):
    await kept.open()
    assert await asyncio.gather(*(kept.use_token(f"m{n}", 1) for n in range(8))) == [True] * 8
    line.flows.clear()
    crowd = await asyncio.gather(*(tried(kept, n) for n in range(40)))
    assert {found for found, _ in crowd} == {None}
    assert max(seconds for _, seconds in crowd) < 3 * store.READ_SECONDS
    assert sum([await recalled(kept) for _ in range(50)]) < store.READ_SECONDS
    line.flows.set()
    await answers_again(kept)
    assert await kept.before("patient", ("recent",), 0) == []
    later = [await tried(kept, 1_000 + n) for n in range(20)]
    assert {found for found, _ in later} == {True}


async def test_one_that_takes_connections_and_says_nothing_is_waited_for_once(line, kept):
    line.flows.clear()
    assert await recalled(kept) < 2 * store.READ_SECONDS
    assert sum([await recalled(kept) for _ in range(50)]) < store.READ_SECONDS
    line.flows.set()
    await kept.open()
    await answers_again(kept)


async def test_what_is_to_be_stored_is_given_up_in_time_and_stored_once(line, kept):
    await kept.open()
    await kept.apply("journal", [Batch(1, (TALLY,))])
    line.flows.clear()
    with pytest.raises(kept.lost):
        await asyncio.wait_for(kept.apply("journal", [Batch(2, (TALLY,))]), 30)
    line.flows.set()
    await kept.apply("journal", [Batch(1, (TALLY,)), Batch(2, (TALLY,))])
    async with kept.engine.connect() as connection:
        assert [row.count for row in await connection.execute(store.TALLIES.select())] == [2]


async def test_it_keeps_nobody_from_ending(line, kept):
    await kept.open()
    await asyncio.gather(*(kept.use_token(f"m{n}", 1) for n in range(8)))
    line.flows.clear()
    await recalled(kept)
    await asyncio.wait_for(kept.close(), 30)


@pytest.fixture
async def tokens(kept, tmp_path, monkeypatch) -> AsyncIterator[UsedTokensShared]:
    """The used tokens of a host that shares them by that store, and asks again at once."""
    monkeypatch.setattr(sharing, "_ANSWER_SECONDS", 3 * store.READ_SECONDS)
    here = UsedTokensFile(tmp_path / "tokens.sqlite")
    made = UsedTokensShared(here, kept)
    async with made.running():
        await made._open.wait()
        monkeypatch.setattr(sharing, "_PAUSE_SECONDS", 0.0)
        yield made
        monkeypatch.setattr(sharing, "_PAUSE_SECONDS", 10.0)
    here.close()


async def used(tokens: UsedTokensShared, token: str) -> tuple[bool | None, float]:
    """Whether it was admitted, or None where that could not be told, and how long it took."""
    started = time.perf_counter()
    try:
        admitted = await tokens.first_use("ehr", token, 2_000_000_000.0)
    except NotReady:
        admitted = None
    return admitted, time.perf_counter() - started


async def test_used_tokens_are_waited_for_once_and_asked_for_again_when_it_answers(line, kept, tokens):
    assert [(await used(tokens, token))[0] for token in "aab"] == [True, False, True]
    line.flows.clear()
    crowd = await asyncio.gather(*(used(tokens, f"c{n}") for n in range(40)))
    assert {admitted for admitted, _ in crowd} == {None}
    assert max(seconds for _, seconds in crowd) < 2 * sharing._ANSWER_SECONDS
    later = [await used(tokens, f"d{n}") for n in range(50)]
    assert {admitted for admitted, _ in later} == {None}
    assert sum(seconds for _, seconds in later) < sharing._ANSWER_SECONDS
    line.flows.set()
    async with asyncio.timeout(60):
        while kept.hangs:  # noqa: ASYNC110  # a database has no event
            await asyncio.sleep(0.05)
    assert {(await used(tokens, f"e{n}"))[0] for n in range(20)} == {True}
