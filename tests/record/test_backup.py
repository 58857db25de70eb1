"""What the manual says is to be backed up is enough: after everything is lost, what was answered stays muted."""

import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest
from sqlalchemy.engine import make_url

from tests.charts import ALZHEIMER, CLONAZEPAM, condition, dosage, draft, patient
from tests.record.conftest import _binaries
from tests.record.site import site

pytestmark = pytest.mark.anyio

DEMENTIA = (patient(), condition(ALZHEIMER, id="dementia"))
HALF = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])
LATER = (HALF | {"id": "d2"},)


async def shown(place, name):
    return await place.ask("order-select", *DEMENTIA, drafts=LATER, patientId=name)


async def answered(place, name):
    (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,), patientId=name)
    await place.settled()
    return card


async def test_sqlite_journal_and_secret_are_all_that_is_needed(tmp_path):
    """Copied while the service runs, one answer being in the journal alone."""
    var, backup = tmp_path / "var", tmp_path / "backup"
    backup.mkdir()
    async with site(var) as place:
        await place.overrides(await answered(place, "stored"), "risk-benefit-ratio")
        waiting = await answered(place, "waiting")
        with closing(sqlite3.connect(var / "cds-service.sqlite")) as database:
            database.execute("BEGIN IMMEDIATE")
            await place.overrides(waiting, "risk-benefit-ratio")
            shutil.copytree(var / "journal", backup / "journal")
            with closing(sqlite3.connect(var / "cds-service.sqlite")) as one:
                one.execute("VACUUM INTO ?", [str(backup / "cds-service.sqlite")])
            shutil.copy2(var / "secret", backup)
            database.rollback()
    shutil.rmtree(var)
    async with site(var) as place:
        assert await shown(place, "stored"), "without the backup it comes back"
    shutil.rmtree(var)
    shutil.copytree(backup, var)
    async with site(var) as place:
        await place.settled()
        assert await shown(place, "stored") == ()
        assert await shown(place, "waiting") == ()
        assert await shown(place, "other")
        await place.recorder.know_secret()
        assert not any(place.recorder.faults.values())


async def test_postgresql_is_copied_with_its_own_tools(postgresql, tmp_path):
    binaries = _binaries()
    address = make_url(postgresql % "postgres")
    at = ["-h", str(address.query["host"]), "-U", "postgres"]

    def tool(name, *arguments, **more):
        return subprocess.run([str(binaries / name), *at, *arguments], check=True, capture_output=True, **more).stdout

    tool("createdb", "backed_up")
    var = tmp_path / "var"
    async with site(var, database_url=postgresql % "backed_up") as place:
        await place.overrides(await answered(place, "stored"), "risk-benefit-ratio")
    dump = tool("pg_dump", "backed_up")
    tool("dropdb", "backed_up")
    tool("createdb", "backed_up")
    tool("psql", "-v", "ON_ERROR_STOP=1", "backed_up", input=dump)
    async with site(var, database_url=postgresql % "backed_up") as place:
        assert await shown(place, "stored") == ()
        assert await shown(place, "other")
