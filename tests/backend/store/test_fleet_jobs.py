"""A job of a fleet belongs to no box until one takes it, and then to that one alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.store import State, Store
from tests.support.queued_jobs import ANSWER, REQUEST, new_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "queue.db")) as opened:
        yield opened


def queue(store: Store, *keys: str, fleet: str = "h100,a100") -> list[int]:
    box = fleet.split(",")[0]
    return [job.number for job in store.queue([new_job(key, box=box, fleet=fleet) for key in keys])]


def untaken(store: Store) -> list[int]:
    return [number for number, _, _ in store.untaken()]


def test_of_two_processes_that_take_one_job_one_gets_it(store: Store) -> None:
    (number,) = queue(store, "a")
    with closing(Store(store.path)) as other:
        assert untaken(store) == untaken(other) == [number]
        (job,) = store.take("a100", [number])
        assert other.take("h100", [number]) == []
    assert (job.box, job.state, job.boxes) == ("a100", State.PREPARING, ("a100",))
    assert untaken(store) == []


def test_a_box_takes_only_jobs_of_its_fleets(store: Store) -> None:
    (of_fleet,) = queue(store, "a", fleet="h100,a100")
    (of_box,) = [job.number for job in store.queue([new_job("b", box="b")])]
    assert store.take("a10", [of_fleet, of_box]) == []
    assert store.take("b", [of_box]) == []
    assert [job.number for job in store.take("h100", [of_fleet])] == [of_fleet]


def test_untaken_jobs_are_the_work_of_each_box_and_in_the_run_of_none(store: Store) -> None:
    first, second = queue(store, "a", "b")
    assert store.boxes_with_work() == ["a100", "h100"]
    assert store.to_do("h100") == store.to_do("a100") == []
    assert [job.number for job in store.to_do()] == [first, second]
    store.take("a100", [first])
    assert [job.number for job in store.to_do("a100")] == [first]
    store.take("a100", [second])
    assert store.boxes_with_work() == ["a100"]


def test_no_box_takes_what_is_to_be_cancelled_or_paused(store: Store) -> None:
    first, second, third = queue(store, "a", "b", "c")
    store.ask_to_cancel([first])
    store.ask_to_pause([second])
    assert untaken(store) == [third]
    assert [job.number for job in store.take("h100", [first, second, third])] == [third]


def test_a_job_that_was_sent_stays_with_its_box_when_a_run_ends(store: Store) -> None:
    sent, unsent = queue(store, "a", "b")
    store.take("a100", [sent, unsent])
    store.count_attempt(sent)
    store.back_to_queued([sent, unsent])
    assert untaken(store) == [unsent]
    assert [job.number for job in store.to_do("a100")] == [sent]


def test_after_a_kill_any_box_may_take_what_was_never_sent(store: Store) -> None:
    sent, unsent = queue(store, "a", "b")
    store.take("a100", [sent, unsent])
    store.count_attempt(sent)
    store.give_back_unsent()
    assert untaken(store) == [unsent]


def test_a_failed_job_of_a_fleet_is_anybodys_when_it_is_queued_again(store: Store) -> None:
    (number,) = queue(store, "a")
    store.take("a100", [number])
    store.set_state(number, State.FAILED, "no")
    queue(store, "a")
    assert untaken(store) == [number]


def test_the_box_that_answered_is_the_jobs_box(store: Store) -> None:
    (number,) = queue(store, "a")
    store.take("a100", [number])
    identity = store.set_request(number, REQUEST, 10)
    store.set_state(number, State.SENT)
    store.keep_answer(identity, "a100", ANSWER)
    store.finish(number, ANSWER)
    (job,) = store.jobs([number])
    assert (job.box, job.boxes, job.state) == ("a100", ("a100",), State.DONE)
