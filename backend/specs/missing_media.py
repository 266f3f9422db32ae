"""Explains why a spec's video is missing: in most cases, the command was run in the wrong folder."""

from __future__ import annotations

import os
from pathlib import Path

from backend.specs.model import Spec, SpecFormat


def missing_media_hint(spec: Spec, cwd: Path) -> Path | None:
    """Return the folder in which the command would find the spec's video, where `cwd` is the wrong one.

    Only the folders above the spec file are tried. Returns None also where the video exists, and where the
    working directory does not matter: for absolute paths and for Transfer2.5.
    """
    if spec.video is None or spec.format is SpecFormat.TRANSFER25 or _exists(spec.video):
        return None
    try:
        written = spec.video.relative_to(cwd)
    except ValueError:
        return None
    place = os.path.abspath(cwd / spec.file)  # noqa: PTH100 - resolve() would follow links
    for folder in Path(place).parents:
        if _exists(folder / written):
            return folder
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # for example, the name is too long
        return False
