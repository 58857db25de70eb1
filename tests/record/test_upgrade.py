"""Tables are changed by who may, and nobody writes into tables that it does not know."""

import asyncio

import pytest
import structlog
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.engine import make_url

from cds_service.cli.main import main
from cds_service.errors import NotReady, SettingsError
from cds_service.record import tables, used_tokens_shared
from cds_service.record.store import Store
from cds_service.record.used_tokens_file import UsedTokensFile
from cds_service.record.used_tokens_shared import UsedTokensShared
from cds_service.record.writer import Writer
from tests.record.test_store import answer, put, rows

pytestmark = pytest.mark.anyio


async def run(address, *statements):
    store = Store(address)
    async with store.engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await store.close()


@pytest.fixture
async def roles(postgresql, request, anyio_backend):
    """A database of an owner, and of a service that may read and write and nothing else."""
    name = f"roles_{request.node.name.partition('[')[0][-40:]}".lower()
    store = Store(postgresql % "postgres")
    async with store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for role in ("owner", "service"):
            if not await connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
                await connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        await connection.execute(text(f"CREATE DATABASE {name} OWNER owner"))
    await store.close()
    owner, service = (
        make_url(postgresql % name).set(username=role).render_as_string() for role in ("owner", "service")
    )
    await run(
        owner,
        "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO service",
    )
    return owner, service


async def opened(address):
    store = Store(address)
    try:
        await store.open()
    finally:
        await store.close()


async def migrate(address, code=0):
    told = await asyncio.to_thread(
        CliRunner().invoke, main, ["record", "migrate"], env={"CDS_DATABASE_URL": address}, catch_exceptions=False
    )
    assert told.exit_code == code, told.output
    return told.output


async def test_a_service_without_a_right_to_make_tables_runs_on_those_that_were_made_for_it(roles, tmp_path):
    owner, service = roles
    assert await migrate(owner) == "Schema 0 was brought to 4.\n"
    store = Store(service)
    writer = Writer(store, tmp_path)
    async with writer.running():
        assert await writer.submit([answer()]).stored
        assert await store.use_token("m", 1)
        await store.forget_tokens(2)
    assert len(await rows(store, tables.ANSWERS)) == 1
    await store.close()


async def test_it_refuses_tables_that_are_too_old_and_tries_nothing(roles):
    owner, service = roles
    with pytest.raises(SettingsError, match="has schema 0 and this program needs 4, which this role may not make"):
        await opened(service)
    assert "cds-service record migrate" in await migrate(service, code=1)
    store = Store(owner)
    assert await store.schema() == 0
    await store.close()


async def test_tables_of_before_are_brought_up_to_date_by_their_owner_alone(roles, monkeypatch):
    owner, service = roles
    with monkeypatch.context() as before:
        before.setattr(tables, "STEPS", tables.STEPS[:2])
        await opened(owner)
    await run(owner, "GRANT CREATE ON SCHEMA public TO service", "ALTER TABLE answers DROP COLUMN accepted")
    await run(owner, "DROP TABLE clock", "DROP TABLE secrets")
    with pytest.raises(SettingsError, match="has schema 2 and this program needs 4"):
        await opened(service)
    assert await migrate(owner) == "Schema 2 was brought to 4.\n"
    store = Store(service)
    await put(store, answer(accepted="s1"))
    await store.close()


async def test_a_start_is_refused_where_a_newer_program_has_been(database_url, tmp_path):
    await opened(database_url)
    await run(database_url, "UPDATE schema_version SET version = 99")
    store = Store(database_url)
    with pytest.raises(SettingsError, match="schema 99, of a newer program, and this one knows none above 4"):
        async with Writer(store, tmp_path / "journal").running():
            pass
    assert list((tmp_path / "journal").iterdir()) == []
    await store.close()


async def test_a_newer_program_that_comes_while_the_database_is_lost_is_told_and_nothing_is_written(tmp_path):
    address = f"sqlite:///{tmp_path}/cds-service.sqlite"
    await opened(address)
    store = Store(address)
    really, lost = store.open, [True]

    async def open_if_there():
        if lost:
            raise OSError
        await really()

    store.open = open_if_there
    writer = Writer(store, tmp_path / "journal")
    async with writer.running():
        assert await writer.submit([answer()]).kept
        await run(address, "UPDATE schema_version SET version = 99")
        lost.clear()
        for _ in range(1000):
            if writer.failed:
                break
            await asyncio.sleep(0.01)
        assert writer.failed
        assert await rows(store, tables.ANSWERS) == []
    await store.close()
    assert len(list((tmp_path / "journal").glob("*.jsonl"))) == 1


async def test_used_tokens_are_not_shared_by_tables_of_a_newer_program_and_the_start_says_so(database_url, tmp_path):
    await opened(database_url)
    await run(database_url, "UPDATE schema_version SET version = 99")
    here = UsedTokensFile(tmp_path / "tokens.sqlite")
    with pytest.raises(SettingsError, match="schema 99, of a newer program"):
        async with UsedTokensShared(here, Store(database_url)).running():
            pass
    here.close()


async def test_a_newer_program_that_comes_while_used_tokens_cannot_be_asked_for_is_told_once(tmp_path, monkeypatch):
    address = f"sqlite:///{tmp_path}/shared.sqlite"
    await opened(address)
    store, here = Store(address), UsedTokensFile(tmp_path / "tokens.sqlite")
    really, tried = store.open, []
    monkeypatch.setattr(used_tokens_shared, "_PAUSE_SECONDS", 0.1)

    async def not_at_first():
        tried.append(None)
        if len(tried) == 1:
            raise OSError
        await really()

    monkeypatch.setattr(store, "open", not_at_first)
    tokens = UsedTokensShared(here, store)
    with structlog.testing.capture_logs() as lines:
        async with tokens.running():
            await run(address, "UPDATE schema_version SET version = 99")
            async with asyncio.timeout(60):
                while len(tried) < 4:  # noqa: ASYNC110  # it has no event
                    await asyncio.sleep(0.01)
            with pytest.raises(NotReady):
                await tokens.first_use("ehr", "t", 2_000_000_000.0)
            await run(address, "UPDATE schema_version SET version = 4")
            async with asyncio.timeout(60):
                await tokens._open.wait()
            assert await tokens.first_use("ehr", "u", 2_000_000_000.0)
    here.close()
    (reason,) = [line["reason"] for line in lines if line["log_level"] == "error"]
    assert "schema 99, of a newer program" in reason
