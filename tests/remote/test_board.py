"""A daemon that starts again stands where the last one fell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from remote.board import MOST_FALLS, Board, Stand
from remote.journal import Journal, scan
from remote.protocol import Accepted, Answer, Failed, Finished
from tests.remote.attached import ask

A, B, C = ask("a"), ask("b"), ask("c")
ANSWER = Answer("text", "stop", "sketch 1", None, None, "0" * 12, "", 1, 1.0, 2.0)

Open = Callable[[], Board]


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Open]:
    """Opens the board as the next daemon does."""
    journals: list[Journal] = []

    def open_board() -> Board:
        if journals:
            journals.pop().close()
        journals.append(Journal(tmp_path / "journal"))
        return Board(journals[0])

    yield open_board
    for journal in journals:
        journal.close()


def accepted(board: Board) -> Board:
    for job in (A, B, C):
        board.accept(job.job, job.request)
    return board


def test_every_stand_survives_a_restart(reopen: Open) -> None:
    board = accepted(reopen())
    board.start(A.job)
    board.finish(A.job, ANSWER)
    board.start(B.job)
    board.fail(B.job, "engine", "no")
    board.cancel(C.job)
    waiting = ask("waiting")
    board.accept(waiting.job, waiting.request)
    told = list(board.told_after(-1))
    board = reopen()
    stands = [board.stand(job.job) for job in (A, B, C, waiting, ask("unknown"))]
    assert stands == [Stand.FINISHED, Stand.FAILED, Stand.CANCELLED, Stand.WAITING, None]
    assert board.unfinished == 1
    assert list(board.unfinished_requests()) == [waiting.request]
    assert list(board.told_after(-1)) == told
    assert [type(message) for message in board.told_of(A.job)] == [Accepted, Finished]


def test_jobs_that_ran_go_first_again_in_their_order(reopen: Open) -> None:
    board = accepted(reopen())
    board.start(A.job)
    board.start(B.job)
    board = reopen()
    order = []
    while (job := board.first_waiting) is not None:
        order.append(job)
        board.start(job)
    assert order == [A.job, B.job, C.job]


def test_a_job_that_waits_again_goes_first(reopen: Open) -> None:
    board = accepted(reopen())
    board.start(A.job)
    board.wait_again(A.job)
    assert board.first_waiting == A.job
    assert reopen().start(A.job).number == 2


def test_a_job_during_which_the_runner_always_dies_is_held_to_be_the_cause(reopen: Open) -> None:
    board = accepted(reopen())
    for _ in range(MOST_FALLS):
        assert not board.kills(A.job)
        board.start(A.job)
        board = reopen()
    assert board.kills(A.job)
    assert not board.kills(B.job)


def test_attempts_that_ended_in_order_are_not_held_against_a_job(reopen: Open) -> None:
    board = accepted(reopen())
    for _ in range(2 * MOST_FALLS):
        board.start(A.job)
        board.wait_again(A.job)
        board = reopen()
    assert not board.kills(A.job)
    assert board.start(A.job).number == 2 * MOST_FALLS + 1


def test_a_failed_job_can_be_accepted_anew(reopen: Open) -> None:
    board = accepted(reopen())
    for _ in range(MOST_FALLS):
        board.start(A.job)
        board = reopen()
    board.fail(A.job, "internal", "gave up")
    assert [type(message) for message in board.told_of(A.job)] == [Accepted, Failed]
    board.accept(A.job, A.request)
    board = reopen()
    assert board.stand(A.job) is Stand.WAITING
    assert not board.kills(A.job)
    assert board.start(A.job).number == 1


def test_a_job_has_one_end(reopen: Open) -> None:
    board = accepted(reopen())
    board.cancel(A.job)
    board.finish(A.job, ANSWER)
    assert board.stand(A.job) is Stand.CANCELLED
    assert reopen().stand(A.job) is Stand.CANCELLED


def test_a_board_opens_whichever_record_of_its_journal_is_lost(
    reopen: Open, tmp_path: Path
) -> None:
    board = accepted(reopen())
    board.start(A.job)
    board.finish(A.job, ANSWER)
    board.start(B.job)
    board.fail(B.job, "engine", "no")
    board.accept(B.job, B.request)
    board.start(B.job)
    board.start(C.job)
    records, _ = scan(whole := (tmp_path / "journal").read_bytes())
    for number, lost in enumerate(records):
        path = tmp_path / f"journal-{number}"
        path.write_bytes(whole[: lost.offset] + whole[lost.offset + lost.size :])
        with closing(Journal(path)) as journal:
            board = Board(journal)
            assert board.unfinished == len(list(board.unfinished_requests()))
            while (job := board.first_waiting) is not None:
                board.start(job)
                board.finish(job, ANSWER)
            assert board.unfinished == 0
