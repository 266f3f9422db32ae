"""Says where small notes about a box are kept from one run to the next."""

from __future__ import annotations

import hashlib
from pathlib import Path

import platformdirs


def note_file(folder: str, box: str, suffix: str = "") -> Path:
    """Return the file with the notes about this box in a folder of notes. A box may have any name."""
    key = hashlib.sha256(box.encode()).hexdigest()[:16]
    return platformdirs.user_data_path("upsample") / folder / f"{key}{suffix}"
