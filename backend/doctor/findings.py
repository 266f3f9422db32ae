"""Findings of our own, in the words that the box uses for its."""

from __future__ import annotations

import time

from remote.protocol import FAILED, OK, SKIPPED, WARNING, Finding


def fine(area: str, name: str, detail: str) -> Finding:
    """Nothing is wrong."""
    return Finding(time.time(), area, name, OK, detail)


def doubtful(area: str, name: str, detail: str, remedy: str) -> Finding:
    """It works, but somebody should look."""
    return Finding(time.time(), area, name, WARNING, detail, remedy)


def wrong(area: str, name: str, detail: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(time.time(), area, name, FAILED, detail, remedy)


def skipped(area: str, name: str, why: str) -> Finding:
    """It was not looked at."""
    return Finding(time.time(), area, name, SKIPPED, why)
