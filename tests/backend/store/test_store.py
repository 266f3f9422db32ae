"""The queue keeps the jobs, answers and requests that it was given."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backend.store import Order, State, Store, Written, default_path
from backend.store.decision import Decision
from remote.protocol import BEYOND_NUMBERS, Answer, FrameInfo, Request, Sampling
from tests.support.queued_jobs import ANSWER, REQUEST, new_job


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "queue.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(path)) as opened:
        yield opened


# --- jobs ----------------------------------------------------------------------------------------


def test_a_queued_job_is_what_was_given(store: Store) -> None:
    given = new_job()
    (job,) = store.queue([given])
    assert (job.number, job.state, job.identity, job.attempts) == (1, State.QUEUED, None, 0)
    for field in Order.__dataclass_fields__:
        assert getattr(job, field) == getattr(given, field)


def test_jobs_come_back_in_the_order_in_which_they_were_asked_for(store: Store) -> None:
    store.queue([new_job("a"), new_job("b")])
    assert [job.key for job in store.queue([new_job("b"), new_job("c"), new_job("a")])] == list(
        "bca"
    )
    assert [job.key for job in store.jobs()] == list("abc")


STOPPED = (State.FAILED, State.CANCELLED, State.PAUSED)


@pytest.mark.parametrize("state", [state for state in State if state not in STOPPED])
def test_queueing_again_finds_the_job_as_it_stands(store: Store, state: State) -> None:
    (job,) = store.queue([new_job()])
    store.set_state(job.number, state)
    (again,) = store.queue([new_job()])
    assert (again.number, again.state) == (job.number, state)


@pytest.mark.parametrize("state", STOPPED)
def test_what_failed_or_was_cancelled_or_paused_is_queued_anew(store: Store, state: State) -> None:
    (job,) = store.queue([new_job()])
    store.set_state(job.number, state, "why")
    (again,) = store.queue([new_job()])
    assert (again.number, again.state, again.error) == (job.number, State.QUEUED, "")


def test_jobs_that_are_queued_unread_are_told_by_their_numbers(store: Store) -> None:
    (known,) = store.queue([new_job("known")])
    numbers = store.queue_unread([new_job("new"), new_job("known"), new_job("new")])
    new = next(job for job in store.jobs() if job.key == "new")
    assert numbers == [new.number, known.number, new.number]


def test_one_job_asked_for_twice_at_once_is_one_job(store: Store) -> None:
    first, second = store.queue([new_job(), new_job()])
    assert first == second


def test_of_two_jobs_for_one_place_the_one_asked_for_last_counts(store: Store) -> None:
    first, second = new_job("seed 0"), new_job("seed 1")
    for job in (first, second, first):
        store.queue([job])
    (counts,) = store.with_destination(first.destination)
    assert counts.key == "seed 0"


def test_of_each_entry_of_a_destination_the_newest_job_counts(store: Store) -> None:
    store.queue(
        [
            new_job("old", entry=1),
            new_job("other", destination=Path("/out/b.json")),
            new_job("zero", entry=0),
            new_job("new", entry=1),
        ]
    )
    found = store.with_destination(Path("/out/a.json"))
    assert [job.key for job in found] == ["zero", "new"]


def test_a_change_of_state_is_noted_with_its_time(store: Store) -> None:
    (job,) = store.queue([new_job()])
    store.set_state(job.number, State.FAILED, "the video is gone")
    (failed,) = store.jobs()
    assert (failed.state, failed.error) == (State.FAILED, "the video is gone")
    assert failed.changed >= job.changed == job.queued


def test_attempts_are_counted(store: Store) -> None:
    (job,) = store.queue([new_job()])
    store.count_attempt(job.number)
    store.count_attempt(job.number)
    assert store.jobs()[0].attempts == 2


def test_names_that_are_not_utf8_come_back_as_they_were(store: Store) -> None:
    odd = Path(os.fsdecode(b"/specs/caf\xe9.json"))
    (job,) = store.queue([new_job(file=odd, video=odd, destination=odd)])
    assert (job.file, job.video, job.destination) == (odd, odd, odd)
    assert store.with_destination(odd) == [job]
    store.note_written({odd: Written("ab", odd)})
    assert store.written(odd) == Written("ab", odd)


# --- what is left, and what is not wanted ---------------------------------------------------------


def test_what_is_unended_is_told_by_box(store: Store) -> None:
    jobs = store.queue([new_job(str(state), box=f"b{n % 2}") for n, state in enumerate(State)])
    for job, state in zip(jobs, State, strict=True):
        store.set_state(job.number, state)
    unended = [job for job in store.jobs() if not job.state.ended]
    assert len(unended) == 5
    assert store.unended() == unended
    assert store.unended("b1") == [job for job in unended if job.box == "b1"]


def due(store: Store, box: str | None = None) -> list[int]:
    return [one.job.number for one in store.due(box)]


def test_a_done_job_whose_destination_was_never_written_is_due(store: Store) -> None:
    odd = Path(os.fsdecode(b"/out/caf\xe9.json"))
    jobs = store.queue(
        [new_job(str(n), box=box, destination=to) for n, (box, to) in enumerate([
            ("a", Path("/out/1")), ("b", Path("/out/2")), ("a", Path("/out/3")), ("a", odd),
        ])]
    )  # fmt: skip
    for job in jobs[:2] + jobs[3:]:
        store.set_state(job.number, State.DONE)
    assert due(store) == [1, 2, 4]
    assert due(store, "a") == [1, 4]
    store.note_written({odd: Written("ab", odd, holds={0: ""})})
    assert due(store, "a") == [1]


def test_a_result_is_due_until_its_file_was_written_with_its_answer(store: Store) -> None:
    file = Path("/out/a.json")
    jobs = store.queue([new_job(str(n), entry=n, destination=file) for n in range(2)])
    identity = store.set_request(1, REQUEST, 9)
    for job in jobs:
        store.set_state(job.number, State.DONE)
    store.note_written({file: Written("ab", file, holds={1: ""})})
    assert due(store) == [1]
    store.note_writing({file: Written("cd", file)})
    assert due(store) == [1, 2]  # killed then, the file has the one content or the other
    store.note_written({file: Written("cd", file, holds={0: identity, 1: ""})})
    assert due(store) == []
    edited = store.note_decision(1, Decision.EDITED, "My own dusk.")
    assert due(store) == [1]
    store.remove_decisions([edited])
    store.note_decision(1, Decision.REJECTED)
    assert due(store) == []


def test_of_two_results_for_an_entry_only_the_one_wanted_last_is_due(store: Store) -> None:
    store.queue([new_job("first"), new_job("second")])
    store.set_state(1, State.DONE)
    assert due(store) == []
    store.set_state(2, State.DONE)
    assert due(store) == [2]


def test_an_accepted_candidate_is_due_in_the_file_that_all_candidates_share(store: Store) -> None:
    own, shared = Path("/out/a-1.json"), Path("/out/a.json")
    store.queue([new_job(destination=own, choice=shared)])
    store.set_state(1, State.DONE)
    assert [one.file for one in store.due()] == [own]
    store.note_decision(1, Decision.ACCEPTED)
    assert [one.file for one in store.due()] == [own, shared]
    store.note_written({own: Written("ab", own, holds={0: ""})})
    assert [one.file for one in store.due()] == [shared]


def test_of_a_file_that_an_earlier_version_wrote_it_is_not_known_what_it_holds(
    store: Store,
) -> None:
    file = Path("/out/a.json")
    store.queue([new_job(destination=file)])
    store.set_state(1, State.DONE)
    store.note_written({file: Written("ab", file)})
    assert [one.is_unknown for one in store.due()] == [True]
    store.note_holds(file, {})
    assert [one.is_unknown for one in store.due()] == [False]
    store.note_holds(file, {0: ""})
    assert due(store) == [1]  # what is known already stays


def unsettled(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [found for (found,) in db.execute("SELECT path FROM unsettled ORDER BY path")]


def test_a_file_that_lacks_nothing_is_looked_at_again_once_something_happens_to_it(
    store: Store, path: Path
) -> None:
    files = [Path(f"/out/{n}.json") for n in range(3)]
    jobs = store.queue([new_job(str(n), destination=file) for n, file in enumerate(files)])
    for job in jobs:
        store.set_state(job.number, State.DONE)
    for file in files[:2]:
        store.note_written({file: Written("ab", file, holds={0: ""})})
    assert unsettled(path) == [str(file) for file in files]
    assert due(store) == [3]
    assert unsettled(path) == [str(files[2])]
    store.note_decision(1, Decision.EDITED, "My own dusk.")
    assert unsettled(path) == [str(files[0]), str(files[2])]
    assert due(store) == [1, 3]


def test_what_happens_while_files_are_looked_at_is_found_the_next_time(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path("/out/a.json")
    store.queue([new_job(destination=file)])
    store.set_state(1, State.DONE)
    store.note_written({file: Written("ab", file, holds={0: ""})})
    settle = store._settle

    def decide_first(marks: Collection[int]) -> None:
        with closing(Store(path)) as other:
            other.note_decision(1, Decision.EDITED, "My own dusk.")
        settle(marks)

    with monkeypatch.context() as patch:
        patch.setattr(store, "_settle", decide_first)
        assert due(store) == []
    assert due(store) == [1]


def test_a_request_to_cancel_stays_until_the_job_has_ended(store: Store, path: Path) -> None:
    first, second, ended = store.queue([new_job(key) for key in "abc"])
    store.set_state(ended.number, State.DONE)
    store.ask_to_cancel([first.number, second.number, ended.number, 99])
    store.set_state(first.number, State.RUNNING)
    with closing(Store(path)) as another:
        assert [job.number for job in another.asked_to_cancel()] == [first.number, second.number]
        another.set_state(first.number, State.CANCELLED)
    assert [job.number for job in store.asked_to_cancel()] == [second.number]


def test_asking_for_a_job_again_takes_the_request_back(store: Store) -> None:
    (job,) = store.queue([new_job()])
    store.set_state(job.number, State.SENT)
    store.ask_to_cancel([job.number])
    (again,) = store.queue([new_job()])
    assert (again.number, again.state) == (job.number, State.QUEUED)
    assert store.asked_to_cancel() == []


@pytest.mark.parametrize("progress", [State.PREPARING, State.SENT, State.RUNNING])
def test_what_has_ended_makes_no_progress(store: Store, progress: State) -> None:
    (job,) = store.queue([new_job()])
    store.set_state(job.number, State.CANCELLED)
    store.set_state(job.number, progress)
    assert store.jobs()[0].state is State.CANCELLED


def test_only_what_has_ended_is_forgotten_and_its_answer_stays(store: Store) -> None:
    done, queued = store.queue([new_job("a"), new_job("b")])
    identity = store.set_request(done.number, REQUEST, 9)
    store.keep_answer(identity, "local", ANSWER)
    store.set_state(done.number, State.DONE)
    store.forget([done.number, queued.number])
    assert store.jobs() == [queued]
    assert store.answer(identity, "local") == ANSWER


# --- requests and answers ------------------------------------------------------------------------


def test_a_request_comes_back_and_gives_the_job_its_identity(store: Store) -> None:
    (job,) = store.queue([new_job()])
    with pytest.raises(KeyError):
        store.request(job.number)
    identity = store.set_request(job.number, REQUEST, 2479)
    assert identity == REQUEST.job_id() == store.jobs()[0].identity
    assert store.jobs()[0].estimate == 2479
    assert store.request(job.number) == REQUEST


def test_the_first_answer_is_kept(store: Store) -> None:
    assert store.answer("x", "local") is None
    store.keep_answer("x", "local", ANSWER)
    store.keep_answer("x", "local", replace(ANSWER, text="Another one."))
    assert store.answer("x", "local") == ANSWER


# As they come over the wire, see remote.protocol.typed_json.
floats = st.floats(-(2.0**62), 2.0**62)
integers = st.integers(1 - BEYOND_NUMBERS, BEYOND_NUMBERS - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]))

few = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Each example waits for the disk."""


@few
@given(
    answer=st.builds(
        Answer,
        text=texts,
        finish_reason=texts,
        engine=texts,
        prompt_tokens=st.none() | integers,
        completion_tokens=st.none() | integers,
        runner=texts,
        notice=texts,
        attempt=integers,
        started=floats,
        ended=floats,
    )
)
@example(replace(ANSWER, engine="\0"))
def test_any_answer_comes_back_as_it_was(store: Store, answer: Answer) -> None:
    identity = secrets.token_hex(8)
    store.keep_answer(identity, "local", answer)
    assert store.answer(identity, "local") == answer


@few
@given(
    request=st.builds(
        Request,
        profile=texts,
        model=texts,
        system=texts,
        prompt=texts,
        frames=st.lists(st.builds(FrameInfo, texts, integers, integers, floats)).map(tuple),
        sampling=st.builds(Sampling, st.floats(0, 2), integers, integers),
        candidate=integers,
    )
)
def test_any_request_comes_back_with_the_same_identity(store: Store, request: Request) -> None:
    (job,) = store.queue([new_job()])
    store.set_request(job.number, request, 0)
    assert store.request(job.number).job_id() == request.job_id()


def test_what_was_seen_of_a_journal_is_kept_by_box(store: Store) -> None:
    assert store.seen("h100") == ("", -1)
    store.note_seen("h100", "j1", 5)
    store.note_seen("h100", "j2", 0)
    store.note_seen("local", "j3", 9)
    assert (store.seen("h100"), store.seen("local")) == (("j2", 0), ("j3", 9))


def test_what_was_written_last_is_known(store: Store) -> None:
    file = Path("/out/a.json")
    assert store.written(file) is None
    store.note_written({file: Written("aa", Path("/specs/a.json"))})
    store.note_written({file: Written("bb", Path("/specs/b.json"))})
    assert store.written(file) == Written("bb", Path("/specs/b.json"))


# --- the file ------------------------------------------------------------------------------------


def test_everything_survives_reopening(path: Path) -> None:
    with closing(Store(path)) as store:
        (job,) = store.queue([new_job()])
        identity = store.set_request(job.number, REQUEST, 9)
        store.set_state(job.number, State.SENT)
        store.keep_answer(identity, "local", ANSWER)
        store.note_seen("local", "j", 3)
        before = store.jobs()
    with closing(Store(path)) as store:
        assert store.jobs() == before
        assert store.request(job.number) == REQUEST
        assert store.answer(identity, "local") == ANSWER
        assert store.seen("local") == ("j", 3)


def test_the_queue_is_kept_in_the_users_data_folder(own_home: Path) -> None:
    assert default_path().is_relative_to(own_home)


# --- sharing -------------------------------------------------------------------------------------


def test_threads_can_share_it(store: Store) -> None:
    def work(thread: int) -> None:
        for number in range(5):
            (job,) = store.queue([new_job(f"{thread} {number}"), new_job("shared")][:1])
            store.count_attempt(job.number)
            store.set_state(job.number, State.DONE)
            store.keep_answer(f"{thread} {number}", "local", ANSWER)
            store.jobs()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    jobs = store.jobs()
    assert len(jobs) == 40
    assert {(job.state, job.attempts) for job in jobs} == {(State.DONE, 1)}


def test_several_may_open_a_new_queue_at_once(path: Path) -> None:
    def work(number: int) -> None:
        with closing(Store(path)) as store:
            store.queue([new_job(str(number))])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    with closing(Store(path)) as store:
        assert len(store.jobs()) == 8


def test_a_batch_is_queued_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(sqlite3.Error):
        store.queue([new_job("good"), new_job("bad", entry={})])
    assert store.jobs() == []


def test_how_far_a_journal_was_followed_never_goes_back(store: Store) -> None:
    store.note_seen("box", "journal", 7)
    store.note_seen("box", "journal", 3)
    assert store.seen("box") == ("journal", 7)
    store.note_seen("box", "another", -1)
    assert store.seen("box") == ("another", -1)


def test_with_another_journal_all_that_was_sent_waits_again(tmp_path: Path) -> None:
    """In one step: whoever is killed after it would wait for what the box has never heard of."""
    path = tmp_path / "queue.db"
    with closing(Store(path)) as store:
        jobs = store.queue([new_job(name) for name in "abcde"])
        store.note_seen("local", "before", 7)
        states = (State.SENT, State.RUNNING, State.DONE, State.PREPARING, State.QUEUED)
        for job, state in zip(jobs, states, strict=True):
            store.set_state(job.number, state)
        store.begin_journal("local", "after")
        left = [State.QUEUED, State.QUEUED, State.DONE, State.PREPARING, State.QUEUED]
        assert [job.state for job in store.jobs()] == left
        assert store.seen("local") == ("after", -1)


def test_with_another_journal_of_one_box_the_others_go_on(store: Store) -> None:
    (job,) = store.queue([new_job("a")])
    store.set_state(job.number, State.SENT)
    store.begin_journal("another box", "after")
    assert [job.state for job in store.jobs()] == [State.SENT]


# --- what waits ----------------------------------------------------------------------------------


def test_a_paused_job_is_not_to_be_done_until_it_is_to_be_cancelled(store: Store) -> None:
    first, second = store.queue([new_job("a"), new_job("b")])
    store.set_state(first.number, State.PAUSED)
    assert store.to_do() == [second]
    store.ask_to_cancel([first.number])
    assert [job.number for job in store.to_do()] == [1, 2]
    assert store.numbers_to_do("local") == [1, 2]


def test_a_paused_job_makes_no_progress(store: Store) -> None:
    (job,) = store.queue([new_job()])
    store.set_state(job.number, State.PAUSED)
    store.set_state(job.number, State.PREPARING)
    assert store.jobs()[0].state is State.PAUSED


def test_jobs_wait_in_the_order_of_their_places(store: Store) -> None:
    store.queue([new_job(key) for key in "abc"])
    store.set_places({3: 0.5})
    assert [job.key for job in store.to_do()] == ["c", "a", "b"]


def test_what_is_queued_again_waits_at_the_end(store: Store) -> None:
    first, _ = store.queue([new_job("a"), new_job("b")])
    store.set_state(first.number, State.FAILED, "why")
    store.queue([new_job("a")])
    assert [job.key for job in store.to_do()] == ["b", "a"]


def test_the_leave_to_replace_files_is_kept(store: Store) -> None:
    store.queue([new_job("a")])
    assert not store.jobs()[0].force
    (again,) = store.queue([new_job("a", force=True)])
    assert again.force
    assert store.queue([new_job("a")])[0].force


def test_only_jobs_that_no_box_has_are_paused_and_every_request_is_answered(store: Store) -> None:
    states = [State.QUEUED, State.PREPARING, State.SENT, State.RUNNING, State.PAUSED, State.DONE]
    jobs = store.queue([new_job(f"key {n}") for n in range(len(states))])
    for job, state in zip(jobs, states, strict=True):
        store.set_state(job.number, state)
    numbers = [job.number for job in jobs]
    store.ask_to_pause(numbers)

    paused = store.pause_unsent(numbers)

    assert [job.number for job in paused] == numbers[:2]
    assert [job.state for job in store.jobs(numbers)] == [State.PAUSED] * 2 + states[2:]
    assert store.asked_to_pause() == []
