"""A token used at one host is refused at every host that shares the database, and a lost database costs no call."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
import structlog
from sqlalchemy import select

from cds_service.record import used_tokens_shared as sharing
from cds_service.record.store import Store
from cds_service.record.tables import TOKENS
from cds_service.record.used_tokens_file import UsedTokensFile
from cds_service.record.used_tokens_shared import UsedTokensShared

pytestmark = pytest.mark.anyio
LATER = 2_000_000_000.0


class Host:
    """One host with a file of its own."""

    def __init__(self, folder: Path, database_url: str, clock=lambda: 0.0) -> None:
        self.here = UsedTokensFile(folder / "tokens.sqlite")
        self.store = Store(database_url)
        self.alone: list[int] = []
        self.tokens = UsedTokensShared(self.here, self.store, clock, alone=lambda: self.alone.append(1))

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


async def test_while_the_database_is_lost_calls_are_answered_and_replays_refused_here(tmp_path, monkeypatch):
    database_url = f"sqlite:///{tmp_path}/shared.sqlite"
    host = Host(tmp_path, database_url)
    async with host as tokens:
        monkeypatch.setattr(sharing, "_PAUSE_SECONDS", 0.05)

        async def gone(*_):
            raise OSError("MARK")

        with monkeypatch.context() as lost, structlog.testing.capture_logs() as lines:
            lost.setattr(host.store, "use_token", gone)
            assert [await tokens.first_use("ehr", "t", LATER) for _ in range(2)] == [True, False]
            assert await tokens.first_use("ehr", "u", LATER)
        assert [line["event"] for line in lines] == ["used tokens not shared"]
        assert "MARK" not in str(lines)
        assert host.alone == [1, 1]
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
    assert one.alone == other.alone == []


async def test_a_database_that_is_slow_refuses_nobody(tmp_path, database_url, monkeypatch):
    host = Host(tmp_path, database_url)
    asked = []

    async def slow(*used):
        asked.append(used)
        raise TimeoutError

    async with host as tokens:
        monkeypatch.setattr(host.store, "use_token", slow)
        assert await tokens.first_use("ehr", "t", LATER)
        assert len(asked) == 1


@pytest.mark.timing
async def test_a_crowd_is_no_loss(tmp_path, database_url):
    host = Host(tmp_path, database_url)
    async with host as tokens, Host(tmp_path / "other", database_url) as other:
        admitted = await asyncio.gather(*(tokens.first_use("ehr", f"t{n}", LATER) for n in range(300)))
        again = await asyncio.gather(*(other.first_use("ehr", f"t{n}", LATER) for n in range(300)))
    assert (all(admitted), any(again), host.alone) == (True, False, [])


async def test_a_database_that_is_not_there_does_not_keep_the_service_from_starting(tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "_PAUSE_SECONDS", 0.05)
    async with Host(tmp_path, "postgresql://nobody@127.0.0.1:9/none") as tokens:
        assert [await tokens.first_use("ehr", "t", LATER) for _ in range(2)] == [True, False]
