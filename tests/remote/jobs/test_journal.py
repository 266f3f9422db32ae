"""Whatever happens to the file: no whole record is lost, and no damage is passed over."""

from __future__ import annotations

import errno
import itertools
import os
import resource
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote.jobs.journal import Journal, JournalError
from remote.jobs.records import Damage, RecordTooLarge, encode_record, scan
from remote.protocol import Json

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
Bodies = list[dict[str, Json]]
bodies = st.lists(
    st.dictionaries(st.text().filter(lambda key: key not in ("seq", "type")), values), max_size=8
)
FEW: Bodies = [{"job": "a", "text": "first {"}, {"job": "b"}, {"job": "c", "text": "ü\ud800 }"}]


def written(path: Path, records: Bodies) -> bytes:
    """A journal of these records, as bytes."""
    journal = Journal(path)
    for body in records:
        journal.append("test", body)
    journal.close()
    return path.read_bytes()


def kept(journal: Journal) -> Bodies:
    """The test's own records in the journal."""
    return [
        {key: value for key, value in record.body.items() if key not in ("seq", "type")}
        for record in journal.read()
        if record.body["type"] == "test"
    ]


def aside(path: Path) -> list[bytes]:
    """What was set aside beside the journal."""
    return [file.read_bytes() for file in sorted(path.parent.glob("journal.damaged-*"))]


def clear(path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()


@settings(max_examples=30)
@given(bodies, bodies)
def test_what_was_appended_is_read_back_after_reopening_too(first: Bodies, second: Bodies) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        written(path, first)
        written(path, second)
        journal = Journal(path)
        assert kept(journal) == first + second
        assert [record.seq for record in journal.read()] == list(range(journal.last + 1))
        assert [record.seq for record in journal.read(after=0)] == list(range(1, journal.last + 1))
        assert journal.damages == []
        journal.close()


def test_the_id_stays_and_another_journal_has_another(tmp_path: Path) -> None:
    ids = []
    for name in ("one", "one", "two"):
        journal = Journal(tmp_path / name)
        ids.append(journal.id)
        journal.close()
    assert ids[0] == ids[1] != ids[2]


def test_a_torn_last_record_is_cut_off_wherever_it_tore(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = written(path, FEW)
    records, _ = scan(whole)
    for cut in range(len(whole)):
        clear(path)
        path.write_bytes(whole[:cut])
        ended = [record for record in records if record.offset + record.size <= cut]
        journal = Journal(path)
        assert kept(journal) == FEW[: max(0, len(ended) - 1)]
        torn = whole[sum(record.size for record in ended) : cut]
        assert aside(path) == [torn] * bool(torn)
        assert [(d.size, d.torn) for d in journal.damages] == [(len(torn), True)] * bool(torn)
        journal.append("test", {"job": "later"})
        journal.close()
        journal = Journal(path)
        assert kept(journal)[-1] == {"job": "later"}
        assert journal.damages == []
        journal.close()


def test_a_flipped_bit_costs_its_own_record_and_no_other(tmp_path: Path) -> None:
    whole = written(tmp_path / "journal", FEW)
    records, _ = scan(whole)
    for place, bit in itertools.product(range(len(whole)), range(8)):
        flipped = whole[place] ^ (1 << bit)
        found, damages = scan(whole[:place] + bytes([flipped]) + whole[place + 1 :])
        hit = next(record for record in records if place < record.offset + record.size)
        assert found == [record for record in records if record is not hit]
        assert [(d.offset, d.size) for d in damages] == [(hit.offset, hit.size)]


@pytest.mark.parametrize("mask", [0x01, 0xFF])
def test_a_damaged_record_takes_no_other_with_it(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "journal"
    whole = written(path, FEW)
    records, _ = scan(whole)
    for place in range(len(whole)):
        clear(path)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
        hit = next(n for n, r in enumerate(records) if place < r.offset + r.size)
        journal = Journal(path)
        assert kept(journal) == [body for n, body in enumerate(FEW, 1) if n != hit]
        assert [(d.offset, d.size) for d in journal.damages] == [
            (records[hit].offset, records[hit].size)
        ]
        (damaged,) = aside(path)
        assert len(damaged) == records[hit].size
        assert journal.id != records[0].body["id"]
        journal.append("test", {"job": "later"})
        journal.close()
        assert kept_again(path)[-1] == {"job": "later"}


def kept_again(path: Path) -> Bodies:
    journal = Journal(path)
    try:
        return kept(journal)
    finally:
        journal.close()


def test_records_that_are_dropped_are_gone_and_the_others_keep_their_seqs(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, FEW)
    journal = Journal(path)
    before, size = journal.id, journal.size
    journal.drop({1, 3})
    assert journal.id != before
    assert kept(journal) == [FEW[1]]
    assert journal.record(2).body["job"] == "b"
    assert journal.append("test", {"job": "later"}).seq == journal.last == 5
    assert journal.size == path.stat().st_size < size
    left = list(journal.read())
    journal.close()
    journal = Journal(path)
    assert list(journal.read()) == left
    assert journal.damages == []
    journal.close()


def test_dropping_on_a_full_disk_leaves_the_journal_as_it_was(small_disk: Path) -> None:
    path = small_disk / "journal"
    journal = Journal(path)
    for number in range(30):
        journal.append("test", {"text": "x" * 3000, "number": number})
    (small_disk / "filler").write_bytes(bytes(120_000))
    before, there = path.read_bytes(), kept(journal)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        journal.drop({1, 2})
    assert path.read_bytes() == before
    assert kept(journal) == there
    assert {file.name for file in small_disk.iterdir()} == {"journal", "filler"}
    journal.close()


def test_what_a_daemon_left_that_fell_while_it_rewrote_the_journal_is_removed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal"
    written(path, FEW)
    (tmp_path / "journal.mended").write_bytes(b"half")
    assert kept_again(path) == FEW
    assert [file.name for file in tmp_path.iterdir()] == ["journal"]


class FaultyDisk:
    """Stands in for a disk that fails: fsync, and truncating for as long as it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cuts = False
        self._patch = monkeypatch
        self._truncate = os.ftruncate
        monkeypatch.setattr(os, "fsync", self._fail)
        monkeypatch.setattr(os, "ftruncate", self._cut)

    def recovers(self) -> None:
        self._patch.undo()

    def _fail(self, descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _cut(self, descriptor: int, length: int) -> None:
        if not self.cuts:
            self._fail(descriptor)
        self._truncate(descriptor, length)


def test_a_record_whose_fsync_failed_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither at once, nor behind a shorter one that is written later, nor for the next daemon."""
    path = tmp_path / "journal"
    before = written(path, FEW)
    journal = Journal(path)
    disk = FaultyDisk(monkeypatch)
    for disk.cuts in (True, False, False):
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            journal.append("test", {"text": "x" * 500})
        assert kept(journal) == FEW
        assert (path.read_bytes() == before) is disk.cuts
    disk.recovers()
    journal.append("test", {"job": "d"})
    journal.close()
    journal = Journal(path)
    assert kept(journal) == [*FEW, {"job": "d"}]
    assert journal.damages == []
    journal.close()


def test_what_is_added_after_a_rename_that_may_not_last_waits_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a crash would bring the old file back, without it."""
    path = tmp_path / "journal"
    written(path, FEW)
    journal = Journal(path)
    fsync = os.fsync
    folder_fails = True

    def sync(descriptor: int) -> None:
        if folder_fails and Path(f"/proc/self/fd/{descriptor}").readlink() == tmp_path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    journal.drop({1})
    assert kept(journal) == FEW[1:]
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        journal.append("test", {"job": "later"})
    assert kept(journal) == FEW[1:]
    folder_fails = False
    journal.append("test", {"job": "later"})
    journal.close()
    assert kept_again(path) == [*FEW[1:], {"job": "later"}]


def test_a_torn_end_is_mended_without_room_for_a_copy(small_disk: Path) -> None:
    path = small_disk / "journal"
    whole = written(path, [{"text": "x" * 3000}] * 40)
    path.write_bytes(whole[:-100])
    (small_disk / "filler").write_bytes(bytes(100_000))
    assert len(kept_again(path)) == 39


def test_all_records_can_be_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, FEW)
    journal = Journal(path)
    journal.drop(range(10))
    assert kept(journal) == []
    assert journal.append("test", {"job": "later"}).seq == 5
    journal.close()
    assert kept_again(path) == [{"job": "later"}]


def test_nothing_is_added_to_a_journal_that_was_removed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    (tmp_path / "journal").unlink()
    with pytest.raises(JournalError, match="removed"):
        journal.append("test", {"job": "a"})
    journal.close()


def test_two_writers_do_not_write_over_one_another(tmp_path: Path) -> None:
    """Where a home has no locks; the one that finds the other's record goes no further."""
    one, two = Journal(tmp_path / "journal"), Journal(tmp_path / "journal")
    two.append("test", {"job": "two"})
    with pytest.raises(JournalError, match="somebody else"):
        one.append("test", {"job": "one"})
    assert kept(two) == [{"job": "two"}]
    one.close()
    two.close()


def test_damaged_bytes_are_kept_for_as_long_as_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(written(path, FEW)[:-1])
    journal = Journal(path)
    (file,) = path.parent.glob("journal.damaged-*")
    journal.forget_set_aside(before=file.stat().st_mtime - 1)
    assert file.exists()
    journal.forget_set_aside(before=file.stat().st_mtime + 1)
    assert not file.exists()
    journal.close()


def test_a_large_damaged_journal_is_mended_in_little_memory(tmp_path: Path) -> None:
    """64 MiB of records behind a damaged one, which are looked for and copied."""
    path = tmp_path / "journal"
    record = encode_record({"seq": 10**9, "type": "test", "text": "{" * 3000})
    with path.open("wb") as file:
        file.write(bytes(5000))
        for seq in range(64 * 1024 * 1024 // len(record)):
            file.write(encode_record({"seq": seq, "type": "test", "text": "{" * 3000}))
    tracemalloc.start()
    journal = Journal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert journal.damages == [Damage(0, 5000, torn=False)]
    assert peak < 8 << 20
    journal.close()


def test_a_journal_that_the_disk_does_not_give_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    whole = written(path, FEW)

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        with pytest.raises(JournalError, match=os.strerror(errno.EIO)):
            Journal(path)
    assert path.read_bytes() == whole
    assert [file.name for file in tmp_path.iterdir()] == ["journal"]


def test_zeros_at_the_end_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = written(path, FEW)
    path.write_bytes(whole + bytes(10_000))
    assert kept_again(path) == FEW
    assert aside(path) == [bytes(10_000)]


def test_of_two_counts_in_one_file_the_second_is_set_aside(tmp_path: Path) -> None:
    """As two writers leave it, or a disk that brings up old blocks."""
    path = tmp_path / "journal"
    whole = written(path, FEW)
    path.write_bytes(whole + whole)
    journal = Journal(path)
    assert kept(journal) == FEW
    assert [(d.offset, d.size) for d in journal.damages] == [(len(whole), len(whole))]
    assert aside(path) == [whole]
    journal.close()
    assert kept_again(path) == FEW


def test_records_behind_old_ones_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = written(path, FEW)
    records, _ = scan(whole)
    first, last = records[1], records[-1]
    path.write_bytes(whole[: last.offset] + whole[first.offset : first.end] + whole[last.offset :])
    assert kept_again(path) == FEW
    assert aside(path) == [whole[first.offset : first.end]]


def test_a_record_is_found_by_its_seq(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, FEW)
    journal = Journal(path)
    assert journal.record(2).body["job"] == "b"
    with pytest.raises(KeyError):
        journal.record(99)
    journal.close()


def test_a_record_that_rots_while_the_journal_is_open_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, FEW)
    journal = Journal(path)
    with path.open("r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"?")
    with pytest.raises(JournalError, match="no longer"):
        journal.record(3)
    journal.close()


def test_a_record_over_the_limit_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    before = written(path, FEW)
    journal = Journal(path)
    with pytest.raises(RecordTooLarge, match="limit"):
        journal.append("test", {"text": "x" * (64 << 20)})
    with pytest.raises(RecordTooLarge, match="limit"):
        journal.append("test", {"text": "x" * 1000}, most=1000)
    journal.close()
    assert path.read_bytes() == before


def test_a_failed_write_leaves_the_journal_as_it_was(small_disk: Path) -> None:
    path = small_disk / "journal"
    journal = Journal(path)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(200_000))
    before = b""

    def append_until_full() -> None:
        nonlocal before
        while True:
            before = path.read_bytes()
            journal.append("test", {"text": "x" * 3000})

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        append_until_full()
    assert path.read_bytes() == before
    filler.unlink()
    seq = journal.append("test", {"text": "later"}).seq
    assert [record.seq for record in journal.read()] == list(range(seq + 1))
    journal.close()
    assert kept_again(path)[-1] == {"text": "later"}


def test_a_file_that_may_not_grow_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    """As the test above, where no disk can be mounted: in a process that may write 1000 bytes."""
    result = subprocess.run(
        [sys.executable, __file__, str(tmp_path / "journal")],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert kept_again(tmp_path / "journal") == [{"text": "y"}]


def _append_beyond_the_limit(path: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    journal = Journal(path)
    before = path.read_bytes()
    with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        journal.append("test", {"text": "x" * 2000})
    assert path.read_bytes() == before
    journal.append("test", {"text": "y"})


@given(st.binary(max_size=200), bodies)
def test_records_are_found_behind_any_bytes(noise: bytes, some: Bodies) -> None:
    good = [encode_record({"seq": n, **body}) for n, body in enumerate(some)]
    found, damages = scan(noise + b"".join(good))
    assert [record.body for record in found] == [{"seq": n, **body} for n, body in enumerate(some)]
    assert sum(damage.size for damage in damages) == len(noise)


if __name__ == "__main__":
    _append_beyond_the_limit(Path(sys.argv[1]))
