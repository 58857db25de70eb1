"""A SQLite file and a real PostgreSQL server, one after the other, for every test that names a database."""

import asyncio
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cds_service.record import engines, store, used_tokens_shared
from tests.real_parts import left_out

_number = itertools.count(1)


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request does not wait long for a database; here a late answer is the machine's, and no loss."""
    for module in (engines, store):
        monkeypatch.setattr(module, "READ_SECONDS", 10.0)
    monkeypatch.setattr(used_tokens_shared, "_PAUSE_SECONDS", 10.0)
    monkeypatch.setattr(used_tokens_shared, "_ANSWER_SECONDS", 10.0)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a server that lives as long as the tests, up to the name of a database."""
    with server() as folder:
        yield f"postgresql://postgres@/%s?host={folder}"


@contextmanager
def server(prepare: Callable[[Path, str], str] = lambda _, __: "-c listen_addresses=") -> Iterator[Path]:
    """The folder of a running server's socket; ``prepare`` is given it and the server's user, and gives options."""
    binaries = _binaries()
    if binaries is None:
        left_out("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    user = _user()
    if user is None:
        left_out("PostgreSQL does not run as root, and there is no user postgres (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="cds-pg-"))
    shutil.chown(folder, user)
    control = [*_as(user), str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-s", "-w"]
    subprocess.run([*control, "-o", "-A trust -U postgres -E UTF8 --no-sync", "initdb"], check=True, cwd="/")
    # No waiting for the disk, which is not what is tested.
    options = f"-k {folder} -c fsync=off {prepare(folder, user)}"
    log = str(folder / "log")
    subprocess.run([*control, "-o", options, "-l", log, "start"], check=True, cwd="/", stdout=subprocess.DEVNULL)
    try:
        yield folder
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd="/")
        shutil.rmtree(folder)


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found and shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: float(path.parent.name))


def _user() -> str | None:
    """Who runs the server: whoever runs the tests, but never root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    return next((one.pw_name for one in pwd.getpwall() if one.pw_name == "postgres"), None)


def _as(user: str) -> list[str]:
    return ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cds-service.sqlite"
    address: str = request.getfixturevalue("postgresql")
    name = f"cds{next(_number)}"
    asyncio.run(_create(address % "postgres", name))
    return address % name


async def _create(address: str, name: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(address)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
