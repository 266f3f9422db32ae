"""A result that a killed run left unwritten reaches its file by going on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from backend.cli import run
from backend.exit_codes import ExitCode
from backend.results.decisions import deliver
from backend.store import State, Store, default_path
from backend.store.decision import Decision
from tests.backend.commands.running_commands import Capsys, put, queued
from tests.support.finished_jobs import Finisher

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def retried(folder: Path) -> Path:
    """The file of a batch of two. It was written when one job had failed; then that one was tried again,
    answered, and the program was killed before it wrote the file again."""
    file = put("batch.txt", "dusk\ndawn\n").absolute()
    with closing(Store(default_path())) as store:
        finisher = Finisher(store, folder / "outputs")
        dusk, dawn = finisher.queue(file, review=False)
        finisher.answer([dusk], ["A long dusk."])
        store.set_state(dawn.number, State.FAILED, "the model server failed")
        deliver(store, dusk.destination)
        assert dusk.destination.read_text() == "A long dusk.\ndawn\n"
        finisher.answer(store.queue([dawn]), ["A long dawn."])
    return dusk.destination


def test_a_result_that_did_not_reach_its_written_file_is_written_by_going_on(
    capsys: Capsys, retried: Path
) -> None:
    assert run(["--no-ui"]) == ExitCode.OK
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (f"{retried}\n", "1 done.\n")
    assert retried.read_text() == "A long dusk.\nA long dawn.\n"
    assert run(["--no-ui"]) == ExitCode.OK
    assert "Nothing is left to do on local." in capsys.readouterr().err


def test_a_result_for_a_file_that_the_user_changed_is_told_and_not_written_until_it_is_forced(
    capsys: Capsys, retried: Path
) -> None:
    retried.write_text("mine")
    for _ in range(2):
        assert run(["--no-ui"]) == ExitCode.SOME_FAILED
        shown = capsys.readouterr()
        assert "not a result that was left as it was written" in shown.err
        assert "Nothing is left" not in shown.err
        assert retried.read_text() == "mine"
    assert run(["--no-ui", "--force"]) == ExitCode.OK
    assert retried.read_text() == "A long dusk.\nA long dawn.\n"


def test_an_accepted_candidate_that_did_not_reach_its_file_is_written_or_its_file_is_named(
    capsys: Capsys, folder: Path
) -> None:
    with closing(Store(default_path())) as store:
        finisher = Finisher(store, folder / "outputs")
        jobs = finisher.finish(put("dusk.txt", "dusk\n").absolute(), review=False, candidates=2)
        for job in jobs:
            deliver(store, job.destination)
        store.note_decision(jobs[1].number, Decision.ACCEPTED)  # killed before it wrote the file
    result = put("outputs/dusk.txt", "mine")
    assert run(["--no-ui"]) == ExitCode.SOME_FAILED
    assert "dusk.txt exists already" in " ".join(capsys.readouterr().err.split())
    result.unlink()
    assert run(["--no-ui"]) == ExitCode.OK
    assert result.read_text() == "A long, warm dusk over the docks.\n"


def test_a_result_that_a_box_without_work_left_unwritten_is_named(
    capsys: Capsys, retried: Path
) -> None:
    with closing(sqlite3.connect(default_path())) as db:
        db.execute("UPDATE jobs SET box = 'h100'")
        db.commit()
    assert run(["--no-ui"]) == ExitCode.OK
    assert "There is work left on h100: upsample --no-ui --box h100" in capsys.readouterr().err


def test_neither_a_result_that_did_not_reach_its_file_is_cleared_nor_the_others_of_the_file(
    capsys: Capsys, retried: Path
) -> None:
    assert run(["queue", "clear"]) == ExitCode.OK
    shown = " ".join(capsys.readouterr().out.split())
    assert "kept: its result was never written" in shown
    assert "kept: other results for" in shown
    assert queued(capsys) == ["batch-1 done", "batch-2 done"]
    assert run(["--no-ui"]) == ExitCode.OK
    assert retried.read_text() == "A long dusk.\nA long dawn.\n"
