"""A log as a box and its engine would write it, with lines from hell among them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backend.events import (
    BoxLog,
    EngineStarting,
    Event,
    JobDone,
    JobFailed,
    JobSent,
    JobStarted,
    LinkChanged,
    LinkState,
)

NINE = 1_788_426_000.0
"""2026-09-03 09:00:00 UTC."""
IDENTITY = "ab12" * 16

STORY: tuple[Event, ...] = (
    EngineStarting("h100", "starting", NINE),
    BoxLog("h100", NINE + 1, "info", "vllm", "INFO 09-03 09:00:01 [api_server.py:1287] vLLM 0.32.0"),
    BoxLog("h100", NINE + 2, "info", "vllm", "\x1b[32mLoading safetensors\x1b[0m: 25 % 1/4"),
    BoxLog("h100", NINE + 30, "warning", "vllm", "No sliding window for this model [/x] \x1b]0;x\x07"),
    EngineStarting("h100", "ready", NINE + 31),
    BoxLog(
        "h100", NINE + 32, "info", "vllm",
        "Engine 000: Avg prompt throughput: 4699.0 tokens/s, Avg generation throughput: 312.4 tokens/s, "
        "Running: 8 reqs, Waiting: 4 reqs, GPU KV cache usage: 4.1 %, Prefix cache hit rate: 0.0 %",
    ),
    BoxLog("h100", NINE + 33, "info", "runner", "+1,234 lines left out; all are in runner.log"),
    BoxLog("h100", NINE + 34, "warning", "runner", f"job {IDENTITY[:12]}, attempt 1: the engine was slow"),
    BoxLog("h100", NINE + 35, "error", "vllm", "Traceback (most recent call last):\n  File \"雨.py\"\nOOM"),
)  # fmt: skip


def said(number: int, level: str = "info", box: str = "h100") -> BoxLog:
    """One of many lines."""
    return BoxLog(box, NINE + number, level, "vllm", f"line {number} of the engine")


def job_story(number: int, name: str = "dusk", identity: str = IDENTITY) -> tuple[Event, ...]:
    """What a job goes through."""
    return (
        JobSent(number, name, identity),
        JobStarted(number, name, 1),
        JobDone(number, name, "Long.", "stop", "vllm", 2.5, 3795, 233),
    )


def link_story() -> tuple[Event, ...]:
    """The link goes and comes again."""
    return (
        LinkChanged("h100", LinkState.RETRYING, "no route to host", 2.5),
        LinkChanged("h100", LinkState.LIVE, "vllm 0.32.0"),
        JobFailed(9, "fog", "the video is gone"),
    )


@contextmanager
def at_nine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In UTC, some time after the story; what the app says itself is said then."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    with monkeypatch.context() as patched:
        patched.setattr("tui.log.recorder.time", lambda: NINE + 40)
        yield
    monkeypatch.undo()
    time.tzset()
