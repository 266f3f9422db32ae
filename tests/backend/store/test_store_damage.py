"""A damaged queue is kept as it is, its readable rows are saved in a new one, and the user is told."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.errors import QueueError
from backend.store import Job, State, Store, Written
from backend.store.decision import Decision
from tests.support.queued_jobs import ANSWER, REQUEST, new_job

JOBS = 120
HEADER = 100
PAGE = 4096
VERSION = range(60, 64)
"""The bytes of the header that hold the version of the schema."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@cache
def filled() -> tuple[bytes, list[Job]]:
    """A queue of jobs, the first one done, the second one sent, and what belongs to them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "queue.db"
        with closing(Store(path)) as store:
            orders = [new_job(f"key {n}", entry=n, prompt=f"{n} {'p' * 300}") for n in range(JOBS)]
            done, sent, *_ = store.queue(orders)
            for job in (done, sent):
                identity = store.set_request(job.number, REQUEST, 9)
                store.set_state(job.number, State.SENT)
            store.keep_answer(identity, "local", ANSWER)
            store.finish(done.number, ANSWER)
            store.note_seen("local", "journal", 12)
            store.note_written({done.destination: Written("ab", done.file)})
            store.note_decision(done.number, Decision.ACCEPTED)
            jobs = store.jobs()
        return path.read_bytes(), jobs


def fill(path: Path) -> list[Job]:
    """Put that queue there; returns its jobs."""
    content, jobs = filled()
    path.write_bytes(content)
    return jobs


def set_aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob("queue-damaged-*.db"))


def flip(path: Path, *places: int) -> bytes:
    content = bytearray(path.read_bytes())
    for place in places:
        content[place] ^= 0xFF
    path.write_bytes(content)
    return bytes(content)


# --- what is set aside ---------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"short", b"no database\n" * 1000], ids=["short", "long"])
def test_a_file_that_is_no_database_is_set_aside_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with closing(Store(path)) as store:
        assert store.set_aside is not None
        assert store.set_aside.kept.read_bytes() == content
        assert str(store.set_aside.kept) in store.set_aside.describe()
        assert store.jobs() == []
        store.queue([new_job()])
    with closing(Store(path)) as store:
        assert (store.set_aside, len(store.jobs())) == (None, 1)


@pytest.mark.parametrize("place", range(0, HEADER, 3))
def test_whatever_byte_of_the_header_is_flipped_nothing_is_lost(path: Path, place: int) -> None:
    before = fill(path)
    damaged = flip(path, place)
    if place in VERSION:
        # Nobody can tell it from another version's.
        with suppress(QueueError), closing(Store(path)):
            pass
        kept = [*set_aside(path), path][0]
        assert kept.read_bytes() == damaged
        return
    with closing(Store(path)) as store:
        assert [job.key for job in store.jobs()] == [job.key for job in before]
        if store.set_aside is not None:
            assert store.set_aside.kept.read_bytes() == damaged


def test_of_a_queue_that_was_cut_off_the_rest_is_saved(path: Path) -> None:
    before = fill(path)
    whole = path.read_bytes()
    rest = whole[: len(whole) * 4 // 5]
    path.write_bytes(rest)
    with closing(Store(path)) as store:
        assert store.set_aside is not None
        saved = store.jobs()
        assert 0 < len(saved) < JOBS
        assert store.set_aside.saved["jobs"] == len(saved)
        assert f"{len(saved):,} jobs" in store.set_aside.describe()
        assert {job.key for job in saved} < {job.key for job in before}
    assert set_aside(path)[0].read_bytes() == rest


@pytest.mark.parametrize("page", [1, 2, 3], ids=["the schema", "the root of all jobs", "an index"])
def test_whatever_page_leads_to_the_jobs_they_are_saved_without_it(path: Path, page: int) -> None:
    before = fill(path)
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xff" * PAGE)
    path.with_suffix(".damaged").touch()
    with closing(Store(path)) as store:
        assert [job.key for job in store.jobs()] == [job.key for job in before]
        assert store.jobs()[0].state is State.DONE
        assert store.answer(REQUEST.job_id(), "local") == ANSWER
        assert len(store.decisions()) == len(store.all_written()) == 1


def test_a_queue_without_its_last_changes_is_as_it_was_before_them(path: Path) -> None:
    """SQLite's side files were emptied or deleted."""
    fill(path)
    for remains in ("-wal", "-shm"):
        path.with_name(path.name + remains).touch()
        with closing(Store(path)) as store:
            assert store.set_aside is None
            assert len(store.jobs()) == JOBS


def test_after_an_end_in_disorder_everything_is_there(path: Path) -> None:
    if not (pid := os.fork()):
        store = Store(path)
        store.queue([new_job()])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    path.with_name("queue.db-shm").unlink()
    assert path.with_name("queue.db-wal").stat().st_size
    with closing(Store(path)) as store:
        assert (store.set_aside, len(store.jobs())) == (None, 1)


def test_an_empty_queue_with_changes_beside_it_is_not_taken_for_a_new_one(path: Path) -> None:
    if not (pid := os.fork()):
        Store(path).queue([new_job()])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    wal = path.with_name("queue.db-wal").read_bytes()
    path.write_bytes(b"")
    with closing(Store(path)) as store:
        assert store.set_aside is not None
        kept = store.set_aside.kept
    assert kept.with_name(kept.name + "-wal").read_bytes() == wal


# --- what is saved -------------------------------------------------------------------------------


def test_what_was_saved_is_done_again_only_where_its_answer_is_lost(path: Path) -> None:
    fill(path)
    flip(path, 0)
    with closing(Store(path)) as store:
        done, sent, *rest = store.jobs()
        assert (done.state, sent.state) == (State.DONE, State.QUEUED)
        assert {job.state for job in rest} == {State.QUEUED}
        assert store.answer(str(done.identity), "local") == ANSWER
        assert store.written(done.destination) == Written("ab", done.file)
        assert store.decisions()[done.number].decision is Decision.ACCEPTED
        # Boxes tell again all that they have.
        assert store.seen("local") == ("journal", -1)


def test_a_job_whose_answer_is_lost_is_to_be_done(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE results SET answer = '{'")
        db.commit()
    flip(path, 0)
    with closing(Store(path)) as store:
        assert store.jobs()[0].state is State.QUEUED
        assert store.set_aside is not None
        assert store.set_aside.saved["results"] == 0


def test_what_is_answered_again_after_its_answer_was_lost_is_written_again(path: Path) -> None:
    file = Path("/out/a.json")
    with closing(Store(path)) as store:
        store.queue([new_job(str(n), entry=n, prompt=f"{n}", destination=file) for n in range(2)])
        holds = {}
        for n in range(2):
            holds[n] = store.set_request(n + 1, replace(REQUEST, prompt=f"{n}"), 9)
            store.keep_answer(holds[n], "local", ANSWER)
            store.finish(n + 1, ANSWER)
        store.note_written({file: Written("ab", file, holds=holds)})
        assert store.due() == []
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE results SET answer = '{' WHERE identity = ?", (holds[0],))
        db.commit()
    flip(path, 0)
    with closing(Store(path)) as store:
        assert [job.state for job in store.jobs()] == [State.QUEUED, State.DONE]
        assert store.due() == []
        store.set_state(1, State.DONE)
        assert [due.job.number for due in store.due()] == [1]


def test_a_row_of_a_written_file_that_lists_no_answers_is_left_out(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE written SET holds = '[1]'")
        db.commit()
    flip(path, 0)
    with closing(Store(path)) as store:
        assert store.all_written() == {}


@pytest.mark.parametrize(
    ("column", "value"),
    [("more_controls", "5"), ("more_controls", "[5]"), ("draws", "[{}]"), ("target", "[]")],
)
def test_a_job_with_a_column_that_nobody_wrote_so_is_left_out(
    path: Path, column: str, value: str
) -> None:
    jobs = fill(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"UPDATE jobs SET {column} = ? WHERE number = 2", (value,))  # noqa: S608
        db.commit()
    flip(path, 0)
    with closing(Store(path)) as store:
        assert {job.number for job in store.jobs()} == {job.number for job in jobs} - {2}


@pytest.mark.parametrize(
    "words",
    [
        b"tablejobs",
        b"CREATE TABLE jobs",
        b"key         TEXT",
        b"control TEXT",
        b"tableseen",
        b"jobs_by_destination",
    ],
)
@pytest.mark.parametrize("place", [5, -1])
def test_a_schema_whose_words_are_no_text_is_damage(path: Path, words: bytes, place: int) -> None:
    """Python cannot decode what SQLite says of it, and raises no error of SQLite's then."""
    before = fill(path)
    where = path.read_bytes().find(words)
    assert where > 0
    flip(path, where + place % len(words))
    for _ in range(2):
        with suppress(QueueError), closing(Store(path)) as store:
            jobs = store.jobs()
    assert [job.key for job in jobs] == [job.key for job in before]
    assert [job.video for job in jobs] == [job.video for job in before]


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(seed=st.integers(0, 2**32), flips=st.integers(1, 60))
def test_whatever_is_flipped_a_job_is_saved_as_it_was_or_not_at_all(
    path: Path, seed: int, flips: int
) -> None:
    for file in path.parent.iterdir():
        file.unlink()
    before = {job.key: job for job in fill(path)}
    chance = random.Random(seed)
    damaged = flip(path, *(chance.randrange(PAGE, path.stat().st_size) for _ in range(flips)))
    for _ in range(2):
        # What is met only when it is looked at is mended the next time.
        with suppress(QueueError), closing(Store(path)) as store:
            jobs, answer = store.jobs(), store.answer(REQUEST.job_id(), "local")
    assert all(file.read_bytes() == damaged for file in set_aside(path)[:1])
    assert {job.state for job in jobs} <= set(State)
    assert len({job.number for job in jobs}) == len(jobs)
    # A flip within a text cannot be told from a text.
    assert sum(job.key in before for job in jobs) >= len(jobs) - flips
    assert answer is None or answer.engine


# --- who meets it, and when ----------------------------------------------------------------------


def test_damage_that_shows_in_the_middle_of_the_work_is_told_and_mended_next_time(
    path: Path,
) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'written'").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(b"\xff" * PAGE)
    with closing(Store(path)) as store:
        assert store.set_aside is None  # nothing has looked there yet
        with pytest.raises(QueueError) as caught:
            store.all_written()
        assert "upsample queue list" in caught.value.remedy
    with closing(Store(path)) as store:
        assert store.set_aside is not None
        assert store.all_written() == {}
        assert len(store.jobs()) == JOBS
    with closing(Store(path)) as store:
        assert store.set_aside is None


def test_a_row_that_nobody_wrote_is_damage(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE jobs SET state = 'donf' WHERE number = 5")
        db.commit()
    with closing(Store(path)) as store, pytest.raises(QueueError, match="job 5 is not as it was"):
        store.jobs()
    with closing(Store(path)) as store:
        assert len(store.jobs()) == JOBS - 1


def test_while_others_have_it_open_a_damaged_queue_is_left(path: Path) -> None:
    fill(path)
    with closing(Store(path)) as store:
        damaged = flip(path, 0)
        with pytest.raises(QueueError, match="other upsample processes have it open"):
            Store(path)
        assert path.read_bytes() == damaged
        del store
    assert not set_aside(path)


def test_two_damaged_queues_of_one_second_are_both_kept(path: Path) -> None:
    for content in (b"one", b"two"):
        path.write_bytes(content)
        Store(path).close()
    assert {file.read_bytes() for file in set_aside(path)} == {b"one", b"two"}


# --- a full disk ---------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_what_was_there_before_stays(path: Path) -> None:
    before = fill(path)
    with closing(Store(path)) as store:
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(QueueError) as caught:
            store.queue([new_job(f"more {n}", prompt="p" * 5000) for n in range(50)])
        assert "Make room" in caught.value.remedy
        assert store.jobs() == before
        store._db.execute("PRAGMA max_page_count = 1000000")
        store.queue([new_job("more")])
    with closing(Store(path)) as store:
        assert (store.set_aside, len(store.jobs())) == (None, JOBS + 1)


def test_where_no_file_may_grow_a_queue_is_told_and_left(path: Path) -> None:
    """The limit on file sizes acts like a disk that is full when the queue is opened and written."""
    before = fill(path)
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with closing(Store(path)) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
            try:
                store.queue([new_job(f"more {n}", prompt="p" * 5000) for n in range(50)])
            except QueueError as error:
                os.write(writing, error.remedy.encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reading, 1 << 12).startswith(b"Make room")
    os.close(reading)
    os.close(writing)
    with closing(Store(path)) as store:
        assert store.jobs() == before


def test_without_room_to_save_a_damaged_queue_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path)
    damaged = flip(path, 0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backend.store.salvage.shutil.copyfile", full)
    with pytest.raises(QueueError) as caught:
        Store(path)
    assert "Make room" in caught.value.remedy
    assert path.read_bytes() == damaged
    assert not set_aside(path)
