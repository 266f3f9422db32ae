"""The fixtures `bench` and `contained`, by which the tests of the engine `vllm` start engines."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from remote.engines.vllm import engine, process
from tests.remote.engines.podman_bench import PodmanBench, import_server
from tests.remote.engines.vllm_bench import Bench
from tests.support.podman import PODMAN, Podman, own_podman


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


async def _unknown_version(_command: Sequence[str], _environment: Mapping[str, str]) -> None:
    """As for any stand-in; finding that out takes a while."""


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    """podman with a storage of the session's own, and the stand-in for vLLM as an image."""
    with own_podman() as made:
        import_server(made)
        yield made


@pytest.fixture
def contained(
    request: pytest.FixtureRequest, tmp_path: Path, podman: Podman, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PodmanBench]:
    """A bench whose servers run in containers. Its parameter is the program, podman by default."""
    for name, value in podman.environment.items():
        monkeypatch.setenv(name, value)
    yield PodmanBench(tmp_path, podman, getattr(request, "param", PODMAN))
    podman.remove_containers()  # of a test that failed
