"""A token used at one host is refused at every host that shares the database, also while that is busy or lost."""

import asyncio
import itertools
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import structlog
from sqlalchemy import select

from cds_service.errors import NotReady
from cds_service.record import used_tokens_shared as sharing
from cds_service.record.store import Store
from cds_service.record.tables import TOKENS
from cds_service.record.used_tokens_file import UsedTokensFile
from cds_service.record.used_tokens_shared import UsedTokensShared

pytestmark = pytest.mark.anyio
LATER = 2_000_000_000.0


class Host:
    """One host with a file of its own."""

    def __init__(self, folder: Path, database_url: str, clock=lambda: 0.0, *, admit=False) -> None:
        self.here = UsedTokensFile(folder / "tokens.sqlite")
        self.store = Store(database_url)
        self.told: list[str] = []
        self.tokens = UsedTokensShared(self.here, self.store, clock, admit=admit, told=self.told.append)

    async def __aenter__(self):
        self._running = self.tokens.running()
        await self._running.__aenter__()
        return self.tokens

    async def __aexit__(self, *fault):
        await self._running.__aexit__(*fault)
        self.here.close()


async def kept(database_url):
    store = Store(database_url)
    async with store.engine.connect() as connection:
        found = (await connection.execute(select(TOKENS))).all()
    await store.close()
    return found


@pytest.mark.attack("A token that is sent again to another host", "401")
async def test_a_token_is_good_at_one_host(tmp_path, database_url):
    async with Host(tmp_path / "a", database_url) as one, Host(tmp_path / "b", database_url) as other:
        assert await one.first_use("ehr", "t", LATER)
        assert not await other.first_use("ehr", "t", LATER)
        assert await other.first_use("another", "t", LATER)
        assert await other.first_use("ehr", "u", LATER)
        assert not await one.first_use("ehr", "u", LATER)


async def test_neither_issuer_nor_token_can_be_read_in_the_database(tmp_path, database_url):
    async with Host(tmp_path, database_url) as tokens:
        await tokens.first_use("https://MARK.example", "MARK", LATER)
    (row,) = await kept(database_url)
    assert "MARK" not in str(row)
    assert row.until == LATER


async def test_what_has_run_out_is_swept_away_at_the_next_start(tmp_path, database_url):
    async with Host(tmp_path, database_url) as tokens:
        await tokens.first_use("ehr", "old", 1000.0)
        await tokens.first_use("ehr", "new", LATER)
    async with Host(tmp_path, database_url, lambda: 1000.0):
        pass
    assert [row.until for row in await kept(database_url)] == [LATER]


async def outcome(tokens, token):
    """What becomes of a call with a token."""
    try:
        return "admitted" if await tokens.first_use("ehr", token, LATER) else "used before"
    except NotReady:
        return "not told"


async def test_a_site_may_have_calls_answered_while_the_database_is_lost(tmp_path, monkeypatch):
    database_url = f"sqlite:///{tmp_path}/shared.sqlite"
    host = Host(tmp_path, database_url, admit=True)
    monkeypatch.setattr(sharing, "_PAUSE_SECONDS", 0.05)
    async with host as tokens:
        await tokens._open.wait()

        async def gone(*_):
            raise OSError("MARK")

        with monkeypatch.context() as lost, structlog.testing.capture_logs() as lines:
            lost.setattr(host.store, "use_token", gone)
            assert [await tokens.first_use("ehr", "t", LATER) for _ in range(2)] == [True, False]
            assert await tokens.first_use("ehr", "u", LATER)
        assert {line["event"] for line in lines} == {"used tokens not shared"}
        assert "MARK" not in str(lines)
        assert host.told == ["admitted"] * 2
        for _ in range(1000):
            if len(await kept(database_url)) == 2:
                break
            await asyncio.sleep(0.05)
        assert len(await kept(database_url)) == 2
        async with Host(tmp_path / "other", database_url) as other:
            assert not await other.first_use("ehr", "t", LATER)


async def test_connections_that_a_restart_of_the_database_left_dead_share_all_the_same(tmp_path, postgresql):
    async def tell(statement):
        connection = await asyncpg.connect(postgresql % "postgres")
        await connection.execute(statement)
        await connection.close()

    await tell("CREATE DATABASE restarted")
    one, other = (Host(tmp_path / name, postgresql % "restarted") for name in "ab")
    async with one as here, other as there:
        assert await here.first_use("ehr", "t", LATER)
        assert await there.first_use("ehr", "u", LATER)
        await tell("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'restarted'")
        assert not await there.first_use("ehr", "t", LATER)
        assert not await here.first_use("ehr", "u", LATER)
    assert one.told == other.told == []


async def test_a_token_whose_use_may_have_been_told_is_not_asked_about_again(tmp_path, database_url, monkeypatch):
    host = Host(tmp_path, database_url, admit=True)
    asked = []

    async def slow(*used):
        asked.append(used)
        raise TimeoutError

    async with host as tokens:
        monkeypatch.setattr(host.store, "use_token", slow)
        assert await tokens.first_use("ehr", "t", LATER)
        assert len(asked) == 1


async def test_while_the_database_is_lost_nobody_is_admitted_and_each_refusal_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "_PAUSE_SECONDS", 0.05)
    host = Host(tmp_path, "postgresql://nobody@127.0.0.1:9/none")
    async with host as tokens:
        with structlog.testing.capture_logs() as lines:
            assert [await outcome(tokens, token) for token in "tut"] == ["not told", "not told", "used before"]
    assert host.told == ["refused"] * 2
    assert [line["reason"] for line in lines] == ["used tokens could not be asked for"] * 2
    assert NotReady().headers == {"Retry-After": "1"}


# A real database that works, and has other work


REPLAYS = 1000
_databases = itertools.count(1)


@pytest.fixture
async def work(postgresql):
    """An empty database of a role that may have twelve connections, and a connection of its superuser."""
    name = f"busy{next(_databases)}"
    server = await asyncpg.connect(postgresql % "postgres")
    await server.execute(f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 12")
    await server.execute(f"CREATE DATABASE {name} OWNER {name}")
    await server.close()
    address = (postgresql % name).replace("postgres@", f"{name}@")
    other = await asyncpg.connect(postgresql % name)
    yield address, other
    await other.close()


@asynccontextmanager
async def a_lock_held(_, other, __):
    async with other.transaction():
        await other.execute("LOCK TABLE tokens IN ACCESS EXCLUSIVE MODE")
        yield


async def slowly(other, seconds):
    await other.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$"
    )
    await other.execute("CREATE TRIGGER slow BEFORE INSERT ON tokens FOR EACH ROW EXECUTE FUNCTION slow()")


@asynccontextmanager
async def slow(_, other, __):
    await slowly(other, 0.3)
    yield


@asynccontextmanager
async def all_connections_in_use(address, _, hosts):
    for host in hosts:
        await host.store.engine.dispose()
    taken = []
    try:
        while True:
            taken.append(await asyncpg.connect(address))
    except asyncpg.TooManyConnectionsError:
        yield
    finally:
        for connection in taken:
            await connection.close()


@pytest.mark.attack(
    "A thousand used tokens, sent to another host while the database is busy", "401 or 503, none admitted"
)
@pytest.mark.timing
@pytest.mark.parametrize("busy", [a_lock_held, slow, all_connections_in_use])
async def test_of_a_thousand_replays_a_busy_database_admits_none(tmp_path, work, busy, monkeypatch):
    monkeypatch.setattr(sharing, "_PAUSE_SECONDS", 1.0)
    address, other = work
    hosts = [Host(tmp_path / name, address) for name in "ab"]
    async with hosts[0] as one, hosts[1] as two:
        tokens = [f"t{n}" for n in range(REPLAYS)]
        assert await asyncio.gather(*(one.first_use("ehr", token, LATER) for token in tokens)) == [True] * REPLAYS
        monkeypatch.setattr(sharing, "_ANSWER_SECONDS", 1.0)
        async with busy(address, other, hosts):
            began = time.monotonic()
            replayed = await asyncio.gather(*(outcome(two, token) for token in tokens))
            took = time.monotonic() - began
        assert Counter(replayed)["admitted"] == 0
        assert Counter(hosts[1].told) == Counter(refused=Counter(replayed)["not told"])
        assert took < 5
        monkeypatch.setattr(sharing, "_ANSWER_SECONDS", 10.0)
        await asyncio.sleep(1.1)
        assert await outcome(two, "fresh") == "admitted"


@pytest.mark.timing
async def test_what_a_busy_database_answers_late_is_waited_for(tmp_path, work):
    address, other = work
    async with Host(tmp_path / "a", address) as one, Host(tmp_path / "b", address) as two:
        await slowly(other, 0.25)
        calls = [f"t{n}" for n in range(20)]
        assert {await outcome(one, token) for token in calls[:2]} == {"admitted"}
        assert set(await asyncio.gather(*(outcome(one, token) for token in calls[2:]))) == {"admitted"}
        assert set(await asyncio.gather(*(outcome(two, token) for token in calls))) == {"used before"}


@pytest.mark.timing
async def test_a_crowd_is_no_loss(tmp_path, database_url):
    host = Host(tmp_path, database_url)
    async with host as tokens, Host(tmp_path / "other", database_url) as other:
        admitted = await asyncio.gather(*(tokens.first_use("ehr", f"t{n}", LATER) for n in range(300)))
        again = await asyncio.gather(*(other.first_use("ehr", f"t{n}", LATER) for n in range(300)))
    assert (all(admitted), any(again), host.told) == (True, False, [])


async def test_a_database_that_is_not_there_does_not_keep_the_service_from_starting(tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "_PAUSE_SECONDS", 0.05)
    async with Host(tmp_path, "postgresql://nobody@127.0.0.1:9/none", admit=True) as tokens:
        assert [await tokens.first_use("ehr", "t", LATER) for _ in range(2)] == [True, False]
