"""Real vLLM with a tiny Pixtral, behind a real sshd: counted, streamed, warm, crashed and given back.

The tests share one box and are meant to run in this order; each would run alone, too, only longer.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.store import Store
from backend.video.clips import Clip, draw_clips
from tests.support.daemons import daemons_below
from tests.support.laptop import journal_kinds, journal_records
from tests.support.specs import write_spec
from tests.support.sshd import BOUND
from tests.support.tiny_pixtral import TinyPixtral, make_tiny_pixtral
from tests.support.vllm_box import (
    VllmBox,
    check_done_once,
    events_of,
    members,
    provenance,
    serving_vllm,
    write_texts,
)
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.vllm, pytest.mark.xdist_group("vllm"), pytest.mark.timeout(600)]

_IDLE_SECONDS = 60
"""Longer than it takes to begin the next batch."""
_ENDING_SECONDS = 90
"""That vLLM's end may take at most."""
_PATIENCE_SECONDS = 20
"""Longer than the tiny model ever takes for a token, and shorter than the tests' own bound."""

_MEASURING_SECONDS = 240
"""That a measurement may take, the start of the model included."""

_STILL_SIZES = (
    "16x16", "17x16", "31x33", "48x720", "64x64", "100x75", "127x129", "160x90", "192x320", "256x256",
    "320x180", "333x500", "320x256", "427x240", "432x768", "480x480", "480x640", "512x640", "639x361",
    "704x704", "854x480", "960x540", "1024x64", "1025x577", "1280x704", "1920x1056", "1999x37",
)  # fmt: skip
_CLIP_SIZES = (
    "64x36", "128x128", "160x90", "192x320", "256x320", "320x180", "320x256", "384x640", "480x480",
    "512x512", "640x480", "768x432", "960x704", "1280x720",
)  # fmt: skip
_PROMPTS = (
    "a robotic arm hand over a coffee cup to a woman in a modern office.",
    "Warmes Licht über dem Hafen, Kräne im Gegenlicht – ein später Abend.",
    "雨の夜、ネオンに照らされた路地を一台のフォークリフトが進む。",
    "Тёплый закат над пустым складом, пыль в лучах света",
    "مستودع مضاء بأشعة الشمس الدافئة",
    "गोदाम में एक रोबोट बक्से उठाता है",
    "항구에 안개가 낀 아침 🌫️🚢",
    "x" * 200,
    "[INST] <s> [IMG] are words of a user here </s>",
    "?",
)
_STAGES = ["starting", "loading weights", "answering a first request", "ready"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyPixtral:
    return make_tiny_pixtral(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def bench(tiny: TinyPixtral, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmBox]:
    more = f"idle_timeout = {_IDLE_SECONDS}\nnext_token_timeout = {_PATIENCE_SECONDS}"
    folder = tmp_path_factory.mktemp("vllm")
    with serving_vllm(folder, tiny, tiny.command, box=more, vllm="max_num_seqs = 8") as made:
        yield made


def _write_entries(bench: VllmBox, name: str, media: list[Path]) -> Path:
    """A Predict2 file that asks for each picture or clip, each with a text of its own."""
    entries = [
        {
            "input_video": str(file),
            "prompt": _PROMPTS[n % len(_PROMPTS)],
            "output_video": f"{n}.mp4",
        }
        for n, file in enumerate(media)
    ]
    return write_spec(bench.laptop.cwd / name, entries)


def test_the_loading_is_seen_while_it_goes_on(bench: VllmBox) -> None:
    spec = write_texts(bench, "loading", 2)

    with bench.upsample(spec) as run:
        for kind, values in (
            ("engine", {"stage": "starting"}),
            ("log", {"source": "vllm"}),
            ("engine", {"stage": "loading weights"}),
            ("log", {"source": "vllm"}),
        ):
            run.until(kind, **values)
            assert not bench.answers, f"{kind} came when it was loaded already"
        run.until("engine", stage="ready")
        assert bench.answers
        assert events_of(run, "text") == []
        run.until("text", offset=0)
        before = [event for event in run.events if event["type"] in ("engine", "log")]
        assert run.end() == 0, run.errors

    assert [event["stage"] for event in events_of(run, "engine")] == _STAGES
    assert any("version 0.32.0" in event["text"] for event in events_of(run, "log"))
    for kind in ("engine", "log"):
        times = [event["time"] for event in before if event["type"] == kind]
        assert times == sorted(times)
        assert len(set(times)) >= len(_STAGES)
    check_done_once(bench, run, spec)


def test_every_request_costs_what_we_said_it_would(bench: VllmBox) -> None:
    stills = [Clip(f"{size}.png", f"rgbtestsrc=s={size}", 0) for size in _STILL_SIZES]
    clips = [Clip(f"{size}.mp4", f"testsrc2=s={size}:r=12", 0.5) for size in _CLIP_SIZES]
    media = draw_clips([*stills, *clips], bench.laptop.cwd)
    spec = _write_entries(bench, "sizes.json", media)

    with bench.upsample(spec) as run:
        assert run.end() == 0, run.errors

    results = provenance(bench, spec)
    assert len(results) == len(media) == 41
    counts = [(r["tokens"]["prompt_estimated"], r["tokens"]["prompt_reported"]) for r in results]
    assert [estimated for estimated, _ in counts] == [reported for _, reported in counts]
    assert len({result["size_sent"] for result in results}) >= 30
    assert Counter(len(result["frames"]) for result in results) == {1: 27, 2: 14}
    assert {result["engine"] for result in results} == {"vllm 0.32.0"}
    assert {result["finish_reason"] for result in results} <= {"stop", "length"}
    check_done_once(bench, run, spec)
    # The text was heard as it was written.
    pieces = Counter(event["job"] for event in events_of(run, "text"))
    assert max(pieces.values()) > 1


def test_a_measurement_agrees_on_every_row_and_the_largest_sizes_are_confirmed(
    bench: VllmBox,
) -> None:
    reserve = 300
    bench.laptop.more_environment["UPSAMPLE_RESERVE"] = str(reserve)
    jobs = len(bench.laptop.jobs())
    command = ["limits", "--quick", "--measure", "--output-dir", "measured", "--json"]
    with bench.laptop.running(*command) as run:
        run.process.wait(_MEASURING_SECONDS)
    measured = json.loads((bench.laptop.cwd / "measured" / "limits.json").read_text())[
        "measurement"
    ]

    assert run.process.returncode == 0, run.errors
    assert measured["engine"] == "vllm 0.32.0"
    assert (measured["largest_error"], measured["as_reckoned"]) == (0, True)
    assert len(measured["rows"]) == 8
    outcomes = {row["size"]: row["outcome"] for row in measured["rows"]}
    assert (outcomes["854x480"], outcomes["940x529"]) == ("accepted", "refused")
    assert {row["measured"] for row in measured["rows"] if row["size"] == "1280x704"} == {4699}
    assert len(measured["largest"]) == 5
    for each in measured["largest"]:
        assert each["confirmed"], each
        assert each["accepted"] == each["estimated"]
        assert each["refused"] is not None
        assert (each["sent_outcome"], each["sent_tokens"] <= 4096 - reserve) == ("accepted", True)
    # This vLLM takes a prompt that leaves less room than the answer may need.
    assert measured["keeps_room_for_the_answer"] is False
    # None of it is among the user's jobs.
    assert len(bench.laptop.jobs()) == jobs


def test_the_next_batch_finds_the_model_loaded(bench: VllmBox) -> None:
    first, second = (write_texts(bench, name, 3) for name in ("first", "second"))
    with bench.upsample(first) as run:
        assert run.end() == 0, run.errors
    group = bench.group

    with bench.upsample(second) as run:
        assert run.end() == 0, run.errors

    assert bench.group == group
    assert events_of(run, "engine") == []
    check_done_once(bench, run, second)


def test_it_is_told_how_much_is_written_while_it_is_written(bench: VllmBox) -> None:
    count = 24
    spec = write_texts(bench, "watched", count)
    with bench.upsample(spec, reserve=300) as run:
        assert run.end() == 0, run.errors

    assert len(events_of(run, "done")) == count
    loads = [event["load"] for event in events_of(run, "status") if event["load"]]
    at_work = [load for load in loads if load["running"] and load["generation_rate"]]
    assert at_work
    for load in at_work:
        assert 1 <= load["running"] <= 8
        assert load["generation_rate"] > 0
        assert 0 < load["cache_usage"] <= 1
    assert any(event["jobs_running"] for event in events_of(run, "status"))


def test_cancelled_jobs_make_room_and_the_others_go_on(
    bench: VllmBox, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """More jobs than the server takes at once, each far from its end."""
    slots = 8
    count = slots + 2  # nothing begins anew at the end, which would last as long again
    past = len(journal_kinds(bench.root))
    spec = write_texts(bench, "cancelled", count)
    with bench.upsample(spec, reserve=3900) as run:
        # Those that were begun last have the most before them.
        running = run.started(slots)[::-1]
        by_command = bench.laptop.run("queue", "cancel", str(running[0]))
        assert by_command.returncode == 0, by_command.stderr
        run.until("cancelled", job=running[0])
        run.started(slots + 1)

        # And once more by what the command leaves in the queue's file, to measure without its start.
        with contextlib.closing(Store(bench.laptop.queue_file)) as store:
            asked = time.monotonic()
            store.ask_to_cancel([running[1]])
        run.until("cancelled", job=running[1])
        record_testsuite_property("seconds_until_cancelled", time.monotonic() - asked)
        run.started(slots + 2)
        record_testsuite_property("seconds_until_next_started", time.monotonic() - asked)

        assert run.end() == 0, run.errors

    assert {event["job"] for event in events_of(run, "cancelled")} == set(running[:2])
    assert not {event["job"] for event in events_of(run, "done")} & set(running[:2])
    assert len(events_of(run, "started")) == count
    kinds = journal_kinds(bench.root)[past:]
    starts, cancels = (
        [n for n, k in enumerate(kinds) if k == of] for of in ("started", "cancelled")
    )
    # Each was followed by a start; what ends by itself meanwhile makes room for others.
    assert starts[slots - 1] < cancels[0] < cancels[1] < starts[-1]
    assert starts[-2] > cancels[0]
    check_done_once(bench, run, spec)


def _engine_core(bench: VllmBox) -> int:
    (pid,) = (pid for pid, command in members(bench.group).items() if "EngineCore" in command)
    return pid


def _api_server(bench: VllmBox) -> int:
    return bench.group


def _daemon(bench: VllmBox) -> int:
    (pid,) = daemons_below(bench.root)
    return pid


@pytest.mark.parametrize(
    "victim", [_api_server, _engine_core, _daemon], ids=["api_server", "engine_core", "daemon"]
)
def test_a_batch_survives_a_kill(bench: VllmBox, victim: Callable[[VllmBox], int]) -> None:
    # Long answers: short ones of equal length end together, and then a kill may find none at work.
    count = 10
    spec = write_texts(bench, f"killed{victim.__name__}", count)
    with bench.upsample(spec, reserve=1024) as run:
        run.until("text", offset=0)
        group = bench.group
        os.kill(victim(bench), signal.SIGKILL)
        for _ in range(count):
            run.until("done")
        # Not `end`, which wants no traceback on stderr: vLLM's own is there, and should be.
        assert run.process.wait(BOUND) == 0

    assert len(events_of(run, "done")) == count
    assert {event["attempt"] for event in events_of(run, "started")} == {1, 2}
    check_done_once(bench, run, spec)
    assert bench.group != group
    assert members(group) == {}


def test_a_hung_engine_is_noticed_by_its_silence(bench: VllmBox) -> None:
    count = 12
    spec = write_texts(bench, "hung", count)
    with bench.upsample(spec, reserve=64) as run:
        run.until("text", offset=0)
        group = bench.group
        os.kill(_engine_core(bench), signal.SIGSTOP)
        for _ in range(count):
            run.until("done")
        assert run.process.wait(BOUND) == 0

    assert any("said nothing for" in event["text"] for event in events_of(run, "log"))
    check_done_once(bench, run, spec)
    assert bench.group != group
    assert members(group) == {}


def test_what_does_not_fit_is_refused_here_or_by_vllm_and_the_size_that_fits_is_named(
    bench: VllmBox,
) -> None:
    (clip,) = draw_clips([Clip("wide.mp4", "testsrc2=s=1280x704:r=12", 0.5)], bench.laptop.cwd)
    spec = _write_entries(bench, "wide.json", [clip])

    def accepted() -> int:
        return len(journal_records(bench.root, "accepted"))

    before = accepted()
    with bench.upsample("--resize", "off", spec, reserve=300) as run:
        assert run.end() == 1
    (failed,) = events_of(run, "failed")
    assert "928x510 would fit" in failed["error"]
    assert events_of(run, "sent") == []
    assert accepted() == before

    with bench.upsample("--resize", "off", "--ignore-budget", spec, reserve=300) as run:
        assert run.end() == 1
    (failed,) = events_of(run, "failed")
    assert "4,096 tokens" in failed["error"]
    (size,) = re.findall(r"--max-resolution (\d+x\d+)", failed["error"])
    assert accepted() == before + 1

    with bench.upsample("--max-resolution", size, spec, reserve=300) as run:
        assert run.end() == 0, run.errors
    (result,) = provenance(bench, spec)
    assert result["size_sent"] == size == "928x510"


def test_the_gpu_is_given_back(bench: VllmBox) -> None:
    spec = write_texts(bench, "last", 1)
    with bench.upsample(spec) as run:
        assert run.end() == 0, run.errors
    group = bench.group
    assert len(members(group)) >= 2

    wait_until(lambda: not members(group), _IDLE_SECONDS + _ENDING_SECONDS)

    wait_until(lambda: not list(bench.root.glob("*/vllm.json")))
