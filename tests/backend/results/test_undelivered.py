"""A result whose process was killed before it wrote the file is written later, or its file is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.errors import ResultError, UpsampleError
from backend.results.decisions import decide, deliver, undo
from backend.results.undelivered import undelivered, undelivered_jobs
from backend.results.writing import take_away_results
from backend.store import Job, State, Store
from backend.store.decision import Decision
from tests.support.finished_jobs import Finisher

OLD = Path(__file__).parent / "queue_of_schema_8"
"""A queue, its specs and its results, as the version before the queue stored what its files hold left them.
The folder's name is @FOLDER@ in the queue."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as opened:
        yield opened


@pytest.fixture
def finisher(store: Store, tmp_path: Path) -> Finisher:
    return Finisher(store, tmp_path / "out")


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """A spec file with two entries."""
    file = tmp_path / "batch.txt"
    file.write_text("dusk\ndawn\n")
    return file


def due(store: Store) -> dict[Path, list[int]]:
    """The jobs whose results are not delivered, by file."""
    found: dict[Path, list[int]] = {}
    for one in undelivered(store):
        found.setdefault(one.file, []).append(one.job.number)
    return found


def go_on(store: Store) -> list[str]:
    """Write all that is left; returns the errors."""
    errors = []
    for file in due(store):
        try:
            deliver(store, file)
        except UpsampleError as error:
            errors.append(str(error))
    return errors


def look_at_everything(store: Store) -> None:
    """Forget which files were found to lack nothing."""
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("DELETE FROM unsettled")
        db.execute(
            "INSERT INTO unsettled (path) SELECT destination FROM jobs "
            "UNION SELECT choice FROM jobs WHERE choice IS NOT NULL"
        )
        db.commit()


def written_with_one_failed(finisher: Finisher, file: Path) -> tuple[Job, Job]:
    """Two jobs of one file: the file was written with the first one when the second had failed."""
    dusk, dawn = finisher.queue(file, review=False)
    finisher.answer([dusk], ["A long dusk."])
    finisher.store.set_state(dawn.number, State.FAILED, "the model server failed")
    deliver(finisher.store, dusk.destination)
    assert due(finisher.store) == {}
    return dusk, dawn


def retry(finisher: Finisher, job: Job) -> None:
    """The job is queued again and answered, and the program is killed before it writes the file."""
    finisher.answer(finisher.store.queue([job]), [f"A long {job.prompt}."])


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """The files of results and when each was written, by name."""
    files = (file for file in folder.glob("out/**/*") if file.is_file())
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


# --- one entry of a file -------------------------------------------------------------------------


def test_a_result_that_came_after_its_file_was_written_reaches_it(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    dusk, dawn = written_with_one_failed(finisher, batch)
    retry(finisher, dawn)
    assert due(store) == {dawn.destination: [dawn.number]}
    assert go_on(store) == []
    assert dusk.destination.read_text() == "A long dusk.\nA long dawn.\n"
    assert due(store) == {}


def test_a_file_that_the_user_changed_stays_and_its_result_stays_undelivered(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    _, dawn = written_with_one_failed(finisher, batch)
    dawn.destination.write_text("mine\n")
    retry(finisher, dawn)
    for _ in range(2):
        (error,) = go_on(store)
        assert "not a result that was left as it was written" in error
        assert dawn.destination.read_text() == "mine\n"
    deliver(store, dawn.destination, force=True)
    assert due(store) == {}


def test_a_file_that_the_user_changed_or_removed_after_it_was_whole_is_left(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    (job, _) = finisher.finish(batch, "A long dusk.", review=False)
    deliver(store, job.destination)
    job.destination.write_text("mine\n")
    assert due(store) == {}
    job.destination.unlink()
    assert due(store) == {}


def test_a_folder_for_results_that_vanished_is_made_again(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    _, dawn = written_with_one_failed(finisher, batch)
    retry(finisher, dawn)
    shutil.rmtree(dawn.destination.parent)
    assert go_on(store) == []
    assert dawn.destination.read_text() == "A long dusk.\nA long dawn.\n"


def test_a_folder_for_results_that_became_a_file_is_named_until_it_is_gone(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    (job, _) = finisher.finish(batch, "A long dusk.", review=False)
    finisher.out.write_text("mine")
    for _ in range(2):
        (error,) = go_on(store)
        assert "cannot be written" in error
    finisher.out.unlink()
    assert go_on(store) == []
    assert job.destination.exists()


def test_an_entry_that_the_spec_lost_is_not_left_over_for_ever(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    dusk, dawn = written_with_one_failed(finisher, batch)
    retry(finisher, dawn)
    batch.write_text("dusk\n")
    assert go_on(store) == []
    assert due(store) == {}
    assert dusk.destination.read_text() == "A long dusk.\n"


# --- several jobs for one place ------------------------------------------------------------------


def test_of_a_later_order_for_the_same_entry_the_result_is_left_over(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    first = finisher.finish(batch, "A long dusk.", review=False)
    deliver(store, first[0].destination)
    later = finisher.finish(batch, "A longer dusk.", review=False, seed=1)
    assert due(store) == {first[0].destination: [job.number for job in later]}
    assert go_on(store) == []
    assert first[0].destination.read_text() == "A longer dusk.\nA longer dusk.\n"
    # The first order once more: its answer is known, and only the file is to be written.
    store.queue(first)
    assert due(store) == {first[0].destination: [job.number for job in first]}


def test_what_is_forgotten_and_ordered_again_reaches_a_file_that_is_gone(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    jobs = finisher.finish(batch, "A long dusk.", review=False)
    deliver(store, jobs[0].destination)
    store.forget(job.number for job in jobs)
    assert due(store) == {}
    take_away_results(store, jobs[0].destination)
    finisher.finish(batch, "A long dusk.", review=False)
    assert go_on(store) == []
    assert jobs[0].destination.read_text() == "A long dusk.\nA long dusk.\n"


def test_candidates_are_left_over_in_their_own_files_and_the_accepted_one_in_the_shared_file(
    store: Store, finisher: Finisher, tmp_path: Path
) -> None:
    spec = tmp_path / "dusk.txt"
    spec.write_text("dusk\n")
    one, two = finisher.finish(spec, "A long dusk.", "A red dusk.", review=False, candidates=2)
    assert due(store) == {one.destination: [one.number], two.destination: [two.number]}
    assert go_on(store) == []
    store.note_decision(two.number, Decision.ACCEPTED)  # killed before its file was written
    assert two.choice is not None
    assert due(store) == {two.choice: [two.number]}
    assert undelivered_jobs(store) == [two]
    assert go_on(store) == []
    assert two.choice.read_text() == "A red dusk.\n"


# --- decisions -----------------------------------------------------------------------------------


def test_a_held_result_is_left_over_only_once_it_is_accepted(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    dusk, dawn = finisher.finish(batch, "A long dusk.", "A long dawn.")
    assert due(store) == {}
    decide(store, dusk.number, Decision.ACCEPTED)
    store.note_decision(dawn.number, Decision.EDITED, "My own dawn.")
    assert due(store) == {dawn.destination: [dawn.number]}
    assert go_on(store) == []
    assert dawn.destination.read_text() == "A long dusk.\nMy own dawn.\n"


def test_a_rejected_result_is_not_left_over_and_is_again_when_that_is_undone(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    jobs = finisher.finish(batch, "A long dusk.", review=False)
    file = jobs[0].destination
    deliver(store, file)
    for job in jobs:
        decide(store, job.number, Decision.REJECTED)
    assert not file.exists()
    assert due(store) == {}
    undo(store)
    undo(store)
    assert due(store) == {}
    assert file.read_text() == "A long dusk.\nA long dusk.\n"


def test_a_file_that_a_rejection_restored_is_the_users_again(
    store: Store, finisher: Finisher, batch: Path
) -> None:
    jobs = finisher.finish(batch, "A long dusk.", review=False)
    file = jobs[0].destination
    file.parent.mkdir()
    file.write_text("mine\n")
    assert len(go_on(store)) == 1
    deliver(store, file, force=True)
    for job in jobs:
        decide(store, job.number, Decision.REJECTED)
    assert (file.read_text(), due(store)) == ("mine\n", {})
    undo_one = store.last_decisions()
    store.remove_decisions(undo_one)  # killed before the file was written
    assert due(store) == {file: [jobs[1].number]}
    assert len(go_on(store)) == 1
    assert file.read_text() == "mine\n"


# --- histories -----------------------------------------------------------------------------------

_STEPS = (
    "answer 0", "answer 1", "fail 0", "fail 1", "reorder", "deliver", "edit", "reject", "change",
)  # fmt: skip


@settings(max_examples=60)
@example(steps=["answer 0", "fail 1", "deliver", "answer 1"], is_curious=True)
@example(steps=["answer 0", "answer 1", "deliver", "reorder", "answer 1"], is_curious=True)
@example(steps=["answer 0", "deliver", "edit"], is_curious=True)
@given(steps=st.lists(st.sampled_from(_STEPS), min_size=3, max_size=14), is_curious=st.booleans())
def test_after_any_history_every_wanted_result_is_in_its_file_or_its_file_is_named(
    steps: list[str], is_curious: bool
) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "batch.txt"
        file.write_text("dusk\ndawn\n")
        with closing(Store(Path(folder) / "queue.db")) as store:
            history = _History(Finisher(store, Path(folder) / "out"), file)
            for step in steps:
                history.take(step)
                if is_curious:
                    due(store)
            found = due(store)
            look_at_everything(store)
            assert due(store) == found
            errors = go_on(store)
            history.check(errors)
            before = contents(Path(folder))
            assert go_on(store) == errors
            assert contents(Path(folder)) == before


_CHANGED = "changed by the user\n"


class _History:
    """What may happen to a file of two entries. Only "deliver" and "reject" write it: after any other step
    the program is killed before it does."""

    def __init__(self, finisher: Finisher, spec: Path) -> None:
        self.finisher, self.spec, self.store = finisher, spec, finisher.store
        self.seed = 0
        self.jobs = finisher.queue(spec, review=False)
        self.file = self.jobs[0].destination

    def take(self, step: str) -> None:
        """Take one of the steps that change the queue or the file."""
        match step.split():
            case ["answer", entry]:
                job = self.jobs[int(entry)]
                text = f"{job.prompt} {self.seed}"
                self.finisher.answer(self.store.queue([job]), [text])
            case ["fail", entry]:
                self.store.set_state(self.jobs[int(entry)].number, State.FAILED, "why")
            case ["reorder"]:
                self.seed += 1
                self.jobs = self.finisher.queue(self.spec, review=False, seed=self.seed % 2)
            case ["deliver"]:
                with suppress(ResultError):
                    deliver(self.store, self.file)
            case ["edit"] if done := self._done():
                self.store.note_decision(done[0].number, Decision.EDITED, f"mine {self.seed}")
            case ["reject"] if done := self._done():
                with suppress(ResultError):
                    decide(self.store, done[0].number, Decision.REJECTED)
            case ["change"] if self.file.exists():
                self.file.write_text(_CHANGED)

    def check(self, errors: list[str]) -> None:
        """Every result that belongs in the file is there, or the user has changed it."""
        done = self._done()
        if self.file.exists() and self.file.read_text() == _CHANGED:
            assert len(errors) == bool(due(self.store))
            return
        assert (errors, due(self.store)) == ([], {})
        lines = self.file.read_text().splitlines() if done else []
        decided = self.store.decisions()
        for job in done:
            answer = self.store.answer(job.identity or "", job.box)
            assert answer is not None
            text = decided[job.number].text if job.number in decided else answer.text
            assert lines[job.entry] == text

    def _done(self) -> list[Job]:
        jobs = self.store.with_destination(self.file)
        return [job for job in jobs if job.state is State.DONE]


# --- queues of earlier versions ------------------------------------------------------------------


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of a queue that the version before made, with its specs and results."""
    folder = tmp_path / "old"
    shutil.copytree(OLD, folder)
    with closing(sqlite3.connect(folder / "queue.db")) as db:
        db.executescript((OLD / "queue.sql").read_text().replace("@FOLDER@", str(folder)))
    return folder


def test_of_an_old_queue_only_the_files_that_lack_an_answer_are_written(old: Path) -> None:
    before = contents(old)
    with closing(Store(old / "queue.db")) as store:
        assert {file.name for file in due(store)} == {
            "killed.txt", "changed.txt", "killed.json", "never.txt",
        }  # fmt: skip
        (error,) = go_on(store)
        assert "changed.txt exists already" in error
        assert {file.name for file in due(store)} == {"changed.txt"}
    after = contents(old)
    assert {name for name in after if after[name] != before.get(name)} == {
        "killed.txt", "killed.txt.upsample.json", "killed.json",
        "never.txt", "never.txt.upsample.json",
    }  # fmt: skip
    assert (old / "out" / "killed.txt").read_text() == (
        "A long dusk of killed.txt.\nA long dawn of killed.txt.\n"
    )
    assert json.loads((old / "out" / "killed.json").read_text())["prompt"] == "A new dusk."


def test_of_an_old_queue_nothing_is_known_while_the_folder_of_its_results_is_missing(
    old: Path,
) -> None:
    (old / "out").rename(old / "elsewhere")
    with closing(Store(old / "queue.db")) as store:
        assert {file.name for file in due(store)} == {"never.txt"}
        (old / "elsewhere").rename(old / "out")
        assert {file.name for file in due(store)} == {
            "killed.txt", "changed.txt", "killed.json", "never.txt",
        }  # fmt: skip


def test_of_an_old_file_that_was_changed_and_has_its_provenance_within_nothing_is_said(
    old: Path,
) -> None:
    (old / "out" / "killed.json").write_text('{"prompt": "mine"}')
    with closing(Store(old / "queue.db")) as store:
        assert "killed.json" not in {file.name for file in due(store)}
        go_on(store)
    assert (old / "out" / "killed.json").read_text() == '{"prompt": "mine"}'
