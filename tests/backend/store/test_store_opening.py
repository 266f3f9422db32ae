"""The queue refuses files of other programs, migrates old ones, and is readable by its owner only."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from backend.dispatch.runs.lock import dispatcher_lock
from backend.errors import QueueError
from backend.store import SCHEMA_VERSION, State, Store, Written, opening, schema
from backend.store.decision import Decision
from tests.support.queued_jobs import ANSWER, REQUEST, new_job


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "queue.db"


# --- who may read it -----------------------------------------------------------------------------


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=["umask 000", "umask 022", "umask 777"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


@pytest.mark.usefixtures("umask")
def test_every_file_of_the_queue_is_for_its_owner_alone(path: Path) -> None:
    with closing(Store(path)) as store, dispatcher_lock(store):
        store.queue([new_job()])
        opening.mark_damaged(path)
        found = modes(path.parent)
    assert {"queue.db", "queue.db-wal", "queue.db-shm", "queue.lock"} < found.keys()
    assert set(found.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("umask")
def test_what_is_set_aside_is_for_its_owner_alone(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o700)
    path.write_bytes(b"no database")
    Store(path).close()
    assert set(modes(path.parent).values()) == {0o600}


def test_a_queue_that_others_could_read_is_closed_to_them(path: Path) -> None:
    Store(path).close()
    path.chmod(0o644)
    Store(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_store_in_a_process_leaves_the_first_its_locks(path: Path) -> None:
    """Closing a file that SQLite has open drops its locks; then others would delete the -wal file."""
    with closing(Store(path)) as store:
        Store(path).close()
        with closing(sqlite3.connect(path)) as other:
            other.execute("SELECT * FROM jobs").fetchall()
        pid = os.fork()
        if not pid:
            with closing(sqlite3.connect(path)) as another_process:
                another_process.execute("SELECT * FROM jobs").fetchall()
            os._exit(0)
        os.waitpid(pid, 0)
        store.queue([new_job()])
        assert path.with_name("queue.db-wal").stat().st_size > 0


# --- whose it is ---------------------------------------------------------------------------------


def test_a_queue_of_a_newer_upsample_is_refused_and_left(tmp_path: Path) -> None:
    file = tmp_path / "queue.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        db.execute("CREATE TABLE jobs (tomorrow)")
    before = file.read_bytes()
    with pytest.raises(QueueError) as caught:
        Store(file)
    assert str(caught.value) == (
        f"the queue {file} was written by a newer upsample (schema {SCHEMA_VERSION + 1}; this one knows "
        f"{SCHEMA_VERSION})\n  Upgrade this one; the queue was left as it is."
    )
    assert file.read_bytes() == before
    assert not list(tmp_path.glob("*damaged*"))


def test_the_database_of_another_program_is_refused_and_left(tmp_path: Path) -> None:
    file = tmp_path / "queue.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE songs (title)")
    before = file.read_bytes()
    with pytest.raises(QueueError, match="another program"):
        Store(file)
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(QueueError, match="cannot be used"):
        Store(tmp_path / "file" / "queue.db")


def test_a_folder_that_cannot_be_written_is_told() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data" / "queue.db"
        Store(path).close()
        path.parent.chmod(0o500)
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            if not os.geteuid():  # who may write everywhere
                Path(folder).chmod(0o755)
                os.chown(path.parent, 65_534, -1)
                os.setuid(65_534)
            try:
                Store(path)
            except QueueError as error:
                os.write(writing, str(error).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        assert "must be yours, and writable" in os.read(reading, 1 << 12).decode()
        os.close(reading)
        os.close(writing)
        path.parent.chmod(0o700)


# --- how it is brought up to date ----------------------------------------------------------------


def make_old(path: Path, version: int) -> None:
    """A queue as the upsample of this schema left it: a job, and a row in every table there was."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        for step in schema.STEPS[:version]:
            db.executescript(step)
        db.execute(f"PRAGMA user_version = {version}")
        db.execute(
            "INSERT INTO jobs (key, box, file, entry, name, prompt, video, candidate, seed, settings, "
            "destination, state, identity, estimate, asked, queued, changed) "
            "VALUES ('k', 'h100', '/specs/a.json', 0, 'dusk', 'Warm dusk', '/videos/a.mp4', 0, 7, "
            "'{}', '/out/a.json', 'sent', 'ab', 2481, 1, 5.0, 6.0)"
        )
        db.execute(
            "INSERT INTO results (identity, answer, received) VALUES ('cd', ?, 7.0)", (ANSWER_TEXT,)
        )
        db.execute("INSERT INTO seen VALUES ('h100', 'journal', 12)")
        db.execute("INSERT INTO written (path, sha256, source) VALUES ('/out/b', 'ab', '/specs/b')")
        if version >= 3:
            db.execute("INSERT INTO cancels VALUES (1, 8.0)")
        if version >= 5:
            db.execute("INSERT INTO decisions VALUES (1, 1, 1, 'rejected', NULL, 2, 9.0)")
        db.commit()


@pytest.mark.parametrize(
    ("jobs", "whose"),
    [
        ([("h100", "done")], {"h100"}),
        ([("h100", "failed")], {"h100"}),
        ([("h100", "done"), ("a100", "done")], {"h100", "a100"}),
        ([("h100", "done"), ("a100", "queued")], {"h100"}),
        ([("h100", "failed"), ("a100", "queued")], set()),
    ],
)
def test_an_answer_of_an_earlier_version_is_of_the_boxes_that_can_have_given_it(
    path: Path, jobs: list[tuple[str, str]], whose: set[str]
) -> None:
    make_old(path, 9)
    with closing(sqlite3.connect(path)) as db:
        for number, (box, state) in enumerate(jobs):
            db.execute(
                "INSERT INTO jobs (key, box, file, entry, name, prompt, candidate, seed, settings, "
                "destination, state, identity, asked, queued, changed) VALUES "
                "(?, ?, '/a.json', 0, 'dusk', 'Warm dusk', 0, 7, '{}', '/o.json', ?, 'cd', 1, 5, 6)",
                (f"k{number}", box, state),
            )
        db.commit()
    with closing(Store(path)) as store:
        assert {box for box in ("h100", "a100", "b200") if store.answer("cd", box)} == whose


def test_an_answer_of_an_earlier_version_is_of_the_model_that_its_job_asks_for(path: Path) -> None:
    make_old(path, 11)
    with closing(sqlite3.connect(path)) as db:
        text = json.dumps(asdict(REQUEST))
        db.execute("UPDATE jobs SET identity = 'cd', request = ?", (text,))
        db.execute("UPDATE results SET box = 'h100'")
        db.commit()
    with closing(Store(path)) as store:
        assert store.durations("h100", "vllm", REQUEST.model) == [2.5]
        assert store.durations("h100", "vllm", "another") == []


ANSWER_TEXT = (
    '{"text": "A long dusk.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479,'
    ' "completion_tokens": 5, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 100.0,'
    ' "ended": 102.5}'
)

EARLIER = range(1, SCHEMA_VERSION + 1)


@pytest.mark.parametrize("version", EARLIER)
def test_a_queue_of_every_schema_keeps_what_is_in_it(path: Path, version: int) -> None:
    make_old(path, version)
    with closing(Store(path)) as store:
        (job,) = store.jobs()
        assert (job.name, job.state, job.identity, job.estimate) == ("dusk", "sent", "ab", 2481)
        assert (job.video, job.controls, job.media) == (Path("/videos/a.mp4"), (), "")
        assert (job.held, job.choice, job.force) == (False, None, False)
        assert store.answer("cd", "") == ANSWER
        assert store.seen("h100") == ("journal", 12)
        assert store.written(Path("/out/b")) == Written("ab", Path("/specs/b"))
        assert [job.number for job in store.asked_to_cancel()] == ([1] if version >= 3 else [])
        rejected = {1: Decision.REJECTED} if version >= 5 else {}
        assert {n: one.decision for n, one in store.decisions().items()} == rejected
        assert store.attempts([1]) == {}


@pytest.mark.parametrize("version", EARLIER)
def test_a_queue_of_every_schema_can_be_used_as_a_new_one(path: Path, version: int) -> None:
    make_old(path, version)
    with closing(Store(path)) as store:
        old, new = store.queue(
            [
                new_job("k"),
                new_job("new", controls=(Path("/e.mp4"), Path("/d.mp4")), media="rgb+edge+depth"),
            ]
        )
        assert [job.number for job in store.to_do()] == [old.number, new.number]
        store.ask_to_pause([new.number])
        assert [job.number for job in store.asked_to_pause()] == [new.number]
        identity = store.set_request(new.number, REQUEST, 9)
        store.begin_attempt(new.number, 1, "")
        store.keep_answer(identity, "h100", ANSWER)
        store.finish(new.number, ANSWER)
        before = store.jobs()
    with closing(Store(path)) as again:
        assert again.jobs() == before
        assert again.jobs()[1].state is State.DONE
        assert again.jobs()[1].media == "rgb+edge+depth"
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_the_tables_are_the_same_whatever_version_they_began_with(tmp_path: Path) -> None:
    def tables(path: Path) -> set[tuple[str, str]]:
        Store(path).close()
        with closing(sqlite3.connect(path)) as db:
            return set(db.execute("SELECT name, sql FROM sqlite_master"))

    new = tables(tmp_path / "new" / "queue.db")
    for version in EARLIER:
        path = tmp_path / str(version) / "queue.db"
        make_old(path, version)
        assert tables(path) == new


def test_several_may_open_an_old_queue_at_once(path: Path) -> None:
    make_old(path, 1)

    def look(_number: int) -> str:
        with closing(Store(path)) as store:
            return store.jobs()[0].name

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(look, range(16))) == {"dusk"}


def test_an_upgrade_that_fails_leaves_the_queue_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(path, 1)
    broken = (*schema.STEPS, "ALTER TABLE jobs ADD COLUMN more TEXT; no SQL at all")
    monkeypatch.setattr(schema, "STEPS", broken)
    for module in (schema, opening):
        monkeypatch.setattr(module, "SCHEMA_VERSION", len(broken))
    with pytest.raises(QueueError, match="cannot be used"):
        Store(path)
    monkeypatch.undo()
    with closing(Store(path)) as store:
        assert len(store.jobs()) == 1
