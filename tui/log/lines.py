"""The lines of the log that are shown, and those that a search has found. Each line is looked at once."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tui.log.book import LogBook, LogLine
from tui.log.line_text import clean, gravity, is_marker

IDENTITY_SHOWN = 12
"""Characters of a job's identity that the runner writes into its log."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters: what a line must have to be shown."""

    gravity: int = 0
    """The least gravity: 0 for all lines, 1 for warnings and errors, 2 for errors. Markers are always
    shown."""
    box: str = ""
    """The box; empty for all. Lines of the app are shown with every box."""
    job: int | None = None
    identity: str = ""
    """The identity of the job, by which the box's lines name it; empty while it is unknown."""
    words: tuple[str, ...] = ()
    """Words in lower case. The text of a line must have all of them."""

    @property
    def is_all(self) -> bool:
        """Whether the filters let every line pass."""
        return self == Wanted()

    def with_text(self, text: str) -> Wanted:
        """Return these filters with the words of `text` in place of their own words."""
        return replace(self, words=tuple(text.casefold().split()))

    def has(self, line: LogLine) -> bool:
        """Whether `line` passes the filters."""
        if self.gravity and gravity(line.level) < self.gravity and not is_marker(line):
            return False
        if self.box and line.box and line.box != self.box:
            return False
        if self.job is not None and not self._of_job(line):
            return False
        if not self.words:
            return True
        text = f"{clean(line.source)} {clean(line.text)}".casefold()
        return all(word in text for word in self.words)

    def _of_job(self, line: LogLine) -> bool:
        if line.job is not None:
            return line.job == self.job
        return bool(self.identity) and f"job {self.identity[:IDENTITY_SHOWN]}" in line.text


@dataclass(slots=True)
class Sieve:
    """Keeps the numbers of the lines that pass a test, in ascending order. It looks at each line once."""

    passes: Callable[[LogLine], bool] | None
    """The test; None lets every line pass, at no cost."""
    _numbers: list[int] = field(default_factory=list)
    _everything: range = range(0)
    _seen: int = 0

    def take(self, book: LogBook) -> None:
        """Look at the new lines of `book`, and forget those that it has dropped."""
        if self.passes is None:
            self._everything = range(book.first, book.count)
            return
        del self._numbers[: bisect_left(self._numbers, book.first)]
        passes = self.passes
        self._numbers += [number for number, line in book.since(self._seen) if passes(line)]
        self._seen = book.count

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of the lines that pass."""
        return self._everything if self.passes is None else self._numbers


@dataclass(slots=True)
class LogLines:
    """The lines of `book` that pass the filters, and those of them that a search finds. No widgets."""

    book: LogBook
    wanted: Wanted = Wanted()
    sought: str = ""
    _shown: Sieve = field(default_factory=lambda: Sieve(None))
    _found: Sieve = field(default_factory=lambda: Sieve(None))
    _pattern: re.Pattern[str] | None = None

    def update(self) -> None:
        """Look at the lines that the book has heard since the last call."""
        self._shown.take(self.book)
        if self._pattern is not None:
            self._found.take(self.book)

    def want(self, wanted: Wanted) -> None:
        """Use these filters from now on."""
        if wanted != self.wanted:
            self.wanted = wanted
            self._shown = Sieve(None if wanted.is_all else wanted.has)
            self._seek()
            self.update()

    def search(self, text: str) -> None:
        """Search the shown lines for `text`, whatever its case; an empty text ends the search."""
        self.sought = text
        self._seek()
        self.update()

    @property
    def numbers(self) -> Sequence[int]:
        """Numbers of the lines that are shown, ascending."""
        return self._shown.numbers

    @property
    def found(self) -> Sequence[int]:
        """The numbers of the shown lines that have the searched text, ascending."""
        return () if self._pattern is None else self._found.numbers

    def matches(self, text: str) -> list[tuple[int, int]]:
        """Return where the searched text begins and ends in a harmless text."""
        return [] if self._pattern is None else [it.span() for it in self._pattern.finditer(text)]

    def next_found(self, number: int, step: int) -> int | None:
        """Return the nearest found line after (`step` 1) or before (-1) this one, going around the end if
        necessary.
        """
        found = self.found
        if not found:
            return None
        place = bisect_left(found, number + 1) if step > 0 else bisect_left(found, number) - 1
        return found[place % len(found)]

    def place_of(self, number: int) -> int:
        """Return the index of the first shown line with this number or a higher one."""
        return bisect_left(self.numbers, number)

    def _seek(self) -> None:
        pattern = re.compile(re.escape(self.sought), re.IGNORECASE) if self.sought else None
        self._pattern = pattern
        if pattern is None:
            return
        wanted, search = self.wanted, pattern.search
        self._found = Sieve(
            lambda line: (
                search(clean(line.text)) is not None and (wanted.is_all or wanted.has(line))
            )
        )
