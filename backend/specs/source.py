"""Loads a spec file's text unchanged, with its line endings and its byte order mark."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backend.files import LFS_POINTER, NotRegular, TooLarge, read_regular
from backend.specs.model import BrokenSpec, Skipped

MAX_SPEC_BYTES = 64 * 1024 * 1024
"""The largest spec file that is read. 100,000 long prompts take half of this."""

FROM_LFS = "a Git LFS pointer: the file itself was not fetched; run `git lfs pull` there"

MOST_LINES = 4_000_000
"""The most lines of a spec file. One of 64 MiB may consist of nothing else, and the place of each is kept."""

_NEWLINE = re.compile(r"\r\n|\r|\n")
_BOM = "\ufeff"
# Escapes of ASCII characters do not count: every JSON file must escape control characters.
_NON_ASCII_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u(?!00[0-7])[0-9a-fA-F]{4}")


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of a text. It goes from `start` up to `end`; with its newline, up to `after`."""

    start: int
    end: int
    after: int


@dataclass(frozen=True)
class SourceText:
    """The text of one file."""

    file: Path
    """The file, as the user named it or as the search of a folder found it."""
    place: Path
    """The path that was opened: `file`, resolved from the working directory."""
    text: str
    """The text without the byte order mark."""
    mark: str
    """The byte order mark where the file begins with one, else empty."""

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(newline.end() for newline in _NEWLINE.finditer(self.text))]

    def line_at(self, position: int) -> int:
        """Return the line that contains `position`, from 1."""
        if position == 0:  # where most specs begin
            return 1
        return bisect_right(self._line_starts, position)

    def column_at(self, position: int) -> int:
        """Return the column of `position` in its line, from 1."""
        return position - self._line_starts[self.line_at(position) - 1] + 1

    @cached_property
    def escapes_non_ascii(self) -> bool:
        """Whether the file writes é as \\u00e9. Text that is added should be written the same way."""
        may_escape = "\\u" in self.text and self.text.isascii()
        return may_escape and _NON_ASCII_ESCAPE.search(self.text) is not None

    def broken(self, position: int, problem: str) -> BrokenSpec:
        """Make a BrokenSpec for a problem at `position`."""
        return BrokenSpec(self.file, self.line_at(position), problem)


def lines(text: str) -> Iterator[TextLine]:
    """Yield the lines of a text. `splitlines` also splits at U+2028, which JSON strings may contain."""
    start = 0
    for newline in _NEWLINE.finditer(text):
        yield TextLine(start, newline.start(), newline.end())
        start = newline.end()
    if start < len(text):
        yield TextLine(start, len(text), len(text))


def load(file: Path, cwd: Path) -> SourceText | Skipped | BrokenSpec:
    """Read `file`, resolved from `cwd`. Returns the reason where it cannot be read."""
    place = cwd / file
    try:
        data = read_regular(place, MAX_SPEC_BYTES)
    except FileNotFoundError:
        return BrokenSpec(file, 0, "there is no such file")
    except (NotRegular, IsADirectoryError):
        return Skipped(file, "not a regular file")
    except TooLarge:
        return Skipped(file, f"larger than {MAX_SPEC_BYTES >> 20} MiB, too large for prompts")
    except (OSError, ValueError) as error:
        return BrokenSpec(file, 0, f"cannot be read: {reason(error)}")
    if data.startswith(LFS_POINTER):
        return Skipped(file, FROM_LFS)
    return _decode(file, place, data)


def reason(error: OSError | ValueError) -> str:
    """Return the operating system's reason for an error, without the path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _decode(file: Path, place: Path, data: bytes) -> SourceText | Skipped | BrokenSpec:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return BrokenSpec(file, line, f"not UTF-8: byte {error.start} cannot be read")
    nul = data.find(b"\0")
    if nul >= 0:
        return BrokenSpec(
            file, data.count(b"\n", 0, nul) + 1, f"not a text file: byte {nul} is zero"
        )
    mark = _BOM if text.startswith(_BOM) else ""
    if not text[len(mark) :].strip():
        return Skipped(file, "the file is empty")
    if text.count("\n") + text.count("\r") - text.count("\r\n") > MOST_LINES:
        return BrokenSpec(file, 0, f"more than {MOST_LINES:,} lines: divide it into several files")
    return SourceText(file, place, text[len(mark) :], mark)
