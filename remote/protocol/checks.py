"""What a checkup of the box is asked for, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from remote.protocol.jobs import Setup

OK = "ok"
WARNING = "warning"
FAILED = "failed"
SKIPPED = "skipped"
"""The verdicts: fine; it works, but look; it does not work; not looked at, and the detail says why."""


@dataclass(frozen=True)
class Checkup:
    """How the box is meant to be run."""

    setup: Setup
    context: int
    """Tokens that prompt, frames and answer may need together."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    type: ClassVar[str] = "finding"
    time: float
    """Unix time where it was looked."""
    area: str
    """What the check is about: "box", "GPU", "vLLM", "model", …"""
    name: str
    verdict: str
    """One of OK, WARNING, FAILED and SKIPPED."""
    detail: str
    """What was found, or why nothing was looked for."""
    remedy: str = ""
    """What the user can do; never empty when it failed."""
