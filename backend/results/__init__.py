"""Writes results into the users' files, lets users review them, and verifies that result files are
complete."""

from __future__ import annotations

from pathlib import Path

from backend.specs.source import MAX_SPEC_BYTES

DEFAULT_SAVE_DIR = Path("outputs")
"""The folder for results when the user names none."""

MOST_BYTES = 16 * MAX_SPEC_BYTES
"""The most bytes that are read of a file to compare it with what we wrote, or to keep it before it is
replaced. Results are smaller."""
