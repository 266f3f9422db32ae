"""Makes the doctor's findings about this machine and the connection, in the form of those from the box."""

from __future__ import annotations

import time

from remote.protocol import FAILED, OK, SKIPPED, WARNING, Finding


def ok_finding(area: str, name: str, detail: str) -> Finding:
    """Report that a check found nothing wrong."""
    return Finding(time.time(), area, name, OK, detail)


def warning_finding(area: str, name: str, detail: str, remedy: str) -> Finding:
    """Report something that works but needs attention."""
    return Finding(time.time(), area, name, WARNING, detail, remedy)


def failed_finding(area: str, name: str, detail: str, remedy: str) -> Finding:
    """Report something that does not work."""
    return Finding(time.time(), area, name, FAILED, detail, remedy)


def skipped_finding(area: str, name: str, why: str) -> Finding:
    """Report a check that was skipped, with the reason."""
    return Finding(time.time(), area, name, SKIPPED, why)
