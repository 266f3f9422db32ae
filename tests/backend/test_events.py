"""Each event can be written as JSON for other programs."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from backend.events import (
    AnsweredTwice,
    BoxLog,
    BoxStatus,
    DispatcherChanged,
    EngineStarting,
    EstimateCorrected,
    Event,
    HandedOver,
    HandingOver,
    JobCancelled,
    JobDone,
    JobDrawnAgain,
    JobFailed,
    JobPaused,
    JobPostponed,
    JobPrepared,
    JobSent,
    JobStarted,
    JobTaken,
    LinkChanged,
    LinkState,
    QueueChanged,
    ResultsWritten,
    TextWritten,
    WritingFailed,
    event_json,
)
from remote.protocol import EngineLoad, Gpu, PartLoad, ReplicaStatus, Status

EVENTS: tuple[Event, ...] = (
    LinkChanged("h100", LinkState.RETRYING, "no route", 2.5),
    EngineStarting("h100", "loading weights"),
    JobPrepared(1, "dusk", "910x512", 2, 3731, 40_000),
    JobTaken(1, "dusk", "h100"),
    JobSent(1, "dusk"),
    HandingOver("h100", 187, 200),
    HandedOver("h100", 200),
    JobStarted(1, "dusk", 2),
    TextWritten(1, 10, "half a pair \ud83d"),
    JobDone(1, "dusk", "A long dusk.", "stop", "vllm 0.32.0", 2.5, None, 80),
    AnsweredTwice(1, "dusk", "a100", 2),
    EstimateCorrected("h100", "m", "transfer1", ("reason1",), "The profile does not fit."),
    JobDrawnAgain(1, "dusk", 2, 3, "it is no JSON object"),
    JobFailed(1, "dusk", "the video is gone"),
    JobPostponed(1, "dusk", "the box's disk is full"),
    JobCancelled(1, "dusk"),
    JobPaused(1, "dusk"),
    ResultsWritten(Path("out/a.json"), (Path(os.fsdecode(b"out/\xe9.json")), Path("b"))),
    WritingFailed(Path("out/a.json"), "disk full"),
    DispatcherChanged("process 7 since 9:15: upsample --no-ui specs"),
    QueueChanged((3, 4)),
    BoxLog("h100", 1.5, "warning", "vllm", "\x1b[31mred"),
    BoxStatus("h100", 1.5, "ready", 12, 3, EngineLoad(3, 12, 900.5), (Gpu(0, "H100", 1, None),)),
)


def test_every_event_is_tried_here() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))


def test_every_event_has_a_type_of_its_own() -> None:
    assert len({event.type for event in EVENTS}) == len(EVENTS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_is_json_with_its_type_first(event: Event) -> None:
    value = event_json(event)
    assert list(value) == ["type", *(field.name for field in fields(event))]
    line = json.dumps(value)
    assert line.isascii()
    assert json.loads(line) == value


def test_paths_are_text_and_tuples_are_lists() -> None:
    assert event_json(ResultsWritten(Path("a"), (Path("b"), Path("c")))) == {
        "type": "written",
        "file": "a",
        "beside": ["b", "c"],
    }


def test_a_status_is_told_with_all_its_numbers() -> None:
    gpus = (Gpu(0, "H100", 4, 8, 71.0), Gpu(1, "H100"))
    parts = (PartLoad("0", 2, 9, 0.25), PartLoad("1", 1, 0, None, 80.5))
    replicas = (ReplicaStatus("0", "ready", "", "a", "0,1", 8, 3, 1),)
    told = Status(
        1.5, "ready", 12, 3, EngineLoad(3, 9, 900.0, 312.4, 0.25, parts), gpus, 8, replicas
    )
    assert event_json(BoxStatus.of("h100", told)) == {
        "type": "status",
        "box": "h100",
        "time": 1.5,
        "stage": "ready",
        "jobs_waiting": 12,
        "jobs_running": 3,
        "load": {
            "running": 3,
            "waiting": 9,
            "prompt_rate": 900.0,
            "generation_rate": 312.4,
            "cache_usage": 0.25,
            "parts": [
                {"name": "0", "running": 2, "waiting": 9, "cache_usage": 0.25}
                | {"generation_rate": None},
                {"name": "1", "running": 1, "waiting": 0, "cache_usage": None}
                | {"generation_rate": 80.5},
            ],
        },
        "gpus": [
            {"index": 0, "name": "H100", "memory_used": 4, "memory_total": 8, "utilisation": 71.0},
            {"index": 1, "name": "H100", "memory_used": None, "memory_total": None}
            | {"utilisation": None},
        ],
        "slots": 8,
        "replicas": [
            {"name": "0", "state": "ready", "detail": "", "node": "a", "gpus": "0,1"}
            | {"slots": 8, "in_flight": 3, "restarts": 1}
        ],
    }
