"""The queue stores each attempt at a job, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.store import Attempt, State, Store
from tests.support.queued_jobs import ANSWER, new_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as opened:
        opened.queue([new_job()])
        opened.set_state(1, State.SENT)
        yield opened


def told(attempts: list[Attempt]) -> list[tuple[int, str, str]]:
    return [(one.number, one.outcome, one.error) for one in attempts]


def test_an_attempt_goes_on_until_its_job_ends(store: Store) -> None:
    store.begin_attempt(1, 1, "")
    (attempt,) = store.attempts([1])[1]
    assert (attempt.number, attempt.ended, attempt.outcome) == (1, None, "")
    store.set_state(1, State.FAILED, "it broke")
    (attempt,) = store.attempts([1])[1]
    assert (attempt.outcome, attempt.error) == ("failed", "it broke")
    assert attempt.ended is not None
    assert attempt.ended >= attempt.began


def test_the_next_attempt_says_why_the_one_before_ended(store: Store) -> None:
    store.begin_attempt(1, 1, "")
    store.begin_attempt(1, 2, "CUDA error")
    store.finish(1, replace(ANSWER, attempt=2))
    assert told(store.attempts([1])[1]) == [(1, "again", "CUDA error"), (2, "done", "")]


def test_an_attempt_that_is_told_twice_is_one(store: Store) -> None:
    store.begin_attempt(1, 1, "")
    store.begin_attempt(1, 1, "")
    assert len(store.attempts([1])[1]) == 1


def test_an_answer_to_an_attempt_that_nobody_heard_begin_makes_it_known(store: Store) -> None:
    store.finish(1, replace(ANSWER, attempt=2))
    (attempt,) = store.attempts([1])[1]
    assert (attempt.number, attempt.outcome) == (2, "done")
    assert attempt.ended is not None
    assert attempt.ended - attempt.began >= ANSWER.ended - ANSWER.started


def test_a_job_that_is_answered_without_being_sent_was_never_tried(store: Store) -> None:
    store.queue([new_job("another")])
    store.set_state(2, State.PREPARING)
    store.finish(2, ANSWER)
    assert store.attempts([2]) == {}


def test_the_attempts_of_a_job_go_with_it(store: Store) -> None:
    store.begin_attempt(1, 1, "")
    store.finish(1, ANSWER)
    store.forget([1])
    assert store.attempts([1]) == {}


def test_only_the_newest_attempts_of_a_job_are_kept_however_many_a_box_tells_of(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.store.attempts.MOST_ATTEMPTS", 3)
    store.queue([new_job("another")])
    store.begin_attempt(2, 1, "")
    for number in range(1, 10):
        store.begin_attempt(1, number, "it broke")
    assert [number for number, _, _ in told(store.attempts([1])[1])] == [7, 8, 9]
    assert len(store.attempts([2])[2]) == 1
