"""The queues of several apps take turns, and each keeps its own order."""

from __future__ import annotations

import time
import tracemalloc

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from remote.jobs.turns import Turns


def turns_of(**queues: str) -> Turns:
    """One job for each letter, by its queue; one queue after the other."""
    turns = Turns()
    for app, jobs in queues.items():
        for job in jobs:
            turns.add(job, app)
    return turns


def rest(turns: Turns) -> str:
    """The jobs in the order in which they start."""
    order = ""
    while (job := turns.choose()) is not None:
        turns.take(job)
        order += job
    return order


def test_one_queue_is_first_in_first_out() -> None:
    assert rest(turns_of(x="badc")) == "badc"


def test_queues_take_turns_until_one_is_empty() -> None:
    assert rest(turns_of(x="abcdef", y="uv", z="s")) == "ausbvcdef"


def test_a_queue_that_comes_late_does_not_wait_for_a_long_one() -> None:
    turns = turns_of(x="abcdef")
    turns.take("a")
    turns.add("u", "y")
    assert rest(turns) == "bucdef"


def test_a_queue_that_brings_one_job_at_a_time_gets_every_other_turn() -> None:
    turns, order, more = turns_of(x="abcdef", y="u"), "", ["v", "w"]
    while (job := turns.choose()) is not None:
        turns.take(job)
        order += job
        if job in "uv":
            turns.add(more.pop(0), "y")
    assert order == "aubvcwdef"


def test_a_job_that_comes_first_is_the_first_of_its_own_queue() -> None:
    turns = turns_of(x="abc", y="uvw")
    turns.take("a")
    turns.add_first("a", "x")
    assert rest(turns) == "uavbwc"


def test_a_job_that_leaves_takes_no_turn() -> None:
    turns = turns_of(x="abc", y="u")
    turns.remove("a")
    turns.remove("a")
    assert rest(turns) == "buc"


def test_jobs_change_places_among_themselves() -> None:
    turns = turns_of(x="abcdef")
    turns.arrange(["e", "c", "a", "nobody", "e"])
    assert rest(turns) == "ebcdaf"


def test_an_order_over_several_queues_holds_within_each() -> None:
    turns = turns_of(x="abc", y="uv")
    turns.arrange(["v", "c", "u", "a"])
    assert rest(turns) == "cvbua"


def test_only_jobs_that_change_places_are_moved() -> None:
    turns = turns_of(x="abcdef", y="uv")
    assert turns.moved(["a", "c", "b", "u", "v", "f", "nobody"]) == ["c", "b"]
    assert turns.moved(["a", "b", "u"]) == []


def test_jobs_that_have_tried_in_vain_come_after_all_others() -> None:
    turns = turns_of(x="abc", y="u")
    assert turns.choose({"a", "u"}) == "b"
    assert turns.choose({"a", "b", "c"}) == "u"
    assert turns.choose({"a", "b", "c", "u"}) == "a"
    assert rest(turns) == "aubc"


def test_jobs_that_are_arranged_for_ever_take_no_more_memory() -> None:
    turns = turns_of(x="abcdef")
    tracemalloc.start()
    try:
        for _ in range(10_000):
            turns.arrange("fedcba")
            turns.arrange("abcdef")
        assert tracemalloc.get_traced_memory()[0] < 50_000
    finally:
        tracemalloc.stop()
    assert rest(turns) == "abcdef"


def test_fifty_thousand_jobs_cost_no_more_each_than_a_few() -> None:
    """By a factor that no scan of all of them could keep."""

    def seconds_for(count: int) -> float:
        turns = Turns()
        began = time.process_time()
        for number in range(count):
            turns.add(str(number), f"app {number % 3}")
        for number in range(0, count, 100):
            turns.arrange([str(number + 9), str(number)])
        while (job := turns.choose()) is not None:
            turns.take(job)
            if int(job) % 10 == 3 and len(turns) > count // 2:
                turns.add_first(job + "0", "app 1")
        return time.process_time() - began

    assert seconds_for(50_000) < 50 * seconds_for(5_000) + 1.0


JOBS = st.sampled_from("abcdefghij")
APPS = st.sampled_from("xyz")


class TurnsAgainstLists(RuleBasedStateMachine):
    """Turns as a list of queues, each a list of jobs, would take them."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns()
        self.ring: list[tuple[str, list[str]]] = []

    def queue(self, app: str) -> list[str]:
        for name, jobs in self.ring:
            if name == app:
                return jobs
        self.ring.append((app, []))
        return self.ring[-1][1]

    def drop(self, job: str) -> None:
        for _, jobs in self.ring:
            if job in jobs:
                jobs.remove(job)
        self.ring = [queue for queue in self.ring if queue[1]]

    @rule(job=JOBS, app=APPS, first=st.booleans())
    def add(self, job: str, app: str, first: bool) -> None:
        if job in self.turns:
            return
        (self.turns.add_first if first else self.turns.add)(job, app)
        self.queue(app).insert(0 if first else len(self.queue(app)), job)

    @rule(job=JOBS)
    def take(self, job: str) -> None:
        if job not in self.turns:
            return
        self.turns.take(job)
        (queue,) = [queue for queue in self.ring if job in queue[1]]
        self.ring.remove(queue)
        self.ring.append(queue)
        self.drop(job)

    @rule(job=JOBS)
    def remove(self, job: str) -> None:
        self.turns.remove(job)
        self.drop(job)

    @rule(jobs=st.lists(JOBS, unique=True))
    def arrange(self, jobs: list[str]) -> None:
        self.turns.arrange(self.turns.moved(jobs))
        for _, queue in self.ring:
            places = [at for at, job in enumerate(queue) if job in jobs]
            for at, job in zip(places, [job for job in jobs if job in queue], strict=True):
                queue[at] = job

    @rule(last=st.frozensets(JOBS))
    def prefer(self, last: frozenset[str]) -> None:
        order = [job for _, jobs in self.ring for job in jobs]
        others = [job for job in order if job not in last]
        assert self.turns.choose(last) == next(iter(others + order), None)

    @invariant()
    def has_the_same_next_job(self) -> None:
        assert self.turns.choose() == (self.ring[0][1][0] if self.ring else None)
        assert sorted(self.turns) == sorted(job for _, jobs in self.ring for job in jobs)
        assert len(self.turns) == sum(len(jobs) for _, jobs in self.ring)


TurnsAgainstLists.TestCase.settings = settings(max_examples=200, stateful_step_count=40)
test_turns_are_those_of_lists = TurnsAgainstLists.TestCase
