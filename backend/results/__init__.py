"""Writes results into the users' files, lets users review them, and verifies that result files are
complete."""

from __future__ import annotations

from pathlib import Path

DEFAULT_SAVE_DIR = Path("outputs")
"""The folder for results when the user names none."""
