"""What a run without the app shows, and the code it exits with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.progress import ProgressColumn

from backend.commands.batch_report import BatchReport
from backend.events import (
    BoxLog,
    BoxStatus,
    EngineStarting,
    EstimateCorrected,
    Event,
    HandedOver,
    HandingOver,
    JobCancelled,
    JobDone,
    JobDrawnAgain,
    JobFailed,
    JobPostponed,
    JobPrepared,
    JobSent,
    JobStarted,
    LinkChanged,
    LinkState,
    ResultsWritten,
    TextWritten,
    WritingFailed,
)
from backend.exit_codes import ExitCode
from backend.planning.pace import Pace
from backend.store import Job, State
from remote.protocol import EngineLoad, Gpu

STATUS = BoxStatus(
    "h100", 1.0, "ready", 12, 3, EngineLoad(3, 0, 900.0, 312.4, 0.1),
    (Gpu(0, "H100", 62 << 30, 80 << 30, 71.0),),
)  # fmt: skip

UNKNOWN_PACE = Pace(None, 4)
Capsys = pytest.CaptureFixture[str]

DONE = JobDone(1, "dusk", "A long dusk.", "stop", "sketch 1", 0.5, None, None)
WRITTEN = ResultsWritten(Path("out/a.json"), (Path("out/a.upsample.json"),))


def jobs(*states: State) -> list[Job]:
    here = Path("a")
    return [
        Job(
            number=number,
            key=str(number),
            box="h100",
            file=here,
            entry=0,
            name="dusk",
            prompt="p",
            video=None,
            candidate=0,
            seed=0,
            settings="{}",
            destination=here,
            state=state,
            identity=None,
            estimate=0,
            error="",
            attempts=0,
            queued=0.0,
            changed=0.0,
        )
        for number, state in enumerate(states, 1)
    ]


def heard(events: Sequence[Event], *, as_json: bool = False, refused: int = 0) -> BatchReport:
    report = BatchReport(as_json=as_json, refused=refused)
    report.expect(jobs(State.QUEUED, State.QUEUED), {"h100": UNKNOWN_PACE})
    with report.bar:
        for event in events:
            report.hear(event)
    return report


# --- exit codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([DONE, WRITTEN], ExitCode.OK),
        ([DONE, JobFailed(2, "b", "why")], ExitCode.SOME_FAILED),
        ([DONE, JobPostponed(2, "b", "disk full")], ExitCode.SOME_FAILED),
        ([DONE, WritingFailed(Path("out/a.json"), "why")], ExitCode.SOME_FAILED),
        ([DONE, JobCancelled(2, "b")], ExitCode.OK),
        ([LinkChanged("h100", LinkState.RETRYING, "no route", 1.0), DONE], ExitCode.OK),
    ],
)
def test_the_exit_code_tells_how_it_went(events: list[Event], code: ExitCode) -> None:
    assert heard(events).exit_code is code


def test_a_warning_about_a_video_is_told_once_whatever_jobs_share_it(capsys: Capsys) -> None:
    report = BatchReport()
    for number in (1, 2):
        report.hear(JobPrepared(number, "dusk", "64x36", 2, 99, 1000, "a.mov may be HDR."))
    report.hear(JobPrepared(3, "dawn", "64x36", 2, 99, 1000))
    assert capsys.readouterr().err.count("a.mov may be HDR.") == 1
    assert report.exit_code is ExitCode.OK


def test_why_the_model_server_is_away_is_explained_once_and_no_job_counts_as_running(
    capsys: Capsys,
) -> None:
    report = BatchReport()
    report.expect(jobs(State.QUEUED, State.QUEUED), {"h100": UNKNOWN_PACE})
    why = (
        "away: vLLM ended while starting, with exit status 1: ValueError: No tokenizer file found."
    )
    with report.bar:
        for number in (1, 2):
            report.hear(JobStarted(number, "dusk", 1))
        for seconds in (30, 60):
            report.hear(EngineStarting("h100", f"{why}; trying again in {seconds} s"))
        report._said = 0.0
        report.hear(JobSent(1, "dusk"))
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("could not be loaded for this model") == 1
    assert said.count("Copy `tekken.json`") == 1
    assert "0 of 2 done, 0 running, 2 waiting on the box" in said


def test_a_job_that_goes_on_through_an_outage_counts_as_running(capsys: Capsys) -> None:
    report = BatchReport()
    report.expect(jobs(State.QUEUED, State.QUEUED), {"h100": UNKNOWN_PACE})
    with report.bar:
        report.hear(JobStarted(1, "dusk", 1))
        report.hear(EngineStarting("h100", "away: it answered 503; trying again in 30 s"))
        report.hear(TextWritten(1, 4, " falls"))
        report._said = 0.0
        report.hear(JobSent(2, "dusk"))
    assert "1 running, 1 waiting on the box" in " ".join(capsys.readouterr().err.split())


def test_what_was_refused_counts_as_failed() -> None:
    assert heard([DONE], refused=1).exit_code is ExitCode.SOME_FAILED


def test_an_interruption_wins() -> None:
    report = heard([JobFailed(2, "b", "why")])
    report.interrupted = True
    assert report.exit_code is ExitCode.INTERRUPTED


# --- stdout --------------------------------------------------------------------------------------


def test_stdout_has_the_files_and_nothing_else(capsys: Capsys) -> None:
    report = heard(
        [
            LinkChanged("h100", LinkState.CONNECTING, ""),
            LinkChanged("h100", LinkState.LIVE, "vllm 0.32.0"),
            JobStarted(1, "dusk", 1),
            TextWritten(1, 0, "A long"),
            DONE,
            WRITTEN,
            JobFailed(2, "b", "why"),
            BoxLog("h100", 0.0, "error", "vllm", "out of memory"),
        ]
    )
    report.conclude(jobs(State.DONE, State.FAILED))
    assert capsys.readouterr().out == "out/a.json\n"


def test_with_json_stdout_has_one_event_a_line(capsys: Capsys) -> None:
    events: list[Event] = [
        LinkChanged("h100", LinkState.LIVE, "vllm"),
        JobStarted(1, "dusk", 1),
        DONE,
        WRITTEN,
    ]
    report = heard(events, as_json=True)
    report.conclude(jobs(State.DONE))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in lines] == ["link", "started", "done", "written"]


# --- stderr --------------------------------------------------------------------------------------


def test_the_end_is_summed_up(capsys: Capsys) -> None:
    report = heard([], refused=2)
    report.conclude(jobs(State.DONE, State.DONE, State.FAILED))
    assert capsys.readouterr().err == "2 done, 1 failed, 2 refused.\n"


def test_what_was_paid_is_summed_up_to_the_cent(capsys: Capsys) -> None:
    paid: list[Event] = [
        replace(DONE, cost=0.1),
        replace(DONE, job=2, cost=0.2),
        replace(DONE, job=3, cost=0.0),
        JobFailed(4, "dawn", "no", 0.00017),
        JobDrawnAgain(5, "noon", 2, 3, "not JSON", 1.0),
    ]
    heard(paid).conclude(jobs(State.DONE))
    assert "Cost: 1.30." in capsys.readouterr().err
    heard(paid, as_json=True).conclude(jobs(State.DONE))
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"type": "cost", "cost": 1.30017}
    heard([DONE]).conclude(jobs(State.DONE))
    assert "Cost" not in capsys.readouterr().err


def test_what_stays_in_the_queue_is_told(capsys: Capsys) -> None:
    report = heard([])
    report.interrupted = True
    report.conclude(jobs(State.DONE, State.QUEUED, State.SENT, State.RUNNING))
    assert capsys.readouterr().err.splitlines() == [
        "Interrupted. 1 done, 1 queued, 1 running, 1 sent.",
        "3 stay in the queue, 2 of them on the box, which goes on. "
        "`upsample --no-ui --box h100` goes on with that.",
    ]


def test_trouble_is_told_as_it_comes(capsys: Capsys) -> None:
    heard(
        [
            LinkChanged("h100", LinkState.RETRYING, "h100 hung up", 2.4),
            JobDone(1, "dusk", "A long", "length", "vllm", 0.5, 10, 300),
            JobFailed(2, "fog", "the video is gone\n  Copy it there."),
            JobPostponed(3, "rain", "the disk is full"),
            WritingFailed(Path("out/a.json"), "out/a.json exists already"),
            BoxLog("h100", 0.0, "warning", "vllm", "slow"),
            BoxLog("h100", 0.0, "info", "vllm", "ready"),
            EstimateCorrected("h100", "m", "transfer1", (), "The profile does not fit."),
            EstimateCorrected("h100", "m", "transfer1", (), ""),
        ]
    )
    assert capsys.readouterr().err.splitlines() == [
        "! h100 hung up; retrying in 2 s",
        "! dusk: the answer was cut off at the token limit",
        "✗ fog: the video is gone",
        "  Copy it there.",
        "! rain stays in the queue: the disk is full",
        "! out/a.json exists already",
        "! h100: slow",
        "! The profile does not fit.",
    ]


def test_text_from_outside_is_shown_harmlessly(capsys: Capsys) -> None:
    nasty = "a[/x]\x1b[2J\x07"
    report = heard(
        [
            JobFailed(1, nasty, nasty),
            BoxLog("h100", 0.0, "error", nasty, nasty),
            LinkChanged(nasty, LinkState.LIVE, nasty),
            ResultsWritten(Path(nasty), ()),
        ]
    )
    report.conclude(jobs(State.FAILED))
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "\x07" not in shown.out + shown.err
    assert r"a[/x]\x1b[2J\x07" in shown.err


def test_a_long_run_without_a_terminal_says_now_and_then_how_far_it_is(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = BatchReport()
    report.expect(jobs(State.QUEUED, State.SENT, State.DONE), {"h100": UNKNOWN_PACE})
    report.hear(JobStarted(2, "dusk", 1))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("backend.commands.batch_report._QUIET_SECONDS", -1.0)
    report.hear(DONE)
    assert capsys.readouterr().err == "1 of 2 done, 1 running\n"


def test_a_run_without_a_terminal_says_how_much_of_it_waits_on_the_box(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = BatchReport()
    report.expect(jobs(State.QUEUED, State.QUEUED, State.QUEUED), {"h100": UNKNOWN_PACE})
    for number in (1, 2, 3):
        report.hear(JobSent(number, "dusk"))
    monkeypatch.setattr("backend.commands.batch_report._QUIET_SECONDS", -1.0)
    capsys.readouterr()
    report.hear(JobStarted(1, "dusk", 1))
    assert capsys.readouterr().err == "0 of 3 done, 1 running, 2 waiting on the box\n"
    report.hear(HandingOver("h100", 2, 3))
    assert capsys.readouterr().err == "0 of 3 done, 1 running, 2 of the 3 left are on the box\n"
    report.hear(HandedOver("h100", 3))
    assert capsys.readouterr().err == (
        "All 3 jobs are on h100, which goes on by itself; you may close this machine.\n"
    )
    report.hear(HandedOver("local", 1, is_here=True))
    assert "The last job is on local, which goes on by itself; you may close upsample." in (
        capsys.readouterr().err
    )
    report.hear(JobStarted(2, "dusk", 1))
    assert capsys.readouterr().err == "0 of 3 done, 2 running, 1 waiting on the box\n"


def test_a_long_run_says_how_the_box_does_until_the_link_breaks(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.commands.batch_report._QUIET_SECONDS", -1.0)
    report = BatchReport()
    report.expect(jobs(State.QUEUED, State.SENT), {"h100": UNKNOWN_PACE})
    report.hear(STATUS)
    report.hear(JobStarted(2, "dusk", 1))
    report.hear(LinkChanged("h100", LinkState.RETRYING, "h100 hung up", 2.4))
    report.hear(DONE)
    assert capsys.readouterr().err.splitlines() == [
        "0 of 2 done, 1 running · GPU 71 % 62/80 GB · 312 tok/s",
        "! h100 hung up; retrying in 2 s",
        "1 of 2 done, 1 running",
    ]


def drawn(monkeypatch: pytest.MonkeyPatch, columns: int, *events: Event) -> str:
    """What the bar says on a terminal of this width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    report = BatchReport()
    for event in events:
        report.hear(event)
    (task,) = report.bar.tasks
    return str(task.description)


def test_the_bar_tells_how_the_box_does_as_far_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = LinkChanged("h100", LinkState.LIVE, "vllm 0.32.0")
    whole = "h100 · GPU 71 % 62/80 GB · 3 running 12 waiting · 312 tok/s"
    assert drawn(monkeypatch, 120, live, STATUS) == whole
    assert drawn(monkeypatch, 80, live, STATUS) == "h100 · GPU 71 % 62/80 GB"
    assert drawn(monkeypatch, 60, live, STATUS) == "h100 · vllm 0.32.0"
    unknown = BoxStatus("h100", 1.0, "", 0, 0, None, ())
    assert drawn(monkeypatch, 120, live, unknown) == "h100 · vllm 0.32.0"
    hostile = BoxStatus("h100", 1.0, "\x1b[2J", 0, 0, None, ())
    assert drawn(monkeypatch, 120, live, hostile) == r"h100 · \x1b[2J"


def test_a_name_from_outside_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    name, shown = "\x1b]52;c;eA==\x07", r"\x1b]52;c;eA==\x07"
    loading = EngineStarting(name, "loading", 1.0)
    busy = replace(STATUS, box=name)
    for event in (LinkChanged(name, LinkState.CONNECTING, ""), loading, busy):
        assert drawn(monkeypatch, 120, event).startswith(shown)


def test_with_json_a_status_is_a_line(capsys: Capsys) -> None:
    heard([STATUS], as_json=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["load"]["generation_rate"] == 312.4


def test_the_bar_counts_the_seconds_until_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.commands.batch_report.time.monotonic", lambda: 100.0)
    report = BatchReport()
    report.hear(LinkChanged("h100", LinkState.RETRYING, "h100 hung up", 12.0))
    column, (task,) = report.bar.columns[1], report.bar.tasks
    assert isinstance(column, ProgressColumn)
    assert str(column.render(task)) == "h100 · retrying in 12 s"
    monkeypatch.setattr("backend.commands.batch_report.time.monotonic", lambda: 105.0)
    assert str(column.render(task)) == "h100 · retrying in 7 s"
    report.hear(LinkChanged("h100", LinkState.LIVE, "vllm 0.32.0"))
    assert str(column.render(task)) == "h100 · vllm 0.32.0"


def test_before_a_job_has_ended_the_earlier_answers_of_the_box_say_how_long_it_takes() -> None:
    report = BatchReport()
    column, (task,) = report.bar.columns[-1], report.bar.tasks
    assert isinstance(column, ProgressColumn)
    report.expect(jobs(*[State.QUEUED] * 8), {"h100": UNKNOWN_PACE})
    assert str(column.render(task)) == "-:--:--"
    report.expect(jobs(*[State.QUEUED] * 8), {"h100": Pace(30.0, 4)})
    assert str(column.render(task)) == "0:01:00"
    report.hear(replace(STATUS, slots=2))
    assert str(column.render(task)) == "0:02:00"
    report.hear(STATUS)  # of an older box, which tells no slots
    assert str(column.render(task)) == "0:02:00"


def test_a_batch_that_sketch_wrote_says_so_at_its_end(capsys: Capsys) -> None:
    report = BatchReport(as_json=False)
    report.hear(DONE)
    report.hear(replace(DONE, job=2, engine="vllm 0.32.0"))
    report.conclude(jobs(State.DONE, State.DONE))
    assert "The engine sketch wrote 1 from what it measured" in capsys.readouterr().err
