"""Says why there is no file at a video's path: an address, a variable, a numbered sequence, another name.

It only looks at the path and lists folders. Nothing is fetched, and no variable is expanded.
"""

from __future__ import annotations

import os
import re
import unicodedata
from itertools import islice
from pathlib import Path

from backend.errors import MediaError

_ADDRESS = re.compile(r"(?:^|/)([A-Za-z][A-Za-z0-9+.-]+:)/+(.*)")
_HOUDINI_FRAME = re.compile(r"\$\{?F\d*\}?(?![A-Za-z_])")
_NUMBERED = re.compile(r"%\d*d|#{2,}|\?{2,}|\*")
_VARIABLE = re.compile(r"\$\{?\w+\}?|%[A-Za-z_]\w*%")
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".exr", ".tif", ".tiff", ".bmp", ".webp", ".ppm"})
_MOST_LISTED = 100_000
"""The most names of a folder that are compared."""


def missing(path: Path) -> MediaError:
    """Return the error for a path at which there is nothing."""
    text = str(path)
    address = _ADDRESS.search(text)
    if address is not None:
        problem = f"{address[1]}//{address[2]} is an address, and nothing is fetched."
        return MediaError(problem, "Download it, and name the file.")
    name = path.name
    if _HOUDINI_FRAME.search(name) or _NUMBERED.search(name):
        return MediaError(
            f"{path} is a numbered sequence of pictures, not a file.", _make_a_video(name)
        )
    if any(part.startswith("~") for part in path.parts):
        return MediaError(f"{path} begins with ~, which is not expanded.", "Write the whole path.")
    if _VARIABLE.search(text):
        problem = f"{path} holds a variable, which is not expanded."
        return MediaError(problem, "Write the whole path.")
    other = _other_spelling(path)
    if other is not None:
        return MediaError(f"{path} does not exist, but {other[0]} does.", other[1])
    return MediaError(
        f"{path} does not exist.", "Check the path in the spec, or copy the file there."
    )


def folder_in_place_of_file(path: Path) -> MediaError:
    """Return the error for a folder where a video is expected."""
    try:
        with os.scandir(path) as listing:
            names = [entry.name for entry in islice(listing, 100)]
    except OSError:
        names = []
    picture = next((name for name in names if Path(name).suffix.lower() in _PICTURES), None)
    if picture is not None:
        return MediaError(f"{path} is a folder of pictures.", _make_a_video(picture))
    return MediaError(f"{path} is a folder.", "Give the video or image file itself.")


def _make_a_video(picture: str) -> str:
    """Say how a video is made of numbered pictures; `picture` is the name of one, or their pattern."""
    ending = Path(picture).suffix.lower()
    pattern = f"frame_%04d{ending if ending in _PICTURES else '.png'}"
    return f"Make a video of the pictures first: ffmpeg -framerate 24 -i {pattern} frames.mp4"


def _other_spelling(path: Path) -> tuple[Path, str] | None:
    """Return the one file whose path differs only in how it is written, and what to do about it."""
    found = Path(path.anchor)
    for part in path.parts[1 if path.anchor else 0 :]:
        here = found / part
        if not os.path.lexists(here):
            same = _names_like(found, part)
            if len(same) != 1:
                return None
            here = found / same[0]
        found = here
    if not found.is_file():
        return None
    return found, _difference(str(path), str(found))


def _names_like(folder: Path, name: str) -> list[str]:
    wanted = _folded(name)
    try:
        with os.scandir(folder) as listing:
            return [e.name for e in islice(listing, _MOST_LISTED) if _folded(e.name) == wanted]
    except (OSError, ValueError):
        return []


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def _difference(written: str, found: str) -> str:
    one, other = (unicodedata.normalize("NFC", text) for text in (written, found))
    if one == other:
        return (
            "The two differ only in Unicode form (é as one character or as two): rename the file, or "
            "copy its name into the spec."
        )
    if one.casefold() == other.casefold():
        return "The two differ in upper and lower case: correct the path in the spec."
    return "The two differ in a space at the beginning or end: correct the path in the spec."
