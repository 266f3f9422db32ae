"""The queue of messages without a `seq` that wait to be sent to one app. It is bounded; log lines go last.

An engine can log faster than an app reads. So log lines have a budget for each second, and a part of it is
reserved for warnings and errors. Lines over the budget are left out, and the app gets their number; the file
runner.log has all lines.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from remote.protocol import FromBox, Log, Status, encode

MOST_WAITING = 10_000
"""Messages other than log lines; the oldest are dropped."""
LINES_A_SECOND = 200
BYTES_A_SECOND = 64 * 1024
KEPT_FOR_GRAVE = 0.25
"""Share of the budget that is reserved for warnings and errors."""
LONGEST_TEXT = 4000
"""Characters of a log message that are sent: `_BEGINNING` from its start, the others from its end."""
_BEGINNING = 1000
_MOST_LINES_WAITING = 2 * LINES_A_SECOND
"""Log lines that may wait for a slow app."""
_NOTICE_SECONDS = 1.0
"""Seconds between the first line that is left out and the notice of how many were."""
_GRAVE = ("warning", "error")


class Outbox:
    """The messages that wait to be sent to one app."""

    def __init__(self, news: Callable[[], None], clock: Callable[[], float] | None = None) -> None:
        """`news` is a callback for new messages; `clock` counts seconds."""
        self._news = news
        self._loop = asyncio.get_running_loop()
        self._others: deque[FromBox] = deque(maxlen=MOST_WAITING)
        self._status: Status | None = None
        self._lines: deque[Log] = deque()
        self._budget = _Budget(clock or self._loop.time)
        self._left_out = 0
        self._notice: asyncio.TimerHandle | None = None

    def put(self, message: FromBox) -> None:
        """Add a message. A Status replaces the one that waits; a log line over the budget is left out."""
        if isinstance(message, Log):
            self._put_line(message)
        elif isinstance(message, Status):
            self._status = message
        else:
            self._others.append(message)
        self._news()

    def take(self, most: int) -> list[FromBox]:
        """Remove and return the next messages, at most `most`."""
        taken: list[FromBox] = []
        while len(taken) < most and (message := self._next()) is not None:
            taken.append(message)
        return taken

    def _next(self) -> FromBox | None:
        if self._others:
            return self._others.popleft()
        if self._status is not None:
            status, self._status = self._status, None
            return status
        return self._lines.popleft() if self._lines else None

    def close(self) -> None:
        """Cancel the notice of lines that were left out."""
        if self._notice is not None:
            self._notice.cancel()

    def _put_line(self, line: Log) -> None:
        line = shorten_text(line)
        kept = 0.0 if line.level in _GRAVE else KEPT_FOR_GRAVE
        room = len(self._lines) < _MOST_LINES_WAITING * (1 - kept)
        if room and self._budget.spend(line, kept):
            self._lines.append(line)
            return
        self._left_out += _line_count(line)
        if self._notice is None:
            self._notice = self._loop.call_later(_NOTICE_SECONDS, self._say_left_out, line)

    def _say_left_out(self, first: Log) -> None:
        text = f"+{self._left_out:,} lines left out; all are in runner.log"
        self._lines.append(Log(first.time, "info", "runner", text))
        self._left_out, self._notice = 0, None
        self._news()


class _Budget:
    """A rate limit (token bucket) for lines and bytes; it holds at most the amount for one second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock()
        self._lines = float(LINES_A_SECOND)
        self._bytes = float(BYTES_A_SECOND)

    def spend(self, line: Log, kept: float) -> bool:
        """Return whether the line may be sent while the share `kept` stays unused, and charge it if so."""
        self._grow()
        if self._lines <= kept * LINES_A_SECOND or self._bytes <= kept * BYTES_A_SECOND:
            return False
        # The budget may become negative, so that a line larger than the rest of it is sent at some time.
        self._lines -= _line_count(line)
        self._bytes -= len(encode(line))
        return True

    def _grow(self) -> None:
        now = self._clock()
        passed, self._at = now - self._at, now
        self._lines = min(self._lines + passed * LINES_A_SECOND, float(LINES_A_SECOND))
        self._bytes = min(self._bytes + passed * BYTES_A_SECOND, float(BYTES_A_SECOND))


def shorten_text(line: Log) -> Log:
    """Return the line as it is sent: without its middle if it is longer than LONGEST_TEXT."""
    text = line.text
    if len(text) <= LONGEST_TEXT:
        return line
    end = LONGEST_TEXT - _BEGINNING
    gap = f" [… {len(text) - LONGEST_TEXT:,} characters left out …] "
    return Log(line.time, line.level, line.source, text[:_BEGINNING] + gap + text[-end:])


def _line_count(line: Log) -> int:
    return line.text.count("\n") + 1
