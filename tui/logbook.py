"""The log lines that the app has heard, newest last, as many as fit. No widgets."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from backend.events import BoxLog

MOST_LINES = 50_000
"""Lines that are kept; the box keeps all of them in files."""


@dataclass(slots=True)
class LogBook:
    """Numbered log lines. Only the app's thread touches it."""

    lines: deque[BoxLog] = field(default_factory=lambda: deque(maxlen=MOST_LINES))
    count: int = 0
    """Lines that were ever heard: the number of the next one."""

    def hear(self, line: BoxLog) -> None:
        """Take in a line; the oldest makes room when it must."""
        self.lines.append(line)
        self.count += 1

    @property
    def first(self) -> int:
        """The number of the oldest line that is kept."""
        return self.count - len(self.lines)

    def since(self, number: int) -> Iterator[BoxLog]:
        """The lines from this number on, those that are kept."""
        for position in range(max(0, number - self.first), len(self.lines)):
            yield self.lines[position]
