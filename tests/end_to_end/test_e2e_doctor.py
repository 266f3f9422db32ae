"""`upsample doctor --start` with real vLLM and a tiny Pixtral, behind a real sshd.

Its CPU build needs no GPU, so the GPU alone is found missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.daemons import end_daemons
from tests.support.laptop import UPSAMPLE, JsonObject, Laptop
from tests.support.sshd import running_sshd
from tests.support.tiny_pixtral import TinyPixtral, make_tiny_pixtral

pytestmark = [pytest.mark.vllm, pytest.mark.xdist_group("vllm"), pytest.mark.timeout(300)]

_IDLE_SECONDS = 120
"""Longer than it takes to begin the next examination."""
_START_SECONDS = 240.0


@dataclass
class Bench:
    """A user, and a box with vLLM."""

    laptop: Laptop
    root: Path

    def examine(self) -> dict[str, JsonObject]:
        """What `doctor --start` finds, by "area/name"."""
        # Not `laptop.run`: vLLM's start takes longer than that waits.
        ended = subprocess.run(
            [UPSAMPLE, "doctor", "--start", "--json"],
            cwd=self.laptop.cwd,
            env=self.laptop.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
        )
        assert "Traceback" not in ended.stderr
        lines = [json.loads(line) for line in ended.stdout.splitlines()]
        return {f"{line['area']}/{line['name']}": line for line in lines[:-1]}

    @property
    def groups(self) -> list[int]:
        """The process group of the server, if one runs."""
        return [json.loads(note.read_text())["group"] for note in self.root.glob("*/vllm.json")]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("doctor")
    tiny = make_tiny_pixtral(folder / "tiny")
    laptop, root = Laptop(folder / "home", folder / "work"), folder / "box"
    with running_sshd(folder / "sshd", laptop.public_key) as server:
        laptop.trust(server.port, server.host_key)
        laptop.add_host("gpu-box", server.port)
        laptop.configure(_config(tiny, root))
        made = Bench(laptop, root)
        yield made
        groups = made.groups
        end_daemons(folder)
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


def _config(tiny: TinyPixtral, root: Path) -> str:
    # JSON's strings and lists are TOML's.
    return (
        f'box = "tiny"\n[boxes.tiny]\nhost = "gpu-box"\nroot = "{root}"\nengine = "vllm"\n'
        f'model = "{tiny.model}"\nidle_timeout = {_IDLE_SECONDS}\n'
        f"[boxes.tiny.vllm]\ncommand = {json.dumps(tiny.command)}\nmax_num_seqs = 8\n"
        f'env = {{ PYTHONPATH = "{tiny.site}", HF_HUB_OFFLINE = "1" }}\n'
    )


def test_the_model_is_started_one_token_generated_and_the_time_remembered(bench: Bench) -> None:
    first = bench.examine()

    failed = [name for name, finding in first.items() if finding["verdict"] == "failed"]
    assert failed == ["GPU/GPUs"]
    assert first["vLLM/version"]["detail"] == "0.32.0"
    assert "--load-format dummy" in first["model/weights"]["detail"]
    assert first["start/last time"]["detail"] == "this box remembers no start"
    token = first["start/first token"]["detail"]
    assert "loading weights" in token
    assert "answering a first request" in token

    again = bench.examine()

    assert "was ready after" in again["start/last time"]["detail"]
    assert again["start/last time"]["detail"].endswith("with vllm 0.32.0")
    assert again["start/first token"]["detail"].endswith("; nothing had to be started")
    assert again["box/daemon"]["detail"].startswith("running with vllm 0.32.0, these settings")
    assert bench.laptop.jobs() == []
