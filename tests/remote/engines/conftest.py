"""The fixture `bench`, by which the tests of the engine `vllm` start engines."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from remote.engines.vllm import engine, process
from tests.remote.engines.vllm_bench import Bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(engine, "_STEP", 0.02)
    monkeypatch.setattr(process, "_TERM_SECONDS", 0.06)
    monkeypatch.setattr(process, "_ORPHANS_SECONDS", 0.06)
    monkeypatch.setattr(process, "_STEP", 0.02)
    monkeypatch.setattr(engine, "find_version", _unknown_version)
    made = Bench(tmp_path)
    yield made
    for pid in made.alive:  # of a test that failed
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def _unknown_version(_command: Sequence[str]) -> None:
    """As for any stand-in; finding that out takes a while."""
