"""A stand-in for `nvidia-smi`: a script that notes how it was called, and does what a test wants it to.

Where the tests run there is no GPU; what is written here is what real drivers print.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

H100 = "0, GPU-8f6e2f5c-1f0a-4c3e-9d0b-1a2b3c4d5e6f, NVIDIA H100 80GB HBM3, 63488, 81559, 71"
IDLE_H100 = "1, GPU-11111111-2222-3333-4444-555555555555, NVIDIA H100 80GB HBM3, 4, 81559, 0"
_SECONDS = 30.0


@dataclass(frozen=True)
class FakeSmi:
    """The script, in a folder of its own that is to be put before PATH."""

    folder: Path

    @property
    def calls(self) -> list[str]:
        """The arguments of each run."""
        notes = self.folder / "calls"
        return notes.read_text().splitlines() if notes.exists() else []

    @property
    def pids(self) -> list[int]:
        """The process of each run, and of its child if it had one."""
        notes = self.folder / "pids"
        return [int(pid) for pid in notes.read_text().split()] if notes.exists() else []

    def prints(self, *lines: str, status: int = 0) -> None:
        """From now on it prints these lines and exits with `status`."""
        text = "\n".join(lines)
        self._does(f"cat <<'END'\n{text}\nEND\nexit {status}")

    def hangs(self) -> None:
        """From now on it says nothing and does not end, and heeds no SIGTERM; nor does its child."""
        self._does(f'trap "" TERM\nsleep 600 &\necho $! >> "{self.folder}/pids"\nwait')

    def babbles(self) -> None:
        """From now on it prints without an end."""
        self._does("exec yes '0, GPU-1, babble, 1, 2, 3'")

    def wait_for_calls(self, count: int) -> None:
        """Return when it was called so often."""
        deadline = time.monotonic() + _SECONDS
        while len(self.calls) < count:
            assert time.monotonic() < deadline, self.calls
            time.sleep(0.02)

    def _does(self, what: str) -> None:
        self.folder.mkdir(exist_ok=True)
        made = self.folder / "nvidia-smi.new"
        note = f'echo "$*" >> "{self.folder}/calls"\necho $$ >> "{self.folder}/pids"'
        made.write_text(f"#!/bin/sh\n{note}\n{what}\n")
        made.chmod(0o755)
        made.rename(self.folder / "nvidia-smi")
