"""Lengths of time, amounts of bytes and counts, written to be read at a glance."""

from __future__ import annotations


def clock(seconds: float | None) -> str:
    """ "0:07", "12:40", "3:02:11"; empty for None."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def about(seconds: float) -> str:
    """Return a span as a rough guess: "about 20 s", "about 4 min", "about 2.5 h"."""
    if seconds < 1:
        return "about a second"
    if seconds < 90:
        return f"about {seconds:.0f} s"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"


def size(count: int) -> str:
    """Bytes as "812 kB", "3.4 MB"."""
    if count < 1_000_000:
        return f"{count / 1_000:.0f} kB"
    if count < 1_000_000_000:
        return f"{count / 1_000_000:.1f} MB"
    return f"{count / 1_000_000_000:.2f} GB"


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 job", "12 jobs"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
