"""How long the queue page says that the rest will take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.events import JobDone, JobStarted
from backend.store import State
from tests.tui.made_up_jobs import made_job
from tui.queue.listing import seconds_left
from tui.state.live import Live


def done(number: int, seconds: float, engine: str = "vllm 0.32.0") -> JobDone:
    return JobDone(number, "dusk", "A long dusk.", "stop", engine, seconds, None, None)


@pytest.fixture
def live() -> Live:
    """Six jobs of one box, and four of another."""
    live = Live()
    live.take_up(made_job(number) for number in range(1, 7))
    live.take_up(made_job(number, box="a100") for number in range(7, 11))
    return live


def test_without_an_answer_it_is_unknown(live: Live) -> None:
    assert seconds_left(live) is None
    live.hear(done(1, 10.0))
    assert seconds_left(live) is None  # of the other box, nothing is known


def test_each_box_has_its_own_pace_and_the_slower_one_counts(live: Live) -> None:
    live.hear(done(1, 10.0))
    live.hear(done(7, 60.0))
    assert seconds_left(live) == 3 * 60.0
    live.hear(JobStarted(8, "dusk", 1))
    live.hear(JobStarted(9, "dusk", 1))
    assert seconds_left(live) == 3 * 60.0 / 2


def test_the_answers_of_another_engine_say_nothing(live: Live) -> None:
    for number in range(7, 11):
        live.hear(done(number, 1.0))
    live.hear(done(1, 0.2, "sketch 1"))
    live.hear(done(2, 100.0))
    assert seconds_left(live) == 4 * 100.0


def test_boxes_that_share_a_batch_divide_what_is_left() -> None:
    live = Live()
    live.take_up([made_job(1, State.RUNNING), made_job(2, State.RUNNING, box="a100")])
    live.take_up(replace(made_job(number), fleet="h100,a100") for number in range(3, 11))
    live.hear(done(1, 10.0))
    live.hear(done(2, 30.0))
    live.hear(JobStarted(3, "dusk", 1))
    live.take_up([replace(made_job(4, State.RUNNING, box="a100"), fleet="h100,a100")])
    # Eight are left; one box does one in 10 s, the other one in 30 s.
    assert seconds_left(live) == pytest.approx(8 / (1 / 10 + 1 / 30))
