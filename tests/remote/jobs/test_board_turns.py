"""The box gives fair turns to the queues of several apps, and knows their orders after a restart, too."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from remote.jobs.board import Board, JobState
from remote.jobs.journal import Journal
from remote.protocol import Answer, Submit
from tests.remote.attached import ask
from tests.remote.jobs.conftest import Open

ANSWER = Answer("text", "stop", "sketch 1", None, None, "0" * 12, "", 1, 1.0, 2.0)

JOBS = {name: ask(name) for name in "abcdefuvw"}
NAMES = {job.job: name for name, job in JOBS.items()}


def accept(board: Board, jobs: str, app: str = "") -> Board:
    for name in jobs:
        board.accept(JOBS[name].job, JOBS[name].request, app)
    return board


def ids(names: str) -> list[str]:
    return [JOBS[name].job for name in names]


def start(board: Board) -> str:
    """The name of the job that starts next; nothing when none waits."""
    job = board.next_waiting()
    if job is None:
        return ""
    board.start(job)
    return NAMES[job]


def rest(board: Board) -> str:
    """The names of the waiting jobs in the order in which they start; they end at once."""
    order = ""
    while name := start(board):
        board.finish(JOBS[name].job, ANSWER)
        order += name
    return order


def test_apps_take_turns_and_after_a_restart_it_is_the_next_ones(reopen: Open) -> None:
    board = accept(accept(reopen(), "abcd", "x"), "uv", "y")
    assert start(board) == "a"
    board.finish(JOBS["a"].job, ANSWER)
    assert rest(reopen()) == "ubvcd"


def test_apps_that_name_no_queue_share_one(reopen: Open) -> None:
    board = accept(accept(reopen(), "abc"), "uv", "y")
    accept(board, "w")
    assert rest(reopen()) == "aubvcw"


def test_the_order_of_waiting_jobs_can_be_changed_for_good(reopen: Open) -> None:
    board = accept(reopen(), "abcdef", "x")
    board.arrange(ids("fdb"))
    assert rest(reopen()) == "afcdeb"


def test_a_later_order_counts(reopen: Open) -> None:
    board = accept(reopen(), "abc", "x")
    board.arrange(ids("cba"))
    board.arrange(ids("bca"))
    assert rest(reopen()) == "bca"


def test_jobs_that_do_not_wait_are_passed_over(reopen: Open) -> None:
    board = accept(reopen(), "abcd", "x")
    board.cancel(JOBS["c"].job)
    start(board)
    board.arrange(ids("wdcba"))
    board = reopen()
    assert [board.state(job) for job in ids("cw")] == [JobState.CANCELLED, None]
    assert rest(board) == "adb"


def test_an_order_that_changes_nothing_is_not_written(reopen: Open, tmp_path: Path) -> None:
    board = accept(reopen(), "abcd", "x")
    before = (tmp_path / "journal").read_bytes()
    board.arrange(ids("acd"))
    board.arrange(ids("wu"))
    board.arrange([])
    assert (tmp_path / "journal").read_bytes() == before


def test_jobs_that_ran_go_first_again_in_the_order_of_their_queue(reopen: Open) -> None:
    board = accept(accept(reopen(), "abcd", "x"), "uv", "y")
    board.arrange(ids("dcba"))
    assert "".join(start(board) for _ in range(3)) == "duc"
    board = reopen()
    assert board.running() == []
    assert rest(board) == "udvcba"


def test_a_job_that_waits_again_goes_to_the_front_of_its_queue_alone(reopen: Open) -> None:
    board = accept(accept(reopen(), "abc", "x"), "uv", "y")
    start(board)
    board.wait_again(JOBS["a"].job)
    assert rest(reopen()) == "uavbc"


def test_an_equal_request_of_two_apps_belongs_to_the_first_ones_queue(reopen: Open) -> None:
    board = accept(accept(reopen(), "ab", "x"), "uv", "y")
    board.cancel(JOBS["a"].job)
    accept(board, "a", "y")  # once it has ended, it may belong to another
    assert rest(reopen()) == "buva"


def test_an_order_in_an_unknown_form_is_kept_and_counted(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "journal")) as journal:
        accept(Board(journal), "ab", "x")
        journal.append("arranged", {"jobs": "b, a"})
        journal.append("arranged", {"jobs": [1, 2]})
        journal.append("arranged", {})
        board = Board(journal)
        assert board.strange == {"arranged": 3}
        assert rest(board) == "ab"


def test_a_journal_of_a_version_that_knew_no_queues_is_read(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "journal")) as journal:
        accept(Board(journal), "ab")
        assert all("app" not in record.body for record in journal.read())
        journal.append("accepted", {"job": "x", "request": {}, "app": 7})
        assert rest(accept(Board(journal), "uv", "y")) == "aubv"


def test_orders_of_jobs_that_have_all_ended_are_forgotten_with_them(tmp_path: Path) -> None:
    days = [0.0]
    with closing(Journal(tmp_path / "journal")) as journal:
        board = accept(Board(journal, lambda: days[0] * 86_400), "abcd", "x")
        board.arrange(ids("ba"))
        board.arrange(ids("cd"))
        board.arrange(ids("dc"))
        for name in "ab":
            board.cancel(JOBS[name].job)
        for days[0] in range(1, 20):
            job: Submit = JOBS["c"]
            board.start(job.job)
            board.wait_again(job.job)
        assert board.forget_ended(10 * 86_400.0) == 2
        kept = [
            record.body["jobs"] for record in journal.read() if record.body["type"] == "arranged"
        ]
        assert kept == [ids("dc")]
