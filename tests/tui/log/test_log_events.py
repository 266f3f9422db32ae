"""What happens to jobs, boxes and files, as lines of the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.events import (
    BoxLog,
    EngineStarting,
    EstimateCorrected,
    Event,
    JobCancelled,
    JobDone,
    JobFailed,
    JobPaused,
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
from tui.log.recorder import job_of, line_of

TOLD: tuple[tuple[Event, str, str], ...] = (
    (LinkChanged("h100", LinkState.LIVE, "vllm 0.32"), "info", "live: vllm 0.32"),
    (
        LinkChanged("h100", LinkState.RETRYING, "no route", 2.5),
        *("warning", "retrying in 2 s: no route"),
    ),
    (LinkChanged("h100", LinkState.STALE, "", silent_for=12.4), "warning", "stale for 12 s"),
    (
        LinkChanged("h100", LinkState.WAITING, "Password: "),
        "warning",
        "waiting for you: Password: ",
    ),
    (LinkChanged("h100", LinkState.STOPPED, "key changed"), "error", "stopped: key changed"),
    (EngineStarting("h100", "loading weights", 5.0), "info", "loading weights"),
    (
        JobPrepared(7, "dusk", "910x512", 2, 3731, 40_000),
        *("info", "dusk: prepared, 2 frames of 910x512, 3,731 tokens"),
    ),
    (JobPrepared(7, "dusk", "", 0, 31, 0), "info", "dusk: prepared, 31 tokens"),
    (JobSent(7, "dusk", "ab"), "info", "dusk: sent"),
    (JobStarted(7, "dusk", 2), "info", "dusk: started, attempt 2"),
    (
        JobDone(7, "dusk", "Long.", "stop", "vllm", 2.54, None, 1280),
        *("info", "dusk: done in 2.5 s, 1,280 tokens"),
    ),
    (
        EstimateCorrected("h100", "m", "a", ("b",), "It does not fit."),
        "warning",
        "It does not fit.",
    ),
    (JobFailed(7, "dusk", "too long"), "error", "dusk: failed: too long"),
    (JobPostponed(7, "dusk", "disk full"), "warning", "dusk: waits: disk full"),
    (JobPaused(7, "dusk"), "info", "dusk: paused"),
    (JobCancelled(7, "dusk"), "info", "dusk: cancelled"),
    (ResultsWritten(Path("a.json"), ()), "info", "written for a.json"),
    (WritingFailed(Path("a.json"), "disk full"), "error", "not written for a.json: disk full"),
)


@pytest.mark.parametrize(("event", "level", "text"), TOLD, ids=lambda it: getattr(it, "type", ""))
def test_what_happens_has_a_line(event: Event, level: str, text: str) -> None:
    line = line_of(event, "h100", 9.0)
    assert line is not None
    assert (line.level, line.text, line.job) == (level, text, job_of(event))
    assert line.time == (5.0 if isinstance(event, EngineStarting) else 9.0)
    if job_of(event) is not None:
        assert (line.box, line.source, line.job) == ("h100", "job", 7)


@pytest.mark.parametrize(
    "event", [TextWritten(7, 0, "a"), BoxLog("h100", 1.0, "info", "vllm", "x")]
)
def test_text_and_the_log_itself_have_none(event: Event) -> None:
    assert line_of(event, "h100", 9.0) is None
