"""A daemon that starts again stands where the last one fell."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

from remote.jobs.board import Board, JobState
from remote.jobs.journal import Journal
from remote.jobs.records import scan
from remote.protocol import MOST_FALLS, Accepted, Answer, Failed, Finished, Submit
from tests.remote.attached import ask
from tests.remote.jobs.conftest import Open

A, B, C = ask("a"), ask("b"), ask("c")
ANSWER = Answer("text", "stop", "sketch 1", None, None, "0" * 12, "", 1, 1.0, 2.0)


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
    told = list(board.messages_after(-1))
    board = reopen()
    stands = [board.state(job.job) for job in (A, B, C, waiting, ask("unknown"))]
    assert stands == [
        JobState.FINISHED,
        JobState.FAILED,
        JobState.CANCELLED,
        JobState.WAITING,
        None,
    ]
    assert board.unfinished == 1
    assert list(board.unfinished_requests()) == [waiting.request]
    assert list(board.messages_after(-1)) == told
    assert [type(message) for message in board.messages_of(A.job)] == [Accepted, Finished]


def test_jobs_that_ran_go_first_again_in_their_order(reopen: Open) -> None:
    board = accepted(reopen())
    board.start(A.job)
    board.start(B.job)
    board = reopen()
    order = []
    while (job := board.next_waiting()) is not None:
        order.append(job)
        board.start(job)
    assert order == [A.job, B.job, C.job]


def test_a_job_that_waits_again_goes_first(reopen: Open) -> None:
    board = accepted(reopen())
    board.start(A.job)
    board.wait_again(A.job)
    assert board.next_waiting() == A.job
    assert reopen().start(A.job).number == 2


def test_a_job_during_which_the_runner_always_dies_is_held_to_be_the_cause(reopen: Open) -> None:
    board = accepted(reopen())
    for _ in range(MOST_FALLS):
        assert not board.has_crashed_runner(A.job)
        board.start(A.job)
        board = reopen()
    assert board.has_crashed_runner(A.job)
    assert not board.has_crashed_runner(B.job)


def test_attempts_that_ended_in_order_are_not_held_against_a_job(reopen: Open) -> None:
    board = accepted(reopen())
    for _ in range(2 * MOST_FALLS):
        board.start(A.job)
        board.wait_again(A.job)
        board = reopen()
    assert not board.has_crashed_runner(A.job)
    assert board.start(A.job).number == 2 * MOST_FALLS + 1


def test_a_failed_job_can_be_accepted_anew(reopen: Open) -> None:
    board = accepted(reopen())
    for _ in range(MOST_FALLS):
        board.start(A.job)
        board = reopen()
    board.fail(A.job, "internal", "gave up")
    assert [type(message) for message in board.messages_of(A.job)] == [Accepted, Failed]
    board.accept(A.job, A.request)
    board = reopen()
    assert board.state(A.job) is JobState.WAITING
    assert not board.has_crashed_runner(A.job)
    assert board.start(A.job).number == 1


def test_a_job_has_one_end(reopen: Open) -> None:
    board = accepted(reopen())
    board.cancel(A.job)
    board.finish(A.job, ANSWER)
    assert board.state(A.job) is JobState.CANCELLED
    assert reopen().state(A.job) is JobState.CANCELLED


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
            while (job := board.next_waiting()) is not None:
                board.start(job)
                board.finish(job, ANSWER)
            assert board.unfinished == 0


def test_a_result_whose_acceptance_was_lost_answers_whoever_asks_again(
    reopen: Open, tmp_path: Path
) -> None:
    board = accepted(reopen())
    board.start(A.job)
    board.finish(A.job, ANSWER)
    whole = (tmp_path / "journal").read_bytes()
    lost = scan(whole)[0][1]
    (tmp_path / "journal").write_bytes(whole[: lost.offset] + whole[lost.end :])
    board = reopen()
    assert board.state(A.job) is JobState.FINISHED
    assert [type(message) for message in board.messages_of(A.job)] == [Finished]
    assert board.unfinished == 2
    assert {request.prompt for request in board.unfinished_requests()} == {"b", "c"}


def test_what_this_version_cannot_read_is_left_as_it_is_and_counted(
    tmp_path: Path,
) -> None:
    """Of a newer one: a request with a field that decides the answer, an answer of another form."""
    newer = asdict(A.request) | {"top_p": 0.5}
    with_top_p = hashlib.sha256(json.dumps(newer, sort_keys=True).encode()).hexdigest()
    with closing(Journal(tmp_path / "other")) as journal:
        Board(journal).accept(B.job, B.request)
        journal.append("accepted", {"job": with_top_p, "request": newer})
        journal.append("finished", {"job": B.job, "answer": "as a string"})
        journal.append("weighed", {"job": B.job})
        board = Board(journal)
        assert board.strange == {"accepted": 1, "finished": 1, "weighed": 1}
        assert board.state(with_top_p) is None
        assert board.next_waiting() == B.job
        assert list(board.unfinished_requests()) == [B.request]
        assert [
            message for _, message in board.messages_after(-1) if isinstance(message, Finished)
        ] == []
        board.start(B.job)
        board.finish(B.job, ANSWER)
        assert board.unfinished == 0
        assert len(list(journal.read())) == 7


TEN_DAYS = 10 * 86_400.0


class Clock:
    """Days, as the test wants them."""

    def __init__(self) -> None:
        self.day = 0

    def __call__(self) -> float:
        return self.day * 86_400.0


def test_jobs_that_ended_long_ago_are_forgotten_and_no_others(tmp_path: Path) -> None:
    clock = Clock()
    with closing(Journal(tmp_path / "journal")) as journal:
        board = accepted(Board(journal, clock))
        board.start(A.job)
        board.finish(A.job, ANSWER)
        for clock.day in range(1, 20):
            board.start(C.job)
            board.wait_again(C.job)
        clock.day = 20
        board.cancel(B.job)
        before, last = journal.id, journal.last
        assert board.forget_ended(TEN_DAYS) == 1
        assert journal.id != before
        assert journal.last > last
        stands = [board.state(job.job) for job in (A, B, C)]
        assert stands == [None, JobState.CANCELLED, JobState.WAITING]
        told = [message for _, message in board.messages_after(-1) if message is not None]
        assert [message.job for message in told] == [B.job, C.job, B.job]
        assert board.unfinished == 1
        board.accept(A.job, A.request)
        assert board.start(C.job).number == 20
    with closing(Journal(tmp_path / "journal")) as journal:
        board = Board(journal, clock)
        assert [board.state(job.job) for job in (A, B)] == [JobState.WAITING, JobState.CANCELLED]


def test_a_clock_that_jumps_makes_nothing_old(tmp_path: Path) -> None:
    """However far; its app may not have heard the result yet."""
    clock = Clock()
    with closing(Journal(tmp_path / "journal")) as journal:
        board = accepted(Board(journal, clock))
        board.finish(A.job, ANSWER)
        for clock.day in (400, 3, 800):
            assert board.forget_ended(TEN_DAYS) == 0
            board.start(B.job)
            board.wait_again(B.job)
            assert board.forget_ended(TEN_DAYS) == 0
        assert board.state(A.job) is JobState.FINISHED


def test_a_job_that_begins_anew_is_not_old(tmp_path: Path) -> None:
    clock = Clock()
    with closing(Journal(tmp_path / "journal")) as journal:
        board = accepted(Board(journal, clock))
        board.fail(A.job, "engine", "no")
        for clock.day in range(1, 21):
            board.start(C.job)
            board.wait_again(C.job)
        board.accept(A.job, A.request)
        assert board.forget_ended(TEN_DAYS) == 0
        assert board.state(A.job) is JobState.WAITING


def test_for_a_few_bytes_the_journal_is_not_rewritten(tmp_path: Path) -> None:
    clock = Clock()
    with closing(Journal(tmp_path / "journal")) as journal:
        board = accepted(Board(journal, clock))
        board.cancel(A.job)
        for number in range(50):
            clock.day += 1
            job = ask(f"another {number}")
            board.accept(job.job, job.request)
        before = journal.id
        assert board.forget_ended(TEN_DAYS) == 0
        assert (board.state(A.job), journal.id) == (JobState.CANCELLED, before)


def test_a_job_that_has_ended_takes_little_memory(reopen: Open) -> None:
    """What a box has done stays known for months. The texts are read from the disk."""
    board, count = reopen(), 300
    jobs = [ask(f"scene {number} {'x' * 2000}") for number in range(2 * count)]

    def do(some: list[Submit]) -> None:
        for job in some:
            board.accept(job.job, job.request)
            board.start(job.job)
            board.finish(job.job, replace(ANSWER, text="y" * 2000))

    do(jobs[:count])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        do(jobs[count:])
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / count < 800
