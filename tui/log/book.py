"""The log lines that the app has heard, newest last, as many as fit. No widgets.

A line keeps its number when older lines are dropped, so that a view, a search or a filter can remember a
place. Lines are not made harmless here, because 20,000 a second come in and 50 of them are drawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from backend.events import BoxLog

MOST_LINES = 50_000
"""Lines that are kept; the box keeps all of them in files."""

MOST_CHARACTERS = 20_000_000
"""Characters that are kept, in all lines together."""

LONGEST_LINE = 4_000
"""Characters of a line that are kept."""

LONGEST_WORD = 80
"""Characters of a level or a source that are kept."""

MOST_LINES_OF_ONE = 1_000
"""Lines into which one text is split, at most."""

JOB = "job"
"""The source of lines that tell what became of a job."""
LINK = "link"
"""The source of lines that tell how the link to a box stands."""


class LogLine(NamedTuple):
    """A line of a log, without a line break. It is data from outside: make it harmless before showing it."""

    box: str
    """The box that said it; empty for a line of the app."""
    time: float
    """Unix time, by the clock of the machine that said it."""
    level: str
    source: str
    text: str
    job: int | None = None
    """The number of the job that the line is about. A box's own lines name jobs in their text only."""


@dataclass(slots=True)
class LogBook:
    """Numbered log lines. Only the app's thread touches it."""

    most: int = MOST_LINES
    lines: deque[LogLine] = field(default_factory=deque)
    count: int = 0
    """How many lines were ever heard, which is the number of the next line."""
    boxes: dict[str, None] = field(default_factory=dict)
    """The boxes that lines came from, in the order in which they were first heard."""
    _characters: int = 0

    def hear(self, event: BoxLog) -> list[LogLine]:
        """Add what a box said, and return the lines that it became."""
        return self.add(LogLine(event.box, event.time, event.level, event.source, event.text))

    def add(self, line: LogLine) -> list[LogLine]:
        """Add a line, or several if its text has line breaks. The oldest lines are dropped if there are too
        many.
        """
        if line.box and line.box not in self.boxes:
            self.boxes[line.box] = None
        if len(line.level) > LONGEST_WORD or len(line.source) > LONGEST_WORD:
            line = line._replace(level=line.level[:LONGEST_WORD], source=line.source[:LONGEST_WORD])
        lines = _split(line)
        for each in lines:
            self.lines.append(each)
            self._characters += len(each.text)
        self.count += len(lines)
        while len(self.lines) > self.most or self._characters > MOST_CHARACTERS:
            self._characters -= len(self.lines.popleft().text)
        return lines

    @property
    def first(self) -> int:
        """The number of the oldest line that is kept."""
        return self.count - len(self.lines)

    def line(self, number: int) -> LogLine | None:
        """The line with this number; None when it is kept no longer."""
        place = number - self.first
        return self.lines[place] if 0 <= place < len(self.lines) else None

    def since(self, number: int) -> Iterator[tuple[int, LogLine]]:
        """Yield the kept lines from this number on, each with its number."""
        start = max(number, self.first)
        new = self.count - start
        if new < len(self.lines) // 2:
            # From the near end: a deque is walked, not indexed.
            newest = list(islice(reversed(self.lines), max(0, new)))
            return zip(range(start, self.count), reversed(newest), strict=True)
        kept = islice(self.lines, start - self.first, None)
        return zip(range(start, self.count), kept, strict=True)


def _split(line: LogLine) -> list[LogLine]:
    text = line.text
    if "\n" not in text:
        whole = _cut(text.removesuffix("\r"))
        return [line if whole is text else line._replace(text=whole)]
    # Never more pieces than are kept, whatever the text is.
    parts = text.removesuffix("\n").split("\n", MOST_LINES_OF_ONE)
    lines = [
        line._replace(text=_cut(part.removesuffix("\r"))) for part in parts[:MOST_LINES_OF_ONE]
    ]
    if len(parts) > MOST_LINES_OF_ONE:
        lines.append(line._replace(text=f"… and {len(parts[-1]):,} more characters"))
    return lines


def _cut(text: str) -> str:
    """Cut a text that is too long, and say its length in it."""
    more = len(text) - LONGEST_LINE
    return text if more <= 0 else f"{text[:LONGEST_LINE]} … and {more:,} more characters"
