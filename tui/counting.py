"""Counts in words."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 job", "12 jobs"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
