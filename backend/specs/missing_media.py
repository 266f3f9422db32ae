"""Why a spec's video is not where its path leads: most often the command was run from another folder."""

from __future__ import annotations

import os
from pathlib import Path

from backend.specs.model import Spec, SpecFormat


def missing_media_hint(spec: Spec, cwd: Path) -> Path | None:
    """The folder from which the spec's video would be found, if it is not found from `cwd`.

    Only folders above the spec file are tried. None too where the video is found, and where the
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
    except OSError:  # such as a name that is too long
        return False
