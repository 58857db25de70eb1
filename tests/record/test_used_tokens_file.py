"""A token is good once, in every process of the host."""

from pathlib import Path

import pytest
import structlog

from cds_service.errors import NotReady, SettingsError
from cds_service.record.used_tokens_file import UsedTokensFile, mark

pytestmark = pytest.mark.anyio


async def test_a_second_process_knows_what_the_first_saw(tmp_path: Path) -> None:
    one, other = UsedTokensFile(tmp_path / "used.sqlite"), UsedTokensFile(tmp_path / "used.sqlite")
    try:
        assert await one.first_use("ehr", "a", 2e9)
        assert not await other.first_use("ehr", "a", 2e9)
        assert await other.first_use("another-ehr", "a", 2e9)
        assert await one.first_use("ehr", "b", 2e9)
    finally:
        one.close()
        other.close()


async def test_what_has_run_out_is_swept_away(tmp_path: Path) -> None:
    clock = [1000.0]
    replays = UsedTokensFile(tmp_path / "used.sqlite", lambda: clock[0])
    try:
        await replays.first_use("ehr", "a", 1300.0)
        clock[0] = 1301.0
        await replays.first_use("ehr", "b", 1600.0)
        held = replays._connection.execute("SELECT mark FROM used_tokens").fetchall()
    finally:
        replays.close()
    assert held == [(mark("ehr", "b"),)]


@pytest.mark.attack("Tokens sent again while the file of used tokens cannot be written", "503")
async def test_a_store_that_cannot_be_written_admits_nobody(tmp_path: Path) -> None:
    replays = UsedTokensFile(tmp_path / "used.sqlite")
    replays.close()
    with pytest.raises(NotReady):
        await replays.first_use("ehr", "a", 2e9)


async def test_trouble_is_told_once_until_it_is_over(tmp_path: Path) -> None:
    replays = UsedTokensFile(tmp_path / "used.sqlite")
    replays.close()
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(NotReady):
                await replays.first_use("ehr", "a", 2e9)
    assert [line["event"] for line in lines] == ["used tokens not kept, so nobody is let in"]


async def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "used.sqlite"
    path.write_bytes(b"no database" * 1000)
    replays = UsedTokensFile(path)
    assert await replays.first_use("ehr", "a", 2e9)
    assert not await replays.first_use("ehr", "a", 2e9)
    replays.close()
    assert [kept.read_bytes()[:11] for kept in tmp_path.glob("used.sqlite.damaged-*")] == [b"no database"]


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="used tokens cannot be kept there"):
        UsedTokensFile(tmp_path / "file" / "used.sqlite")


async def test_nobody_else_reads_the_file_in_a_folder_that_lets_others_in(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir(mode=0o755)
    used = UsedTokensFile(folder / "used.sqlite")
    try:
        await used.first_use("ehr", "a", 2e9)
        modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    finally:
        used.close()
    assert modes
    assert set(modes.values()) == {0o600}
