"""Ray Serve before a stand-in for a chat model: its replicas can be killed, and it can be started anew."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.laptop import IDLE_SECONDS
from tests.support.ray_environment import RAY
from tests.support.sshd import BOUND, LOOPBACK, free_port
from tests.support.waiting import wait_until

MODEL = "stand-in"
_PROGRAM = Path(__file__).with_name("ray_serving.py")
_REPLICAS = 2


@dataclass
class RayServe:
    """A Serve that answers. Use `ray_serve`."""

    port: int
    log: Path
    _process: subprocess.Popen[str]

    def engine(self, slots: int) -> str:
        """What a box's table in config.toml says for this to be its engine."""
        return (
            f'engine = "openai"\nmodel = "{MODEL}"\nidle_timeout = {IDLE_SECONDS}\n'
            f'openai = {{ base_url = "http://{LOOPBACK}:{self.port}/v1", slots = {slots} }}\n'
        )

    def kill_a_replica(self) -> None:
        """End a process that answers, as the kernel does when memory is short."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/pid", timeout=BOUND) as page:
            os.kill(int(json.load(page)), signal.SIGKILL)

    def start_anew(self) -> None:
        """End Serve, and start it in the same Ray. Returns when it answers."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when Serve says that it answers."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line == "ready\n":
                return
        pytest.fail(f"Ray Serve has ended: {self.log.read_text()[-2000:]}")


@contextlib.contextmanager
def ray_serve(folder: Path) -> Iterator[RayServe]:
    """A Serve with a Ray of its own, which has ended when the block ends."""
    python, port, log = RAY.program("python"), free_port(), folder / "ray_serve.log"
    # Ray's sockets need a short path.
    files = tempfile.mkdtemp(prefix="ray")
    command: list[str | Path] = [python, _PROGRAM, str(port), str(_REPLICAS), files]
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=written, text=True
        )
    made = RayServe(port, log, process)
    try:
        made.wait_until_ready()
        yield made
    finally:
        of_ray = _descendants(process.pid)
        process.kill()  # Ray's processes end with it, sooner or later
        process.communicate(timeout=BOUND)
        for pid in of_ray:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in of_ray), BOUND)
        shutil.rmtree(files)


def _descendants(pid: int) -> list[int]:
    """The processes that this one has started, and theirs."""
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, tasks.read_text().split()):
            found += [child, *_descendants(child)]
    return found
