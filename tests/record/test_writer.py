"""What is acknowledged is on the disk; what the database does not take waits."""

import asyncio
import errno
import os

import pytest
import structlog
from sqlalchemy.exc import OperationalError

from cds_service.errors import SettingsError
from cds_service.record import writer as writing
from cds_service.record.journal import Journal, line_of
from cds_service.record.store import Store
from cds_service.record.tables import ANSWERS, CARDS, TALLIES
from cds_service.record.writer import Writer
from tests.lateness import slowness
from tests.record.test_store import NOW, answer, card, rows

pytestmark = pytest.mark.anyio

KEY = ("2026-06-15", "s", "ehr", "tremor", "1", "found")


class Fragile(Store):
    """A store that can be lost."""

    gone = False

    async def apply(self, journal, batches):
        if self.gone:
            raise OperationalError("INSERT of MARK", {}, OSError("connection refused"))
        await super().apply(journal, batches)


@pytest.fixture
async def store(tmp_path, anyio_backend):
    opened = Fragile(f"sqlite:///{tmp_path}/cds-service.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


def journaled(folder):
    """What would survive now."""
    return b"".join(path.read_bytes() for path in folder.glob("*.jsonl"))


@pytest.fixture
def full_disk(monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", refused)
        yield disk


@pytest.mark.timing
async def test_what_is_noted_is_stored_soon(store, folder):
    writer = Writer(store, folder)
    async with writer.running():
        writer.note(card())
        writer.count(KEY)
        writer.count(KEY)
        assert writer.depth == 1
        await asyncio.sleep(0.9 * slowness())
        assert writer.depth == 0
        assert len(await rows(store, CARDS)) == 1
        assert [row["count"] for row in await rows(store, TALLIES)] == [2]


async def test_what_is_left_at_the_end_is_stored_and_the_journal_goes(store, folder):
    writer = Writer(store, folder)
    async with writer.running():
        writer.note(card())
    assert len(await rows(store, CARDS)) == 1
    assert list(folder.iterdir()) == []


async def test_a_receipt_says_that_it_is_on_the_disk_even_while_the_store_is_lost(store, folder):
    writer = Writer(store, folder)
    async with writer.running():
        store.gone = True
        receipt = writer.submit([answer()])
        assert await receipt.kept
        assert b'"card":"c1"' in journaled(folder)
        assert not receipt.stored.done()
        store.gone = False
        assert await receipt.stored
    assert len(await rows(store, ANSWERS)) == 1


async def test_receipts_that_wait_together_share_one_wait(store, folder, monkeypatch):
    writer = Writer(store, folder)
    waits = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: waits.append(1) or sync(descriptor))
    async with writer.running():
        receipts = [writer.submit([answer(f"c{n}")]) for n in range(100)]
        assert all(await asyncio.gather(*(receipt.kept for receipt in receipts)))
        assert len(waits) == 1


async def test_without_store_and_disk_nobody_is_told_that_it_is_kept(store, folder, full_disk):
    writer = Writer(store, folder)
    async with writer.running():
        store.gone = True
        receipt = writer.submit([answer()])
        assert not await receipt.kept
        store.gone = False
        assert await receipt.stored


async def test_with_a_full_disk_for_the_journal_the_store_is_enough(store, folder, full_disk):
    writer = Writer(store, folder)
    async with writer.running():
        assert await writer.submit([answer()]).stored
    assert len(await rows(store, ANSWERS)) == 1


async def test_what_could_not_be_stored_waits_for_the_next_start(store, folder, monkeypatch):
    monkeypatch.setattr(writing, "_SECONDS_TO_END", 0.2)
    async with Writer(store, folder).running():
        store.gone = True
    first = Writer(store, folder)
    async with first.running():
        await first.submit([answer(), card()]).kept
        first.count(KEY)
    assert b'"card":"c1"' in journaled(folder)
    store.gone = False
    second = Writer(store, folder)
    async with second.running():
        await second.submit(()).stored
        assert len(await rows(store, ANSWERS)) == 1
        assert [row["count"] for row in await rows(store, TALLIES)] == [1]
    assert list(folder.iterdir()) == []


async def test_a_journal_that_was_stored_before_its_process_died_is_not_stored_again(store, folder):
    journal = Journal.new(folder)
    await store.open()
    writer = Writer(store, folder)
    batch = writing.Batch(1, (writing._tally(KEY, 5), card()))
    journal.append(batch, durable=True)
    await store.apply(journal.name, [batch])
    journal.close(remove=False)
    async with writer.running():
        await writer.submit(()).stored
    assert [row["count"] for row in await rows(store, TALLIES)] == [5]


async def test_while_the_store_is_lost_memory_does_not_grow_and_nothing_is_lost(store, folder, monkeypatch):
    monkeypatch.setattr(writing, "_MOST_IN_MEMORY", 50)
    writer = Writer(store, folder)
    async with writer.running():
        store.gone = True
        for turn in range(20):
            assert await writer.submit([card(f"c{turn}-{n}") for n in range(20)]).kept
        held = sum(len(waiting.batch.entries) for waiting in writer._waiting if waiting.batch)
        assert held <= 50
        assert writer.depth == 400
        store.gone = False
        await writer.submit(()).stored
    assert len(await rows(store, CARDS)) == 400
    assert writer.lost == 0


async def test_what_neither_disk_nor_store_takes_is_counted(store, folder, monkeypatch, full_disk):
    monkeypatch.setattr(writing, "_MOST_IN_MEMORY", 50)
    writer = Writer(store, folder)
    async with writer.running():
        store.gone = True
        for turn in range(6):
            await writer.submit([card(f"c{turn}-{n}") for n in range(20)]).kept
        store.gone = False
        await writer.submit(()).stored
    assert writer.lost == 80
    assert len(await rows(store, CARDS)) == 40


@pytest.mark.timing
async def test_trouble_is_told_once_and_its_end_too_without_what_was_to_be_written(store, folder):
    writer = Writer(store, folder)
    with structlog.testing.capture_logs() as lines:
        async with writer.running():
            store.gone = True
            receipt = writer.submit([answer("MARK")])
            await asyncio.sleep(0.5 * slowness())
            store.gone = False
            await receipt.stored
    assert [(line["event"], line["where"]) for line in lines] == [
        ("record not written", "store"),
        ("record written again", "store"),
    ]
    assert "MARK" not in str(lines)


@pytest.mark.timing
async def test_the_journal_does_not_grow_while_the_store_keeps_up(store, folder):
    writer = Writer(store, folder)
    async with writer.running():
        for turn in range(30):
            await writer.submit([card(f"c{turn}", at=NOW + turn)]).stored
        await asyncio.sleep(0.2 * slowness())
        assert journaled(folder) == b""


@pytest.mark.timing
async def test_what_was_acknowledged_is_on_the_disk_of_the_store_before_the_journal_lets_go(store, folder, monkeypatch):
    writer = Writer(store, folder)
    settled = []
    monkeypatch.setattr(store, "settle", lambda: settled.append(journaled(folder)))
    async with writer.running():
        writer.note(card())
        await asyncio.sleep(0.9 * slowness())
        assert settled == []
        await writer.submit([answer()]).stored
        await asyncio.sleep(0.2 * slowness())
    assert b"answer" in settled[0]


async def test_a_folder_that_cannot_be_written_stops_the_start_with_a_sentence(store, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"CDS_VAR: .* cannot be written .* CDS_RECORD=off"):
        async with Writer(store, tmp_path / "file").running():
            pass


async def test_a_call_that_cannot_be_worked_off_costs_no_other(store, folder):
    writer = Writer(store, folder)
    with structlog.testing.capture_logs() as lines:
        async with writer.running():
            writer.later(lambda: {}["MARK"])
            writer.later(lambda: writer.note(card()))
            assert writer.depth == 2
            await writer.submit(()).stored
            assert len(await rows(store, CARDS)) == 1
    assert writer.lost == 1
    assert [(line["event"], line["fault"]) for line in lines] == [("call not recorded", "KeyError")]
    assert "MARK" not in str(lines)


FAULT = RuntimeError("MARK")


def _raise(*_, **__):
    raise FAULT


@pytest.mark.parametrize(
    ("where", "name"),
    [(Journal, "append"), (Writer, "_taken"), (Writer, "_append"), (Writer, "_spare_memory"), (writing, "_tally")],
    ids=["encoding", "batching", "thread", "bookkeeping", "counting"],
)
async def test_a_fault_that_nobody_foresaw_answers_whoever_waits_and_is_got_over(
    store, folder, monkeypatch, where, name
):
    monkeypatch.setattr(writing, "_PAUSE_AFTER_FAULT", 0.05)
    writer = Writer(store, folder)
    with structlog.testing.capture_logs() as lines:
        async with writer.running():
            await writer.submit([answer("before")]).stored
            with monkeypatch.context() as broken:
                broken.setattr(where, name, _raise)
                writer.count(KEY)
                await asyncio.wait_for(writer.submit([answer()]).kept, 5)
                await asyncio.sleep(0)
                assert writer.failed
                await asyncio.wait_for(writer.submit([answer()]).kept, 5)
            assert await asyncio.wait_for(_well_again(writer), 20)
            assert not writer.failed
    events = [line["event"] for line in lines]
    assert events.count("record writer failed") == events.count("record written again") >= 1
    assert "MARK" not in str(lines)
    assert {"before", "after"} <= {row["card"] for row in await rows(store, ANSWERS)}


async def _well_again(writer):
    for _ in range(1000):
        if await writer.submit([answer("after")]).kept:
            break
        await asyncio.sleep(0.02)
    await writer.submit(()).stored
    return True


async def test_a_fault_of_the_store_that_nobody_foresaw_is_told_and_got_over(store, folder, monkeypatch):
    monkeypatch.setattr(writing, "_PAUSE_AFTER_FAULT", 0.05)
    writer = Writer(store, folder)
    async with writer.running():
        with monkeypatch.context() as broken:
            broken.setattr(Store, "apply", _raise)
            receipt = writer.submit([answer()])
            assert await receipt.kept
            while not writer.failed:  # noqa: ASYNC110 - as soon as it is told
                await asyncio.sleep(0.01)
            assert not receipt.stored.done()
        assert await receipt.stored
        assert not writer.failed
    assert len(await rows(store, ANSWERS)) == 1


def leave(folder, *lines):
    journal = Journal.new(folder)
    (path,) = folder.glob(f"{journal.name}*")
    path.write_bytes(b"".join(lines))
    journal.close(remove=False)
    return journal.name


async def test_a_line_that_cannot_be_read_is_set_aside_and_told_and_the_others_are_stored(store, folder):
    broken = b'{"number":2,"entries":"MARK"}\n'
    left = [line_of(writing.Batch(n, (answer(f"c{n}"),))) for n in (1, 3)]
    name = leave(folder, left[0], broken, left[1], b'{"cut":')
    writer = Writer(store, folder)
    with structlog.testing.capture_logs() as lines:
        async with writer.running():
            await writer.submit(()).stored
            assert [row["card"] for row in await rows(store, ANSWERS)] == ["c1", "c3"]
            assert writer.set_aside == 1
    assert [(line["event"], line["lines"]) for line in lines] == [("record lines set aside", 1)]
    (path,) = folder.iterdir()
    assert (path.name, path.read_bytes()) == (f"{name}.unread", broken)
    assert "MARK" not in str(lines)
    again = Writer(store, folder)
    async with again.running():
        assert again.set_aside == 1, "told until somebody takes the file away"


@pytest.mark.parametrize("poison", [{"at": 2**70}, {"reason": None}, {"client": "\x00"}])
async def test_a_line_that_the_store_cannot_take_keeps_no_other_from_it(database_url, folder, poison, anyio_backend):
    batches = [writing.Batch(n, (answer(f"c{n}", **(poison if n == 2 else {})),)) for n in range(1, 7)]
    name = leave(folder, *map(line_of, batches))
    store = Store(database_url)
    writer = Writer(store, folder)
    async with writer.running():
        await writer.submit(()).stored
    kept = [row["card"] for row in await rows(store, ANSWERS)]
    aside = {path.name for path in folder.iterdir()}
    await store.close()
    assert {"c1", "c3", "c4", "c5", "c6"} <= set(kept)
    assert ("c2" in kept) == (aside == set()), "stored or set aside, not lost"
    assert aside <= {f"{name}.unread"}


async def test_a_line_that_is_damaged_while_it_waits_is_set_aside(store, folder, monkeypatch):
    monkeypatch.setattr(writing, "_MOST_IN_MEMORY", 1)
    writer = Writer(store, folder)
    async with writer.running():
        store.gone = True
        for name in ("c1", "c2", "c3"):
            await writer.submit([answer(name)]).kept
        (path,) = folder.glob("*.jsonl")
        path.write_bytes(path.read_bytes().replace(b'{"number":1', b'{"numb#r":1'))
        store.gone = False
        await writer.submit(()).stored
        assert sorted(row["card"] for row in await rows(store, ANSWERS)) == ["c2", "c3"]
        assert writer.set_aside == 1
    assert b"c1" in next(folder.glob("*.unread")).read_bytes()
