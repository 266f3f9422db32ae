"""The log of a starting vLLM holds back a failure until its verdict is known, and hides nothing for long."""

from __future__ import annotations

import logging

import pytest

from remote.engines.vllm import start_log
from remote.engines.vllm.start_log import StartLog

FAILURE = [
    "(Worker pid=7) ERROR 11-30 15:00:08 [core.py:1] Traceback (most recent call last):",
    "last",
]


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_what_is_no_failure_is_written_at_once(caplog: pytest.LogCaptureFixture) -> None:
    log = StartLog()
    log.hear("INFO loading")
    log.hear("WARNING Found ulimit of 1024: errors like `OSError: [Errno 24] Too many open files`")
    assert len(caplog.messages) == 2


def test_the_verdict_comes_before_the_failure_and_its_lines_are_details_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = StartLog()
    for line in ("INFO loading", *FAILURE):
        log.hear(line)
    assert caplog.messages == ["INFO loading"]
    log.conclude("the verdict")
    log.hear("ERROR a late line")
    assert caplog.messages == ["INFO loading", "the verdict", *FAILURE, "ERROR a late line"]
    levels = [record.levelname for record in caplog.records]
    assert levels == ["INFO", "ERROR", "INFO", "INFO", "ERROR"]


def test_a_server_that_starts_all_the_same_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    log = StartLog()
    for line in FAILURE:
        log.hear(line)
    log.release()
    log.hear("ERROR later")
    assert caplog.messages == [*FAILURE, "ERROR later"]


@pytest.mark.parametrize(("bound", "value"), [("_SECONDS", -1.0), ("_MOST_LINES", 1)])
def test_a_start_that_goes_on_for_long_hides_nothing(
    bound: str, value: float, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_log, bound, value)
    log = StartLog()
    for line in FAILURE:
        log.hear(line)
    log.look()
    assert caplog.messages == FAILURE
