"""A real journal with every kind of record, cut at every byte and with every bit flipped.

Whatever is damaged: the board opens, every record that is whole is known, and what is not is reported and
kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote.jobs.board import Board, JobState
from remote.jobs.journal import Journal
from remote.jobs.records import Damage, Record, scan
from remote.protocol import Answer, Durable
from tests.remote.attached import ask

FINISHED, AGAIN, CANCELLED, RUNNING, WAITING = JOBS = [ask(name) for name in "abcde"]
ANSWER = Answer("text {", "stop", "sketch 1", None, None, "0" * 12, "", 1, 1.0, 2.0)


@dataclass(frozen=True)
class Known:
    """What a board says of its jobs."""

    stands: dict[str, JobState | None]
    told: list[Durable]
    unfinished: int
    damages: list[Damage]


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of journals are opened here, and no machine goes down."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal as a daemon wrote it."""
    path = tmp_path_factory.mktemp("whole") / "journal"
    with closing(Journal(path)) as journal:
        board = Board(journal)
        for job in JOBS:
            board.accept(job.job, job.request)
        board.start(FINISHED.job)
        board.finish(FINISHED.job, ANSWER)
        board.start(AGAIN.job)
        board.fail(AGAIN.job, "engine", "no")
        board.accept(AGAIN.job, AGAIN.request)
        board.cancel(CANCELLED.job)
        board.start(RUNNING.job)
        board.wait_again(RUNNING.job)
        board.start(RUNNING.job)
    data = path.read_bytes()
    kinds = {record.body["type"] for record in scan(data)[0]}
    assert kinds == {
        "journal", "accepted", "started", "waiting", "finished", "failed", "cancelled",
    }  # fmt: skip
    return data


@contextmanager
def opened(folder: Path, data: bytes) -> Iterator[tuple[Journal, Board]]:
    """A journal of these bytes as a daemon opens it, with nothing beside it."""
    for file in folder.iterdir():
        file.unlink()
    (folder / "journal").write_bytes(data)
    with closing(Journal(folder / "journal")) as journal:
        yield journal, Board(journal)


def known(folder: Path, data: bytes) -> Known:
    with opened(folder, data) as (journal, board):
        return Known(
            {job.job: board.state(job.job) for job in JOBS},
            [message for _, message in board.messages_after(-1) if message is not None],
            board.unfinished,
            journal.damages,
        )


def aside(folder: Path) -> list[bytes]:
    files = folder.glob("journal.damaged-*")
    return [file.read_bytes() for file in sorted(files, key=lambda file: file.stat().st_size)]


def with_flipped(whole: bytes, place: int, bit: int) -> bytes:
    flipped = bytearray(whole)
    flipped[place] ^= 1 << bit
    return bytes(flipped)


def without(whole: bytes, hit: Record) -> bytes:
    return whole[: hit.offset] + whole[hit.end :]


def test_cut_at_every_byte_it_knows_all_that_was_acknowledged_before(
    tmp_path: Path, whole: bytes
) -> None:
    records, _ = scan(whole)
    ends = [0, *(record.end for record in records)]
    expected = {end: known(tmp_path, whole[:end]) for end in ends}
    assert not any(known.damages for known in expected.values())
    for cut in range(len(whole)):
        end = max(end for end in ends if end <= cut)
        found = known(tmp_path, whole[:cut])
        torn = whole[end:cut]
        assert (found.stands, found.told) == (expected[end].stands, expected[end].told)
        assert found.damages == ([Damage(end, len(torn), torn=True)] if torn else [])
        assert aside(tmp_path) == ([torn] if torn else [])


@pytest.mark.campaign
def test_with_a_bit_flipped_in_any_byte_it_knows_all_other_records(
    tmp_path: Path, whole: bytes
) -> None:
    for record in scan(whole)[0]:
        expected = known(tmp_path, without(whole, record))
        for place in range(record.offset, record.end):
            flipped = with_flipped(whole, place, place % 8)
            found = known(tmp_path, flipped)
            assert (found.stands, found.told) == (expected.stands, expected.told)
            assert found.unfinished == expected.unfinished
            (damage,) = found.damages
            assert (damage.offset, damage.size) == (record.offset, record.size)
            assert aside(tmp_path) == [flipped[record.offset : record.end]]


def test_no_record_with_a_flipped_bit_passes_for_one_or_hides_its_neighbours(whole: bytes) -> None:
    records, _ = scan(whole)
    for number, record in enumerate(records):
        near = records[max(0, number - 1) : number + 2]
        start, end = near[0].offset, near[-1].end
        others = [each.body for each in near if each is not record]
        for place in range(record.offset, record.end):
            for bit in range(8):
                found, damages = scan(with_flipped(whole, place, bit)[start:end])
                assert [each.body for each in found] == others
                assert [(d.offset, d.size) for d in damages] == [
                    (record.offset - start, record.size)
                ]


Wound = tuple[float, bytes]
"""Where, as a share of the journal, and which bytes are there now."""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=600)), max_size=6))
def test_under_any_wounds_whole_records_are_kept_and_the_rest_is_set_aside(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, wounds: list[Wound]
) -> None:
    folder = tmp_path_factory.mktemp("wounds")
    data = bytearray(whole)
    touched: set[int] = set()
    for share, noise in wounds:
        start = min(int(share * len(data)), len(data) - len(noise))
        data[start : start + len(noise)] = noise
        touched.update(range(start, start + len(noise)))
    records, _ = scan(whole)
    left = [r.body for r in records if touched.isdisjoint(range(r.offset, r.end))]
    with opened(folder, bytes(data)) as (journal, _):
        bodies = [record.body for record in journal.read()]
        assert [body for body in bodies if body in left] == left
        assert sum(map(len, aside(folder))) == sum(d.size for d in journal.damages)
        was_hurt = bytes(data) != whole
        assert bool(journal.damages) == was_hurt
        assert (journal.id != records[0].body["id"]) == was_hurt
