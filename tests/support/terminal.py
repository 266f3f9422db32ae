"""A real terminal: the `upsample` app in a tmux of its own, driven by keys and read off the screen."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.laptop import UPSAMPLE, Laptop

BOUND = 90.0
"""Seconds that anything may take to appear before the test has failed."""
_LOOK_EVERY = 0.03

_CONFIG = """
set -g status off
set -g default-terminal tmux-256color
set -sg escape-time 0
"""
_THEN_STAY = ("sh", "-c", '"$@"; echo "ended with $?"; exec cat', "sh")
"""Runs a command, and leaves its last words on the screen."""


class Terminal:
    """One terminal of a given size. What it runs is the laptop's own `upsample`."""

    def __init__(self, tmux: str, folder: Path, laptop: Laptop, columns: int, lines: int) -> None:
        self._tmux = [tmux, "-S", str(folder / "socket"), "-f", str(folder / "config")]
        self._laptop = laptop
        self._size = ("-x", str(columns), "-y", str(lines))
        (folder / "config").write_text(_CONFIG)

    def open(self, *arguments: str | Path) -> None:
        """Run `upsample` with these, in place of what ran before."""
        command = [*_THEN_STAY, str(UPSAMPLE), *map(str, arguments)]
        if self._ask("list-sessions", check=False):
            self._ask("respawn-pane", "-k", *command)
        else:
            self._ask("new-session", "-d", *self._size, *command)

    def open_shell(self) -> None:
        """Run a shell with job control, in which `type` and `press` start and stop programs."""
        self._ask("new-session", "-d", *self._size, "bash", "--norc", "--noprofile", "-i")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux' names where they have one: Enter, Escape, Space, Tab, BSpace, Right."""
        self._ask("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type text as it stands."""
        self._ask("send-keys", "-l", text)

    def clear(self) -> None:
        """Empty the screen of what was written so far."""
        self._ask("send-keys", "-R")

    @property
    def screen(self) -> str:
        """What is on the screen, without colours."""
        return self._ask("capture-pane", "-p")

    def until(self, *patterns: str, gone: str = "(?!)", pressing: str = "") -> str:
        """Wait until all of these regular expressions match the screen, each somewhere, and `gone` does
        not, and press that key before each look; the screen then.
        """
        deadline = time.monotonic() + BOUND
        while True:
            if pressing:
                self.press(pressing)
            screen = self.screen
            missing = [p for p in patterns if not re.search(p, screen, re.MULTILINE)]
            if not missing and not re.search(gone, screen, re.MULTILINE):
                return screen
            assert time.monotonic() < deadline, f"missing {missing} or not gone {gone}\n{screen}"
            time.sleep(_LOOK_EVERY)

    def until_ended(self) -> str:
        """Wait until the program has ended well; its last words."""
        screen = self.until(r"^ended with \d+$")
        assert "ended with 0\n" in screen, screen
        return screen

    def close(self) -> None:
        """End whatever runs here."""
        self._ask("kill-server", check=False)

    def _ask(self, *arguments: str, check: bool = True) -> str:
        environment = self._laptop.environment() | {"COLORTERM": "truecolor"}
        asked = subprocess.run(
            [*self._tmux, *arguments],
            cwd=self._laptop.cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=BOUND,
        )
        assert not check or asked.returncode == 0, asked.stderr
        return asked.stdout


@contextmanager
def terminal_of(laptop: Laptop, columns: int, lines: int) -> Iterator[Terminal]:
    """A terminal that ends with the test. Without tmux there is none: in CI that is a failure."""
    tmux = shutil.which("tmux")
    if tmux is None and os.environ.get("CI"):
        pytest.fail("the CI machine must have tmux, or the app goes untested in a real terminal")
    if tmux is None:
        pytest.skip("tmux is not installed")
    # The name of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="tmux") as folder:
        terminal = Terminal(tmux, Path(folder), laptop, columns, lines)
        try:
            yield terminal
        finally:
            terminal.close()
