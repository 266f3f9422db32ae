"""Says where the missing video of a spec is, when it is there under another reading of its path.

In most cases, the command was run in the wrong folder. The specs of Transfer2.5's first release wrote paths
as they are seen from the root of its repository.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from backend.errors import MediaError, UpsampleError
from backend.specs.media import Media, choose_media, missing_media_hint
from backend.specs.model import Spec


def where_media_is(spec: Spec, media: Media, cwd: Path) -> str:
    """Say where the first of the shown videos that is missing would be found, as a clause for people; empty
    when nothing is missing, or when it is nowhere.
    """
    shown = choose_media(spec, media)
    for path in shown.paths:
        if not _exists(path):
            return _where(replace(spec, video=path), path, cwd)
    return ""


def with_place(refusal: UpsampleError, clause: str) -> MediaError:
    """Return the refusal of a missing video with the clause of `where_media_is` as its remedy."""
    return MediaError(refusal.problem, f"{clause[:1].upper()}{clause[1:]}.")


def _where(spec: Spec, missing: Path, cwd: Path) -> str:
    folder = missing_media_hint(spec, cwd)
    if folder is not None:
        return f"it is there when upsample is started in {folder}"
    file = Path(os.path.abspath(cwd / spec.file))  # noqa: PTH100 - resolve() would follow links
    try:
        written = Path(os.path.abspath(cwd / missing)).relative_to(file.parent)  # noqa: PTH100
    except ValueError:
        return ""
    found = _first_that_exists(folder / written for folder in file.parents)
    if found is None:
        return ""
    path = os.path.relpath(found, file.parent)
    return f"it is at {found}: paths count from the spec's folder, so write {path}"


def _first_that_exists(paths: Iterable[Path]) -> Path | None:
    return next(filter(_exists, paths), None)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # for example, the name is too long
        return False
