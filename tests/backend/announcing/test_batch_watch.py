"""Which sentence a batch is worth, and when."""

from __future__ import annotations

from backend.announcing import BatchWatch
from backend.events import JobCancelled, JobDone, JobFailed, JobSent, LinkChanged, LinkState

CLOSED = LinkChanged("h100", LinkState.CLOSED, "")


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def done(job: int) -> JobDone:
    return JobDone(job, "dusk", "Warm dusk.", "stop", "vllm", 1.0, None, None)


def test_a_long_batch_is_over_when_nothing_is_under_way_and_the_link_closes() -> None:
    clock = Clock()
    watch = BatchWatch(30, clock)
    said = [watch.hear(event) for event in (JobSent(1, "a"), JobSent(2, "b"), done(1))]
    clock.now = 31.0
    said += [watch.hear(CLOSED)]  # that of another box
    said += [watch.hear(event) for event in (JobFailed(2, "b", "the engine died"), CLOSED, CLOSED)]
    assert said == ["", "", "", "", "", "Over: 1 done, 1 failed", ""]


def test_a_short_batch_is_over_without_a_word_and_the_next_is_counted_anew() -> None:
    clock = Clock()
    watch = BatchWatch(30, clock)
    assert [watch.hear(event) for event in (JobSent(1, "a"), done(1), CLOSED)] == ["", "", ""]
    watch.hear(JobSent(2, "b"))
    clock.now = 40.0
    watch.hear(JobCancelled(2, "b"))
    assert watch.hear(CLOSED) == "Over: 1 cancelled"


def test_a_box_that_needs_the_user_is_told_at_once() -> None:
    watch = BatchWatch(30, Clock())
    refused = LinkChanged("h100", LinkState.STOPPED, "the host key has changed\nRemove it.")
    assert watch.hear(refused) == "h100 has stopped: the host key has changed"
    asks = LinkChanged("h100", LinkState.WAITING, "password of ada?")
    assert watch.hear(asks) == "h100 waits for your answer: password of ada?"


def test_what_stopped_a_batch_is_its_end() -> None:
    clock = Clock()
    watch = BatchWatch(30, clock)
    watch.hear(JobSent(1, "a"))
    clock.now = 60.0
    assert watch.end("the disk is full") == "Stopped: the disk is full"
    assert watch.end() == ""
