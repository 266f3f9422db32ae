"""A model server that the daemon does not start, only asks: the stand-in at a port of loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.faults import engine as stand_in
from tests.support.sshd import LOOPBACK, free_port


class ModelServer:
    """One server, at the same port for as long as it lives."""

    def __init__(self, log: Path) -> None:
        """`log` is the file of the account."""
        self.port = free_port()
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/v1"

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self, loads: float = 0.0) -> None:
        """Begin to serve; for the first `loads` seconds, say only that the model is loading."""
        command = [sys.executable, "-I", stand_in.__file__]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port), "--loads", str(loads)],
            env={**os.environ, stand_in.LOG: str(self._log)},
            stdin=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """End it in the middle of whatever it does; the port refuses connections when this returns."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
