"""A process that follows another one reports all changes that the other makes in the queue."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.box.asker import UnattendedAsker
from backend.dispatch.dispatcher import Dispatcher
from backend.dispatch.runs import follow
from backend.dispatch.runs.follow import Follower, JobChanges
from backend.dispatch.runs.run_or_follow import run_or_follow
from backend.events import (
    Event,
    JobCancelled,
    JobDone,
    JobDrawnAgain,
    JobFailed,
    JobPaused,
    JobStarted,
)
from backend.results.undelivered import undelivered_jobs
from backend.store import Draw, State, Store
from tests.support.finished_jobs import Finisher
from tests.support.near_box import BOX
from tests.support.queued_jobs import ANSWER, REQUEST, new_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as opened:
        yield opened


@pytest.fixture
def other(store: Store) -> Iterator[Store]:
    """A second Store of the same file, as another process would have it."""
    with closing(Store(store.path)) as opened:
        yield opened


def test_each_change_is_news_once(store: Store, other: Store) -> None:
    changes = JobChanges(store)
    jobs = other.queue([new_job("a"), new_job("b")])
    assert [change.job for change in changes.poll()] == jobs
    assert changes.poll() == []
    other.set_state(2, State.RUNNING)
    assert [change.job.state for change in changes.poll()] == [State.RUNNING]


def test_a_job_is_queued_anew_when_somebody_queues_or_resumes_it_and_not_when_a_run_puts_it_back(
    store: Store,
) -> None:
    changes = JobChanges(store)
    number = store.queue([new_job("a")])[0].number

    def is_queued_anew() -> bool:
        return any(it.is_queued_anew for it in changes.poll() if it.job.number == number)

    assert is_queued_anew()
    store.set_state(number, State.PREPARING)
    assert not is_queued_anew()
    store.back_to_queued([number])
    assert not is_queued_anew()
    store.pause_unsent([number])
    assert not is_queued_anew()
    store.resume([number])
    assert is_queued_anew()
    store.set_state(number, State.CANCELLED)
    store.queue(store.jobs([number]))  # before anybody looks
    assert is_queued_anew()


def test_what_changed_while_the_clock_was_wrong_is_news_in_the_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_WHOLE_POLL", 3)
    changes = JobChanges(store)
    store.queue([new_job()])
    changes.poll()
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("UPDATE jobs SET state = 'failed', changed = changed - 100000")
        db.commit()
    assert changes.poll() == []
    assert [change.job.state for change in changes.poll()] == [State.FAILED]


async def test_what_another_process_does_is_told_as_events(
    store: Store, other: Store, tmp_path: Path
) -> None:
    orders = [new_job(str(n), entry=n, destination=tmp_path / "out.txt") for n in range(4)]
    jobs = other.queue(orders)
    events: list[Event] = []
    follower = Follower(store, jobs, events.append)
    assert not await follower.report_changes()
    identity = other.set_request(1, REQUEST, 9)
    other.set_state(1, State.SENT)
    other.begin_attempt(1, 2, "")
    other.set_state(2, State.FAILED, "why")
    assert not await follower.report_changes()
    other.keep_answer(identity, "local", ANSWER)
    other.finish(1, ANSWER)
    other.set_state(3, State.CANCELLED)
    other.set_state(4, State.PAUSED)
    assert await follower.report_changes()
    told = [event for event in events if isinstance(event, JobStarted | JobFailed | JobDone)]
    assert [(type(event), event.job) for event in told] == [
        (JobStarted, 1),
        (JobFailed, 2),
        (JobDone, 1),
    ]
    assert isinstance(told[0], JobStarted)
    assert told[0].attempt == 2
    assert JobCancelled(3, "dusk") in events
    assert JobPaused(4, "dusk") in events


async def test_each_answer_that_another_process_did_not_take_is_told_once_with_its_cost(
    store: Store, other: Store
) -> None:
    (job,) = other.queue([new_job(settings='{"profile": "cosmos3"}')])
    events: list[Event] = []
    follower = Follower(store, [job], events.append)

    def draw(number: int, *, again: bool) -> None:
        identity = other.set_request(1, replace(REQUEST, prompt=str(number)), 9)
        other.set_state(1, State.RUNNING)
        (now,) = other.jobs([1])
        other.note_draw(now, Draw(number, identity, f"prose {number}", 1, 1, 0.5), again=again)

    draw(1, again=True)
    assert not await follower.report_changes()
    for number in (2, 3):
        draw(number, again=True)
    draw(4, again=False)
    other.set_state(1, State.FAILED, "prose 4")
    assert await follower.report_changes()
    assert [event for event in events if not isinstance(event, JobStarted)] == [
        *(JobDrawnAgain(1, "dusk", n + 1, 5, f"prose {n}", 0.5) for n in (1, 2, 3)),
        JobFailed(1, "dusk", "prose 4", 0.5),
    ]


async def test_jobs_that_are_cancelled_and_cleared_between_two_looks_have_ended(
    store: Store, other: Store
) -> None:
    events: list[Event] = []
    follower = Follower(store, other.queue([new_job("a"), new_job("b")]), events.append)
    assert not await follower.report_changes()
    for number in (1, 2):
        other.set_state(number, State.CANCELLED)
    other.forget([1])
    assert await follower.report_changes()
    assert events == [JobCancelled(2, "dusk")]


async def test_a_batch_whose_jobs_were_all_forgotten_has_nothing_to_do(store: Store) -> None:
    jobs = store.queue([new_job()])
    store.set_state(1, State.CANCELLED)
    store.forget([1])
    await run_or_follow(
        store, jobs, print, lambda watch: Dispatcher(store, BOX, UnattendedAsker(), watch)
    )


async def test_what_a_killed_run_left_unwritten_is_written_by_one_that_only_looks_on(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "dusk.txt").write_text("dusk\n")
    jobs = Finisher(store, tmp_path / "out").finish(
        tmp_path / "dusk.txt", "A long dusk.", review=False
    )
    assert undelivered_jobs(store) == jobs
    events: list[Event] = []
    assert await Follower(store, jobs, events.append).report_changes()
    assert jobs[0].destination.read_text() == "A long dusk.\n"
    assert undelivered_jobs(store) == []
