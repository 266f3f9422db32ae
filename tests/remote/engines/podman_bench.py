"""A bench whose containers are podman's, with a stand-in for vLLM as the program in the image."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.remote.engines import vllm_stand_in
from tests.remote.engines.vllm_bench import Bench
from tests.support.podman import PROGRAMS, Podman

IMAGE = "localhost/vllm/vllm-openai:v0.8.1"
by_either_name = pytest.mark.parametrize("contained", PROGRAMS, indirect=True)
"""Has a test of the fixture `contained` call podman by its own name, and by Docker's."""
_SERVER = Path(vllm_stand_in.__file__)
PYTHON = str(Path(sys.executable).resolve())
_ENDS_AT_SIGTERM = (
    "import runpy, signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); "
    f"runpy.run_path({str(_SERVER)!r}, run_name='__main__')"
)
"""The first process of a container gets no signal that it has no handler for."""


def import_server(podman: Podman) -> None:
    """Make the image whose program is the stand-in."""
    podman.import_image(IMAGE, [PYTHON, "-c", _ENDS_AT_SIGTERM])


def run_line(podman: Podman, folder: Path, program: str, *options: str) -> tuple[str, ...]:
    """A line that starts the stand-in, with its orders and notes in this folder of the box."""
    ours = f"{_SERVER.parent}:{_SERVER.parent}:ro"
    kept = f"{folder}:{folder}"
    more = ["-v", ours, "-v", kept, "-e", f"{vllm_stand_in.FOLDER}={folder}"]
    return (program, "run", *podman.mounts, *more, *options, IMAGE)


class PodmanBench(Bench):
    """Engines whose servers run in containers."""

    def __init__(self, folder: Path, podman: Podman, program: str) -> None:
        super().__init__(folder)
        self.podman = podman
        self.program = program
        self.use()

    def use(self, *options: str, env: tuple[str, ...] = ("SEEN=yes",)) -> None:
        """Have the line begin with these options from now on."""
        line = run_line(self.podman, self.folder, self.program, *options)
        self.setup = replace(self.setup, command=line, env=env, cuda_visible_devices="")

    @property
    def containers(self) -> set[str]:
        """Those that exist."""
        return self.podman.containers()

    @property
    def client(self) -> int:
        """The process of podman's client, as the pid file has it."""
        group: int = json.loads((self.place.state / "vllm.json").read_text())["group"]
        return group

    def kill_client(self) -> None:
        """Kill podman's client, which the container outlives."""
        os.killpg(self.client, signal.SIGKILL)
