"""Whatever happens to the file: no whole record is lost, and no damage is passed over."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote.journal import Journal, JournalError, encode_record, scan
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
        journal.append("test", {"job": "later"})
        journal.close()
        assert kept_again(path)[-1] == {"job": "later"}


def kept_again(path: Path) -> Bodies:
    journal = Journal(path)
    try:
        return kept(journal)
    finally:
        journal.close()


def test_a_journal_whose_end_was_damaged_has_a_new_id(tmp_path: Path) -> None:
    """The lost seqs are given out again; an app that saw them must ask for everything."""
    path = tmp_path / "journal"
    whole = written(path, FEW)
    records, _ = scan(whole)
    path.write_bytes(whole[:-1] + b"?")
    journal = Journal(path)
    assert journal.id != records[0].body["id"]
    journal.close()


def test_zeros_at_the_end_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = written(path, FEW)
    path.write_bytes(whole + bytes(10_000))
    assert kept_again(path) == FEW
    assert aside(path) == [bytes(10_000)]


def test_two_counts_in_one_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = written(path, FEW)
    path.write_bytes(whole + whole)
    with pytest.raises(JournalError, match="follows"):
        Journal(path)


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
    with pytest.raises(JournalError, match="limit"):
        journal.append("test", {"text": "x" * (64 << 20)})
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
    seq = journal.append("test", {"text": "later"})
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
