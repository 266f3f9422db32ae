"""What came back: writing it into the users' files, reviewing it, and checking that it is whole."""

from __future__ import annotations

from pathlib import Path

DEFAULT_SAVE_DIR = Path("outputs")
"""The folder for results where the user names none."""
