"""The Python environments that the scripts in .ci install for tests, each beside the project's own."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

import pytest

_FOLDER = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "upsample-ci"
_STAMP = ".installed"


@dataclass(frozen=True)
class Environment:
    """An environment with one program. Make it when tests are collected: each test has a home of its own, and
    no UPSAMPLE_* in its environment.
    """

    what: str
    """What is in it, in words."""
    name: str
    """Its folder's name, as the script has it."""
    script: str
    """What installs it."""
    elsewhere: str | None
    """Where it is instead, as a variable of the tests' environment says."""

    def program(self, name: str) -> Path:
        """Return a program of the environment. Without it the test is passed over, but not in CI."""
        folder = Path(self.elsewhere) if self.elsewhere else _FOLDER / self.name
        found = folder / "bin" / name
        there = found.exists() and (bool(self.elsewhere) or (folder / _STAMP).exists())
        if not there and os.environ.get("CI"):
            pytest.fail(f"the CI machine must have {self.what} in {folder}; run {self.script}")
        if not there:
            pytest.skip(f"{self.what} is not in {folder}; {self.script} puts it there")
        return found
