"""Notices that the head of a Ray cluster does not answer any more.

Replicas on other nodes go on without it for a while, but nothing can be started or seen.
"""

from __future__ import annotations

import socket
import time

_SILENCE_SECONDS = 8.0
"""Seconds without an answer after which the head counts as gone."""


class HeadWatch:
    """What is known of the head of one cluster."""

    def __init__(self, address: str) -> None:
        """`address` is the setting; empty for a Ray that the box has started itself."""
        self._address = address
        self._answered: float | None = None
        """When it answered last; None until it was joined."""
        self._is_told = False

    def note_answer(self) -> str:
        """The head has answered. Returns what the log should say of it; nothing as a rule."""
        self._answered = time.monotonic()
        was_told, self._is_told = self._is_told, False
        return "the head of the Ray cluster answers again" if was_told else ""

    def note_silence(self) -> str:
        """The head has not answered. Returns what the log should say of it, once."""
        words = "" if self._is_told else self.words
        self._is_told = self._is_told or bool(words)
        return words

    @property
    def words(self) -> str:
        """That the head is gone, and what to do; empty while it answers, and before it was joined."""
        if self._answered is None or time.monotonic() - self._answered <= _SILENCE_SECONDS:
            return ""
        if not self._address:
            return f"the Ray that the box has started on {socket.gethostname()} does not answer"
        where = f" of {socket.gethostname()}" if self._address == "auto" else f" at {self._address}"
        return (
            f"the head of the Ray cluster{where} does not answer. Start it there again (ray start --head), "
            "or set ray.address of the box to another cluster; the jobs wait for it"
        )
