"""What is said of each start of a real vLLM that failed: the cause and not a warning, and what to do."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from backend.troubles import Facts, translate
from remote.engines.vllm.verdict import cause_of, is_for_good

_HERE = Path(__file__).parent
STARTS = tomllib.loads((_HERE / "vllm_failed_starts.toml").read_text("utf-8"))
FACTS = Facts(box="gpu", model="/m")
WARNING = "Found ulimit of 20000 and failed to automatically increase"


def log_of(name: str) -> list[str]:
    """The log of a start."""
    return (_HERE / "vllm_logs" / f"{name}.txt").read_text("utf-8").splitlines()


def verdict_of(name: str) -> str:
    """What the runner tells of a start, without the cause."""
    return f"vLLM ended while starting, with exit status {STARTS[name]['exit']}:"


@pytest.mark.parametrize("name", sorted(STARTS))
def test_a_failed_start_is_told_by_its_cause_with_the_remedy(name: str) -> None:
    wanted = STARTS[name]
    lines = log_of(name)
    cause = cause_of(lines)
    assert cause.startswith(wanted["cause"])
    assert bool(cause) is bool(wanted["cause"])
    assert is_for_good(lines) is wanted.get("for_good", False)
    trouble = translate(f"{verdict_of(name)} {cause}"[:300], FACTS)
    assert trouble is not None
    assert trouble.id == wanted["trouble"]
    assert wanted["says"] in f"{trouble.what} {trouble.why}"
    assert wanted["do"] in trouble.do


@pytest.mark.parametrize("name", sorted(STARTS))
def test_the_end_of_a_log_that_an_older_runner_sends_is_told_alike(name: str) -> None:
    trouble = translate("\n".join([verdict_of(name), *log_of(name)]), FACTS)
    assert trouble is not None
    assert trouble.id == STARTS[name].get("earlier", STARTS[name]["trouble"])


def test_the_log_of_a_healthy_start_gives_no_verdict() -> None:
    lines = log_of("healthy")
    assert any(WARNING in line for line in lines)
    assert cause_of(lines) == ""
    assert not is_for_good(lines)
    assert translate("\n".join(["vLLM was not ready in time:", *lines]), FACTS) is None


def test_every_log_is_one_of_the_starts() -> None:
    logs = {file.stem for file in (_HERE / "vllm_logs").iterdir()}
    assert logs == {*STARTS, "healthy"}
    assert len(STARTS) >= 15
