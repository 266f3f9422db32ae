"""What the app makes of the events that it hears."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.events import (
    BoxStatus,
    EngineStarting,
    HandedOver,
    HandingOver,
    JobDone,
    JobFailed,
    JobStarted,
    JobTaken,
    LinkChanged,
    LinkState,
    TextWritten,
)
from backend.store import Job, State
from tui.queue.job_states import shown, waits_for_model
from tui.state.live import Live, LiveJob


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(clock: Clock) -> Live:
    live = Live(clock)
    live.take_up([make_job(7)])
    return live


def make_job(number: int) -> Job:
    return Job(
        key=f"key{number}", box="h100", file=Path("a.json"), entry=0, name=f"job {number}",
        prompt="dusk", video=None, candidate=0, seed=0, settings="{}", destination=Path("out/a.json"),
        number=number, state=State.QUEUED, identity=None, estimate=0, error="", attempts=0,
        queued=0.0, changed=0.0,
    )  # fmt: skip


def the(live: Live) -> LiveJob:
    return live.jobs[7]


def test_text_grows_as_it_is_written(live: Live) -> None:
    live.hear(JobStarted(7, "job 7", 1))
    for offset, text in ((0, "A warm "), (7, "dusk")):
        live.hear(TextWritten(7, offset, text))
    assert the(live).text == "A warm dusk"
    assert the(live).state is State.RUNNING


def test_text_that_comes_twice_stands_once(live: Live) -> None:
    for offset, text in ((0, "A warm "), (7, "dusk"), (2, "warm dusk")):
        live.hear(TextWritten(7, offset, text))
    assert the(live).text == "A warm dusk"


def test_another_attempt_begins_with_no_text(live: Live) -> None:
    live.hear(JobStarted(7, "job 7", 1))
    live.hear(TextWritten(7, 0, "half of it"))
    live.hear(JobStarted(7, "job 7", 2))
    assert (the(live).text, the(live).attempt) == ("", 2)


def test_the_rate_counts_from_the_first_text_to_the_end(live: Live, clock: Clock) -> None:
    live.hear(JobStarted(7, "job 7", 1))
    for n in range(11):
        clock.now += 0.5
        live.hear(TextWritten(7, n, "x"))
    live.hear(JobDone(7, "job 7", "x" * 11, "stop", "sketch 1", 5.5, 10, 11))
    clock.now += 100
    assert the(live).rate(clock.now) == 2.0
    assert the(live).elapsed(clock.now) == 5.5


def test_a_failed_job_says_why(live: Live) -> None:
    live.hear(JobFailed(7, "job 7", "no such video"))
    assert (the(live).state, the(live).error) == (State.FAILED, "no such video")


def test_jobs_of_another_session_change_nothing(live: Live) -> None:
    live.hear(TextWritten(8, 0, "who?"))
    assert list(live.jobs) == [7]


def test_a_box_that_is_tried_again_says_when(live: Live) -> None:
    live.hear(LinkChanged("h100", LinkState.RETRYING, "no route", 4.0))
    assert live.box("h100").retry_at == 104.0
    assert live.box("h100").seconds(101.0) == 3.0


def test_a_box_that_falls_silent_says_for_how_long_and_keeps_its_stage(live: Live) -> None:
    live.hear(EngineStarting("h100", "compiling"))
    live.hear(LinkChanged("h100", LinkState.STALE, "", silent_for=12.0))
    assert live.box("h100").seconds(101.0) == 13.0
    assert live.box("h100").stage == "compiling"
    live.hear(LinkChanged("h100", LinkState.LIVE, "vllm 0.32.0"))
    assert live.box("h100").seconds(101.0) is None


def test_of_a_box_where_all_is_done_it_is_not_said_that_jobs_run(live: Live) -> None:
    live.hear(LinkChanged("h100", LinkState.LIVE, "vllm 0.32.0"))
    live.hear(BoxStatus("h100", 0.0, "ready", 2, 4, None, ()))
    live.hear(LinkChanged("h100", LinkState.CLOSED, ""))
    assert live.box("h100").status is None


def test_a_box_that_is_live_is_not_tried_again(live: Live) -> None:
    live.hear(LinkChanged("h100", LinkState.RETRYING, "no route", 4.0))
    live.hear(LinkChanged("h100", LinkState.LIVE, "vllm 0.32.0"))
    assert live.box("h100").retry_at is None
    assert live.box("h100").detail == "vllm 0.32.0"


def test_the_engines_stage_is_known(live: Live) -> None:
    live.hear(EngineStarting("h100", "loading weights"))
    assert live.boxes["h100"].stage == "loading weights"


def test_another_start_of_the_engine_begins_its_stages_anew(live: Live, clock: Clock) -> None:
    for stage in ("starting", "loading weights", "starting"):
        clock.now += 1
        live.hear(EngineStarting("h100", stage))
    assert live.boxes["h100"].stages == {"starting": 103.0}


def test_a_link_that_breaks_leaves_the_stage_unknown(live: Live) -> None:
    live.hear(EngineStarting("h100", "compiling"))
    live.hear(LinkChanged("h100", LinkState.RETRYING, "no route", 4.0))
    assert (live.boxes["h100"].stage, live.boxes["h100"].stages) == ("", {})


def test_a_changed_place_keeps_what_was_heard(live: Live) -> None:
    live.hear(JobStarted(7, "job 7", 1))
    live.hear(TextWritten(7, 0, "dusk"))
    live.note_changed([make_job(7)])
    assert (the(live).text, the(live).state) == ("dusk", State.QUEUED)


# --- what other processes did --------------------------------------------------------------------


@pytest.mark.parametrize("are_told", [True, False])
def test_jobs_that_others_queued_are_there(live: Live, are_told: bool) -> None:
    ended = replace(make_job(9), state=State.DONE)
    live.learn([make_job(8), ended], are_told=are_told)
    assert sorted(live.jobs) == [7, 8]


def test_without_events_jobs_stand_as_the_queue_says(live: Live) -> None:
    live.learn([replace(make_job(7), state=State.FAILED, error="why")], are_told=False)
    assert (the(live).state, the(live).error) == (State.FAILED, "why")


def test_what_events_told_is_newer_than_what_the_queue_said(live: Live) -> None:
    live.hear(JobDone(7, "job 7", "x", "stop", "sketch 1", 5.5, 10, 11))
    live.learn([replace(make_job(7), state=State.RUNNING)], are_told=True)
    assert the(live).state is State.DONE


@pytest.mark.parametrize("state", [State.PAUSED, State.FAILED, State.CANCELLED])
def test_what_others_let_go_on_waits_again(live: Live, state: State) -> None:
    live.note_changed([replace(make_job(7), state=state, error="why")])
    live.learn([make_job(7)], are_told=True)
    assert (the(live).state, the(live).error) == (State.QUEUED, "")


def test_how_far_jobs_are_handed_over_is_forgotten_when_more_wait_or_all_have_ended(
    live: Live,
) -> None:
    box = live.box("h100")
    for told in (HandingOver("h100", 187, 200), HandedOver("h100", 200)):
        live.hear(told)
        assert box.hand_over == told
        live.hear(LinkChanged("h100", LinkState.RETRYING, "gone", 5.0))
        assert box.hand_over == told
    live.take_up([make_job(8)])
    assert box.hand_over is None
    live.hear(HandedOver("h100", 201))
    live.hear(LinkChanged("h100", LinkState.CLOSED, ""))
    assert box.hand_over is None


def status(stage: str) -> BoxStatus:
    return BoxStatus("h100", 1.0, stage, 0, 1, None, ())


AWAY = "away: vLLM has died; trying again in 30 s"


def signs(live: Live) -> tuple[str, bool]:
    """The word for the job, and whether its box has begun with it without a model."""
    box = live.box("h100")
    return shown(the(live), box).word, waits_for_model(the(live), box)


def test_a_running_job_whose_server_dies_is_said_to_wait_for_it_until_it_begins_anew(
    live: Live,
) -> None:
    live.hear(LinkChanged("h100", LinkState.LIVE, "vllm"))
    live.hear(EngineStarting("h100", "ready"))
    live.hear(JobStarted(7, "job 7", 1))
    assert signs(live) == ("reading", False)
    live.hear(TextWritten(7, 0, "Dusk"))
    assert signs(live) == ("writing", False)
    live.hear(EngineStarting("h100", AWAY))
    assert signs(live) == ("model away", True)
    live.hear(EngineStarting("h100", "starting"))
    live.hear(status("away: vLLM has died; trying again"))  # until the start has succeeded
    assert live.box("h100").stage == "starting"
    assert signs(live) == ("starting", True)
    live.hear(EngineStarting("h100", "ready"))
    assert signs(live) == ("on the box", False)
    live.hear(JobStarted(7, "job 7", 2))
    assert signs(live) == ("reading", False)


def test_an_answer_that_goes_on_through_the_outage_of_another_is_written(live: Live) -> None:
    live.hear(LinkChanged("h100", LinkState.LIVE, "openai"))
    live.hear(JobStarted(7, "job 7", 1))
    live.hear(TextWritten(7, 0, "Dusk"))
    live.hear(EngineStarting("h100", "away: it answered 503; trying again in 2 s"))
    live.hear(TextWritten(7, 4, " falls"))
    assert signs(live) == ("writing", False)


def test_jobs_that_waited_for_the_first_start_are_read_when_it_is_ready(live: Live) -> None:
    live.hear(LinkChanged("h100", LinkState.LIVE, "vllm"))
    live.hear(JobStarted(7, "job 7", 1))
    live.hear(EngineStarting("h100", "starting"))
    assert signs(live) == ("starting", True)
    live.hear(EngineStarting("h100", "ready"))
    assert signs(live) == ("reading", False)


def test_an_app_that_comes_later_learns_the_stage_from_the_status(live: Live) -> None:
    live.hear(LinkChanged("h100", LinkState.LIVE, "vllm"))
    live.hear(JobStarted(7, "job 7", 1))
    for told, word in (
        (AWAY, "model away"),
        ("away: vLLM has died; trying again in 12 s", "model away"),
        ("loading weights", "starting"),
        ("ready", "reading"),
    ):
        live.hear(status(told))
        assert live.box("h100").stage == told
        live.hear(JobStarted(7, "job 7", 1))
        assert signs(live)[0] == word
    live.hear(status(AWAY))
    live.hear(status("idle"))
    assert live.box("h100").stage == ""


def test_a_job_of_a_fleet_is_the_one_of_the_box_that_takes_it(live: Live) -> None:
    live.take_up([replace(make_job(7), fleet="h100,a100")])
    assert the(live).job.boxes == ("h100", "a100")
    live.hear(JobTaken(7, "job 7", "a100"))
    assert (the(live).job.boxes, the(live).state) == (("a100",), State.PREPARING)
    live.hear(JobTaken(7, "job 7", ""))
    assert (the(live).job.boxes, the(live).state) == (("h100", "a100"), State.QUEUED)


def idle_since(live: Live) -> float | None:
    return live.boxes["h100"].idle_since


def test_a_model_is_idle_from_the_last_job_on_also_when_the_link_is_closed(
    live: Live, clock: Clock
) -> None:
    live.hear(LinkChanged("h100", LinkState.LIVE, "vllm"))
    live.hear(BoxStatus("h100", 0.0, "ready", 0, 1, None, ()))
    assert idle_since(live) is None
    clock.now = 200.0
    live.hear(BoxStatus("h100", 0.0, "ready", 0, 0, None, ()))
    clock.now = 300.0
    live.hear(BoxStatus("h100", 0.0, "ready", 0, 0, None, ()))
    live.hear(LinkChanged("h100", LinkState.CLOSED, ""))
    live.hear(LinkChanged("h100", LinkState.CLOSED, ""))
    assert idle_since(live) == 200.0
    live.hear(LinkChanged("h100", LinkState.CONNECTING, ""))
    assert idle_since(live) is None


def test_a_model_that_was_ready_when_the_link_closed_is_idle_from_then_on(
    live: Live, clock: Clock
) -> None:
    live.hear(LinkChanged("h100", LinkState.LIVE, "vllm"))
    live.hear(EngineStarting("h100", "loading weights"))
    live.hear(LinkChanged("h100", LinkState.CLOSED, ""))
    assert idle_since(live) is None
    live.hear(LinkChanged("h100", LinkState.LIVE, "vllm"))
    live.hear(EngineStarting("h100", "ready"))
    clock.now = 400.0
    live.hear(LinkChanged("h100", LinkState.CLOSED, ""))
    assert idle_since(live) == 400.0
