"""A line that was written whole is read again; nothing else is."""

import errno
import fcntl
import os

import pytest
import structlog

from cds_service.record import disk
from cds_service.record.entries import Batch, Withdrawn
from cds_service.record.journal import Journal, line_of, set_aside_in


def batch(number, patient="p"):
    return Batch(number, (Withdrawn(patient=patient, at=1, rules=("tremor",)),))


@pytest.fixture
def journal(tmp_path):
    return Journal.new(tmp_path)


def left(folder):
    """What the next process finds."""
    found = list(Journal.left_behind(folder))
    batches = [batch for journal in found for batch in journal.batches()]
    for journal in found:
        journal.close(remove=False)
    return batches


def test_what_was_appended_is_there_when_the_process_has_gone(journal, tmp_path):
    journal.append(batch(1), durable=True)
    journal.append(batch(2), durable=False)
    journal.close(remove=False)
    assert left(tmp_path) == [batch(1), batch(2)]


def test_a_journal_in_use_is_nobody_elses(journal, tmp_path):
    journal.append(batch(1), durable=True)
    assert left(tmp_path) == []


def test_a_batch_is_read_at_its_place(journal):
    places = [journal.append(batch(n, "x" * n), durable=False) for n in (1, 2, 3)]
    assert [journal.read(place) for place in places] == [batch(n, "x" * n) for n in (1, 2, 3)]


def test_a_line_that_was_cut_off_is_left_out(journal, tmp_path):
    journal.append(batch(1), durable=True)
    place = journal.append(batch(2), durable=True)
    journal.close(remove=False)
    (path,) = tmp_path.glob("*.jsonl")
    os.truncate(path, place.offset + 10)
    assert left(tmp_path) == [batch(1)]


def test_a_line_that_could_not_be_written_leaves_no_trace(journal, tmp_path, monkeypatch):
    journal.append(batch(1), durable=True)

    def full(descriptor, line, offset):
        os.ftruncate(descriptor, offset + 5)  # a part of it fits
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space left"):
            journal.append(batch(2), durable=True)
    journal.append(batch(3), durable=True)
    journal.close(remove=False)
    assert left(tmp_path) == [batch(1), batch(3)]


def test_what_the_disk_did_not_confirm_is_refused(journal, tmp_path, monkeypatch):
    def broken(_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", broken)
        with pytest.raises(OSError, match="Input/output error"):
            journal.append(batch(1), durable=True)
    journal.close(remove=False)
    assert left(tmp_path) == []


def test_a_journal_is_emptied_only_when_nothing_came_after(journal, tmp_path):
    journal.append(batch(1), durable=False)
    journal.append(batch(2), durable=False)
    journal.clear(1)
    assert list(journal.batches()) == [batch(1), batch(2)]
    journal.clear(2)
    assert list(journal.batches()) == []
    journal.append(batch(3), durable=False)
    assert list(journal.batches()) == [batch(3)]


def test_a_journal_that_is_done_with_goes(journal, tmp_path):
    journal.close(remove=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.attack("Another user of the machine who reads the journal", "no leave")
def test_only_its_owner_can_read_a_journal(journal, tmp_path):
    (path,) = tmp_path.glob("*.jsonl")
    assert path.stat().st_mode & 0o077 == 0


UNREAD = {
    "no JSON": b"\xff\xfe",
    "half a character": b'{"number":1,"entries":[{"type":"withdrawn","patient":"\xff","at":1,"rules":[]}]}',
    "of a newer release": b'{"number":1,"entries":[{"type":"prophecy","patient":"p"}]}',
    "empty": b"",
    "zeros": b"\0" * 40,
    "too deep": b'{"x":' + b"[" * 100_000,
}


@pytest.mark.parametrize("line", UNREAD.values(), ids=UNREAD)
def test_a_whole_line_that_cannot_be_read_is_no_batch_and_costs_no_other(journal, tmp_path, line):
    journal.append(batch(1), durable=True)
    (path,) = tmp_path.glob("*.jsonl")
    with path.open("ab") as file:
        file.write(line + b"\n")
    assert list(journal.batches()) == [batch(1)]
    assert list(journal.unreadable()) == [line + b"\n"]


def test_what_is_set_aside_can_be_put_back_under_its_old_name(journal, tmp_path):
    journal.set_aside(line_of(batch(1)))
    journal.set_aside(line_of(batch(2)))
    journal.close(remove=True)
    (path,) = set_aside_in(tmp_path)
    assert path.stat().st_mode & 0o077 == 0
    path.rename(path.with_suffix(".jsonl"))
    assert left(tmp_path) == [batch(1), batch(2)]


def test_a_journal_that_may_not_be_read_is_told_and_left(tmp_path, monkeypatch):
    other, mine = Journal.new(tmp_path), Journal.new(tmp_path)
    for journal in (other, mine):
        journal.append(batch(1), durable=True)
        journal.close(remove=False)
    opens = os.open

    def refused(path, *more):
        if other.name in str(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opens(path, *more)

    monkeypatch.setattr(os, "open", refused)
    with structlog.testing.capture_logs() as lines:
        assert left(tmp_path) == [batch(1)]
    assert [(line["event"], line["journal"], line["fault"]) for line in lines] == [
        ("journal not read", other.name, "PermissionError")
    ]


@pytest.mark.parametrize("full", [None, 51], ids=["neither", "F_FULLFSYNC"])
def test_where_there_is_no_fdatasync_the_disk_is_waited_for_all_the_same(tmp_path, monkeypatch, full):
    waited = []
    monkeypatch.delattr(os, "fdatasync")
    monkeypatch.setattr(os, "fsync", lambda _: waited.append("fsync"))
    monkeypatch.setattr(fcntl, "fcntl", lambda _, command: waited.append(command))
    monkeypatch.setattr(disk, "_FULL", full)
    journal = Journal.new(tmp_path)
    waited.clear()
    journal.append(batch(1), durable=True)
    assert waited == [full or "fsync"]
    journal.close(remove=True)


def test_a_file_system_without_a_full_sync_gets_a_plain_one(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    waited = []
    monkeypatch.delattr(os, "fdatasync")
    monkeypatch.setattr(disk, "_FULL", 51)
    monkeypatch.setattr(fcntl, "fcntl", refused)
    monkeypatch.setattr(os, "fsync", waited.append)
    disk.sync(7)
    assert waited == [7]
