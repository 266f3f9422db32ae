"""The parts of a log line as harmless text: its time, its level, and whether it marks a gap."""

from __future__ import annotations

import re
import time
from enum import StrEnum

from backend.box.status_text import local_time
from backend.specs.quoting import printable
from tui.log.book import LINK, LogLine

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
"""Escape sequences for colours and bold (SGR). They are removed; other escapes are spelled out."""
_LEFT_OUT = re.compile(r"\+[\d,]+ lines left out")
_GRAVE = {"warning": 1, "warn": 1, "error": 2, "critical": 2, "fatal": 2}


class Times(StrEnum):
    """Which kind of time stands in front of each line."""

    CLOCK = "clock"
    AGO = "ago"
    NONE = "none"

    @property
    def next(self) -> Times:
        """The kind that follows this one; the first follows the last."""
        every = list(Times)
        return every[(every.index(self) + 1) % len(every)]


def clean(text: str) -> str:
    """Return `text` without colours, with everything else in it that does not print spelled out."""
    if text.isprintable() and "\ufe0f" not in text:
        return text
    return printable(_COLOURS.sub("", text).replace("\ufe0f", "").expandtabs(8))


def gravity(level: str) -> int:
    """Return 0 for information, 1 for a warning, 2 for an error."""
    return _GRAVE.get(level.lower(), 0)


def letter(level: str) -> str:
    """Return the level as one letter; a dot for an unknown level."""
    known = level.lower() in {"debug", "info", *_GRAVE}
    return level[0].upper() if known else "·"


def is_marker(line: LogLine) -> bool:
    """Whether the line marks a gap: the box left lines out, or the state of the link changed."""
    return line.source == LINK or (line.text.startswith("+") and bool(_LEFT_OUT.match(line.text)))


def stamp(line: LogLine, times: Times, now: float) -> str:
    """Return the time of the line, 8 cells wide; empty when times are not shown."""
    match times:
        case Times.CLOCK:
            return time.strftime("%H:%M:%S", local_time(line.time))
        case Times.AGO:
            return f"{_age(now - line.time):>8}"
        case Times.NONE:
            return ""


def plain(line: LogLine) -> str:
    """Return the whole line as it is copied and written to files: "2026-09-03 07:01:02 h100 warning vllm:
    text".
    """
    when = time.strftime("%Y-%m-%d %H:%M:%S", local_time(line.time))
    who = " ".join(clean(part) for part in (line.box, line.level, line.source) if part)
    return f"{when} {who}: {clean(line.text)}"


def _age(seconds: float) -> str:
    if not -1e9 < seconds < 1e9:  # NaN, too
        return "?"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s ago"
    if whole < 3600:
        return f"{whole // 60} m ago"
    hours = whole // 3600
    return f"{hours} h ago" if hours < 100 else f"{hours // 24:,} d"
