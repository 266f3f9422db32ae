"""Findings of our own, in the words that the box uses for its."""

from __future__ import annotations

import time

from remote.protocol import FAILED, OK, SKIPPED, WARNING, Finding


def ok_finding(area: str, name: str, detail: str) -> Finding:
    """Nothing is wrong."""
    return Finding(time.time(), area, name, OK, detail)


def warning_finding(area: str, name: str, detail: str, remedy: str) -> Finding:
    """It works, but somebody should look."""
    return Finding(time.time(), area, name, WARNING, detail, remedy)


def failed_finding(area: str, name: str, detail: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(time.time(), area, name, FAILED, detail, remedy)


def skipped_finding(area: str, name: str, why: str) -> Finding:
    """It was not looked at."""
    return Finding(time.time(), area, name, SKIPPED, why)
