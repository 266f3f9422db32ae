"""What a run without the app says of several boxes that share a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend.commands.batch_report import BatchReport
from backend.commands.fleet_report import FleetReport, count_alike, done_by_box, reassign_words
from backend.events import AnsweredTwice, JobDone, JobTaken
from backend.planning.pace import Pace, together
from backend.store import Job, State
from tests.support.made_up_jobs import made_up_job

BOXES = ("h100", "a100")


def job(number: int, box: str = "h100", state: State = State.QUEUED) -> Job:
    made = made_up_job(Path("/specs"), None, "dusk")
    return replace(made, number=number, box=box, fleet="h100,a100", state=state)


def done(number: int) -> JobDone:
    return JobDone(number, "dusk", "A long dusk.", "stop", "vllm", 1.0, 7, 5)


def test_each_box_is_told_with_what_it_has_done() -> None:
    report = FleetReport()
    report.expect([job(1), job(2), job(3)], BOXES)
    for event in (JobTaken(1, "dusk", "a100"), JobTaken(2, "dusk", "h100"), done(1)):
        report.hear(event)
    assert report.progress({"a100": ["12 tok/s"]}) == ["h100 0 done", "a100 1 done 12 tok/s"]
    assert report.describe("h100", "loading weights") == "h100 · loading weights"
    assert report.describe("a100", "2 running") == "h100 · loading weights │ a100 · 2 running"


def test_of_one_box_nothing_is_added() -> None:
    report = FleetReport()
    report.expect([job(1)], ("h100",))
    assert report.progress({}) == []
    assert report.describe("h100", "2 running") == ""
    assert reassign_words([(job(1, state=State.SENT), 1)], ("h100",)) == ""


def test_the_end_tells_what_each_box_has_done() -> None:
    jobs = [job(1, "h100", State.DONE), job(2, "a100", State.DONE), job(3, "h100", State.DONE)]
    assert done_by_box(count_alike(jobs)) == "a100 1, h100 2"
    assert done_by_box(count_alike(replace(each, fleet="") for each in jobs)) == ""


def test_what_a_lost_box_has_can_be_given_away(capsys: pytest.CaptureFixture[str]) -> None:
    report = BatchReport()
    left = [job(1, "h100", State.SENT), job(2, "h100", State.RUNNING), job(3, "a100", State.DONE)]
    report.expect(left, dict.fromkeys(BOXES, Pace(None, 4)))
    report.conclude(left)
    told = capsys.readouterr().err
    assert "2 stay in the queue, 2 of them on the box" in told
    assert "`upsample --no-ui --box h100` goes on" in told
    assert "`upsample queue reassign --from h100 --box a100` gives what it has to a100" in told


def test_the_end_goes_through_the_jobs_once() -> None:
    """Of a batch of 100,000, each time would be seconds."""

    class Read(list[Job]):
        times = 0

        def __iter__(self) -> Iterator[Job]:
            self.times += 1
            return super().__iter__()

    jobs = Read([job(1, state=State.SENT), job(2, state=State.DONE)])
    BatchReport().conclude(jobs)
    assert jobs.times == 1


def test_a_second_answer_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    BatchReport().hear(AnsweredTwice(7, "dusk", "h100", 31))
    assert (
        "dusk: h100 has answered, too; that is kept as job 31, for a review"
        in capsys.readouterr().err
    )


def test_boxes_together_take_less_time() -> None:
    fast, slow = Pace(1.0, 4), Pace(4.0, 4)
    assert together([fast, slow]).seconds_for(100) == 100 / 5
    assert together([fast, Pace(None, 4)]).seconds_for(100) is None
    assert together([fast]).seconds_for(2) == fast.seconds_for(2)
