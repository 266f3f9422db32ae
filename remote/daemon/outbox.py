"""The messages of the moment that wait to be told to one app: bounded, and the log last of all.

An engine can log faster than anybody reads, so the log has a budget a second, of which a part is kept for
warnings and errors. What is over it is left out here and counted there; the log's file has it all.
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
"""Share of the budget that only warnings and errors may use."""
LONGEST_TEXT = 4000
"""Characters of a log message that are sent: its first ones, and more of its last."""
_BEGINNING = 1000
_MOST_LINES_WAITING = 2 * LINES_A_SECOND
"""For an app that takes them slowly."""
_NOTICE_SECONDS = 1.0
"""Between the first line that is left out and the word that some were."""
_GRAVE = ("warning", "error")


class Outbox:
    """What one app is still to be told."""

    def __init__(self, news: Callable[[], None], clock: Callable[[], float] | None = None) -> None:
        """`news` is called when there is something to take; `clock` counts seconds."""
        self._news = news
        self._loop = asyncio.get_running_loop()
        self._others: deque[FromBox] = deque(maxlen=MOST_WAITING)
        self._status: Status | None = None
        self._lines: deque[Log] = deque()
        self._budget = _Budget(clock or self._loop.time)
        self._left_out = 0
        self._notice: asyncio.TimerHandle | None = None

    def put(self, message: FromBox) -> None:
        """Let a message wait, or a log line be left out; a Status takes the place of one before."""
        if isinstance(message, Log):
            self._put_line(message)
        elif isinstance(message, Status):
            self._status = message
        else:
            self._others.append(message)
        self._news()

    def take(self, most: int) -> list[FromBox]:
        """The next messages, at most so many; none when none waits."""
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
        """Say nothing more."""
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
    """Lines and bytes that may be sent: a second's worth at most, growing with the time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock()
        self._lines = float(LINES_A_SECOND)
        self._bytes = float(BYTES_A_SECOND)

    def spend(self, line: Log, kept: float) -> bool:
        """Whether the line may be sent, with the share `kept` left for others."""
        self._grow()
        if self._lines <= kept * LINES_A_SECOND or self._bytes <= kept * BYTES_A_SECOND:
            return False
        # May leave a debt: whatever is no longer than allowed has its turn at some time.
        self._lines -= _line_count(line)
        self._bytes -= len(encode(line))
        return True

    def _grow(self) -> None:
        now = self._clock()
        passed, self._at = now - self._at, now
        self._lines = min(self._lines + passed * LINES_A_SECOND, float(LINES_A_SECOND))
        self._bytes = min(self._bytes + passed * BYTES_A_SECOND, float(BYTES_A_SECOND))


def shorten_text(line: Log) -> Log:
    """The line as it is sent: one that is very long without its middle."""
    text = line.text
    if len(text) <= LONGEST_TEXT:
        return line
    end = LONGEST_TEXT - _BEGINNING
    gap = f" [… {len(text) - LONGEST_TEXT:,} characters left out …] "
    return Log(line.time, line.level, line.source, text[:_BEGINNING] + gap + text[-end:])


def _line_count(line: Log) -> int:
    return line.text.count("\n") + 1
