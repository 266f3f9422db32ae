"""The log of a starting vLLM: its verdict comes first, then once and whole what vLLM said of its failure."""

from __future__ import annotations

import logging
import re
import time

_log = logging.getLogger("vllm")

_BEGINS = re.compile(r"Traceback \(most recent call last\)|(?:^|\) ?)(?:ERROR|CRITICAL)\b")
"""The first line of what may be a failure."""
_MOST_LINES = 2000
_SECONDS = 30.0
"""A vLLM that fails has mostly ended before that. What goes on for longer is worth seeing at once."""


class StartLog:
    """Writes the log of one start. What may be a failure is held back until it is known whether it is one."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self._since = 0.0
        """When the first of the held lines came."""
        self._holds = True

    def hear(self, line: str) -> None:
        """Write a line, or hold it back together with all that follows."""
        if self._holds and (self._held or _BEGINS.search(line)):
            if not self._held:
                self._since = time.monotonic()
            self._held.append(line)
            self.look()
        else:
            _write(line)

    def look(self) -> None:
        """Release lines that are held for too long. To be called now and then."""
        is_late = time.monotonic() - self._since > _SECONDS
        if self._held and (is_late or len(self._held) > _MOST_LINES):
            self._write_held()

    def release(self) -> None:
        """Write what is held, and hold back no more: the server is ready, or nobody waits for it."""
        self._holds = False
        self._write_held()

    def conclude(self, verdict: str) -> None:
        """Write why the start has failed, and what is held below it, as its details."""
        self._holds = False
        _log.error("%s", verdict)
        held, self._held = self._held, []
        for line in held:
            _log.info("%s", line)

    def _write_held(self) -> None:
        held, self._held = self._held, []
        for line in held:
            _write(line)


def _write(line: str) -> None:
    # The line of each successful request would hide the others.
    if '" 200' not in line:
        _log.log(logging.ERROR if "ERROR" in line else logging.INFO, "%s", line)
