"""A job of a fleet belongs to no box until one takes it, and then to that one alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
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
    assert store.numbers_to_do("a100") == [first]
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


# --- another box ---------------------------------------------------------------------------------


def sent(store: Store, box: str = "h100") -> int:
    """A job that this box has accepted."""
    (number,) = queue(store, "a")
    store.take(box, [number])
    store.set_request(number, REQUEST, 10)
    store.count_attempt(number)
    store.set_state(number, State.SENT)
    return number


def test_a_job_that_is_given_to_another_box_is_its_own_and_may_be_answered_by_both(
    store: Store,
) -> None:
    number = sent(store)
    (before,) = store.reassign([number], "a100")
    assert (before.box, before.state) == ("h100", State.SENT)
    (job,) = store.to_do("a100")
    assert (job.number, job.state, job.fleet, job.identity) == (number, State.QUEUED, "", None)
    assert store.to_do("h100") == []
    assert store.left_behind("h100") == [(REQUEST.job_id(), number)]


def test_what_was_never_sent_is_only_let_go_of(store: Store) -> None:
    untaken, taken = queue(store, "a", "b")
    store.take("h100", [taken])
    assert [job.number for job in store.reassign([untaken, taken], "a100")] == [untaken, taken]
    assert store.left_behind("h100") == [("", taken)]


def test_ended_jobs_and_those_of_the_box_itself_stay_as_they_are(store: Store) -> None:
    ended, own = queue(store, "a", "b")
    store.take("a100", [ended, own])
    store.set_state(ended, State.FAILED, "no")
    assert store.reassign([ended, own], "a100") == []
    assert store.reassign([ended], "h100") == []


def test_a_paused_job_stays_paused(store: Store) -> None:
    (number,) = queue(store, "a")
    store.set_state(number, State.PAUSED)
    store.reassign([number], "a100")
    (job,) = store.jobs([number])
    assert (job.box, job.state) == ("a100", State.PAUSED)


def test_the_first_answer_counts_whichever_box_gives_it(store: Store) -> None:
    number = sent(store)
    store.reassign([number], "a100")
    other = replace(REQUEST, engine="another build")
    store.set_request(number, other, 10)
    identity = REQUEST.job_id()
    store.keep_answer(identity, "h100", ANSWER)
    assert store.finish(number, ANSWER, "h100", identity)
    (job,) = store.jobs([number])
    assert (job.box, job.identity, job.state) == ("h100", identity, State.DONE)
    assert store.request(number) == REQUEST
    assert not store.finish(number, ANSWER, "a100", other.job_id())

    store.keep_answer(other.job_id(), "a100", ANSWER)
    kept = store.keep_second_answer(number, "a100", other.job_id())
    assert kept is not None
    assert kept == store.keep_second_answer(number, "a100", other.job_id())
    (candidate,) = store.jobs([kept])
    assert (candidate.box, candidate.state, candidate.held) == ("a100", State.DONE, True)
    assert store.request(kept) == other
    assert [job.number for job in store.with_destination(candidate.destination)] == [number]


def test_an_answer_that_counts_already_is_no_second_one(store: Store) -> None:
    number = sent(store)
    identity = REQUEST.job_id()
    store.finish(number, ANSWER, "h100", identity)
    assert store.finish(number, ANSWER, "h100", identity)
    assert store.keep_second_answer(number, "h100", identity) is None
