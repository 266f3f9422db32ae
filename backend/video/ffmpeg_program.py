"""Finds the ffmpeg to run: the user's own, or the one that imageio-ffmpeg ships."""

from __future__ import annotations

import shutil
from pathlib import Path

from backend.errors import MediaError


def find_ffmpeg() -> Path:
    """Find the ffmpeg on PATH, or else the one that imageio-ffmpeg ships. Raises MediaError."""
    found = _on_path()
    return found if found else _shipped()


def find_new_ffmpeg() -> Path:
    """Find the ffmpeg that imageio-ffmpeg ships, or else the one on PATH, which may be older.

    Raises MediaError.
    """
    try:
        return _shipped()
    except MediaError:
        if found := _on_path():
            return found
        raise


def _on_path() -> Path | None:
    found = shutil.which("ffmpeg")
    return Path(found).absolute() if found else None


def _shipped() -> Path:
    import imageio_ffmpeg

    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MediaError(
            "No ffmpeg was found, which frames are drawn with.",
            "Install ffmpeg so that it is on PATH.",
        ) from error
