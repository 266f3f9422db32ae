"""Makes text from files harmless for a terminal, where it draws nothing but itself.

Widgets get Content and Segments, so markup is no danger. This is about control characters, bidi overrides
and half surrogates, and about cells, because some characters take two of them, as 漢 does.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.cells import cell_len, set_cell_size, split_text

from backend.addresses import spelled
from backend.specs.quoting import printable

MUTED = "$foreground-muted"
"""The theme's colour for what matters less than the text around it."""

CHOSEN = "◉"
"""The sign of the one of several that is used."""

DOT = ("  ·  ", "$foreground-disabled")
"""Stands between the parts of a title."""

LONGEST_LINE = 400
"""How many characters of a foreign text are looked at for one line; no screen is wider."""

LONGEST_TEXT = 50_000
"""How many characters of a prompt are shown. A tenth of that exceeds every model's context."""

_LEAST_APART = 8
"""The least cells in which two ends of a name and an … tell more than its ends do."""

_EMOJI_STYLE = "\ufe0f"
"""The selector for the wide picture of a character. Terminals disagree on its width, so it is removed."""


def one_line(text: str) -> str:
    """Return `text` on one line, with everything that does not print spelled out (`\\n`, `\\x1b`)."""
    return printable(text[:LONGEST_LINE].replace(_EMOJI_STYLE, ""))


def paragraphs(text: str) -> str:
    """Return `text` with its line breaks, otherwise spelled out as by `one_line`."""
    lines = text[:LONGEST_TEXT].replace("\r\n", "\n").replace(_EMOJI_STYLE, "").split("\n")
    shown = "\n".join(printable(line.expandtabs(4)) for line in lines)
    more = len(text) - LONGEST_TEXT
    return f"{shown}\n… and {more:,} more characters" if more > 0 else shown


def short_path(path: Path, cwd: Path) -> str:
    """Return `path` as the user would write it in `cwd`; one that holds an address as that address."""
    return one_line(spelled(path.relative_to(cwd) if path.is_relative_to(cwd) else path))


def cut(text: str, width: int) -> str:
    """Return the beginning of `text` that fits into `width` cells, with an … where something is missing."""
    if cell_len(text) <= width:
        return text
    return split_text(text, width - 1)[0].rstrip() + "…" if width > 0 else ""


def cut_middle(text: str, width: int) -> str:
    """Return both ends of `text` with an … between them, because long names often differ at their end."""
    cells = cell_len(text)
    if cells <= width:
        return text
    end = max(0, width - 1) // 2
    return cut(split_text(text, cells - end)[0], width - end) + split_text(text, cells - end)[1]


def cut_apart(text: str, width: int, others: Iterable[str]) -> str:
    """Cut a name as `cut_middle` does. Where one of the others would look the same, the … stands before the
    first place where the two differ."""
    shown = cut_middle(text, width)
    if shown == text or width < _LEAST_APART:
        return shown
    alike = [each for each in others if each != text and cut_middle(each, width) == shown]
    if not alike:
        return shown
    end = text[min(_shared(text, each) for each in alike) :]
    end = cut(end, width - max(1, width // 3) - 1)
    return split_text(text, width - 1 - cell_len(end))[0] + "…" + end


def _shared(text: str, other: str) -> int:
    """Return how many characters two texts share from their beginning."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(text), len(other)))


def left(text: str, width: int) -> str:
    """Return `text` cut or filled to exactly `width` cells."""
    return set_cell_size(cut(text, width), width)


def right(text: str, width: int) -> str:
    """Return `text` cut or filled to exactly `width` cells, aligned to the right."""
    text = cut(text, width)
    return " " * (width - cell_len(text)) + text
