"""Says why there is no file at a video's path: an address, a variable, a numbered sequence, another name.

It only looks at the path and lists folders. Nothing is fetched, and no variable is expanded.
"""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from backend.errors import MediaError

_ADDRESS = re.compile(r"(?:^|/)([A-Za-z][A-Za-z0-9+.-]+:)/+(.*)")
_NUMBER = re.compile(
    r"%0*([0-9]{0,2})d|\$(?:\{F([0-9]?)\}|F([0-9]?)(?![A-Za-z0-9_]))|(#{2,16}|\?{2,16})|\*"
)
"""The place of a number as printf and ffmpeg write it, Houdini, and many renderers."""
_VARIABLE = re.compile(r"\$\{?\w+\}?|%[A-Za-z_]\w*%")
PICTURE_SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".exr", ".tif", ".tiff", ".bmp", ".webp", ".ppm", ".pgm"),
        *(".dpx", ".hdr", ".jxl", ".jp2", ".qoi"),
    )
)
"""Endings of the pictures of a sequence, in lower case."""
_MOST_LISTED = 100_000
"""The most names of a folder that are compared."""
_MOST_FOLDERS = 32
"""The most folders in a folder in which a file is looked for."""
_NAME_THEM = (
    "The names of a sequence's pictures differ by one number alone: name one, as in frame_%04d.png."
)


class NumberPlace(NamedTuple):
    """The part of a file's name that stands for a number."""

    start: int
    end: int
    width: int
    """The least digits, filled up with zeros; 0 for any number."""


def is_numbered(path: Path) -> bool:
    """Whether the last part of a path stands for the numbered names of a sequence of pictures."""
    return _ADDRESS.search(str(path)) is None and _NUMBER.search(path.name) is not None


def places_of_number(name: str) -> list[NumberPlace]:
    """Return the parts of a name that stand for a number."""
    return [NumberPlace(*match.span(), _width(match)) for match in _NUMBER.finditer(name)]


def _width(match: re.Match[str]) -> int:
    printf, braced, houdini, marks = match.groups()
    return len(marks) if marks else int(printf or braced or houdini or 0)


def missing(path: Path) -> MediaError:
    """Return the error for a path at which there is nothing."""
    text = str(path)
    address = _ADDRESS.search(text)
    if address is not None:
        problem = f"{address[1]}//{address[2]} is an address, and is not fetched."
        return MediaError(problem, "Only https can be. Download it, and name the file.")
    if any(part.startswith("~") for part in path.parts):
        return MediaError(f"{path} begins with ~, which is not expanded.", "Write the whole path.")
    if is_numbered(path):
        return MediaError(
            f"{path} is a numbered sequence of pictures, and there is none of them.",
            "Check the path in the spec, or copy the pictures there.",
        )
    if _VARIABLE.search(text):
        problem = f"{path} holds a variable, which is not expanded."
        return MediaError(problem, "Write the whole path.")
    other = _other_spelling(path)
    if other is not None:
        return MediaError(f"{path} does not exist, but {other[0]} does.", other[1])
    near = _one_folder_away(path)
    return MediaError(
        f"{path} does not exist.",
        "Check the path in the spec, or copy the file there."
        if near is None
        else f"Is it {near}? Write that path into the spec, or copy the file there.",
    )


def folder_in_place_of_file(path: Path) -> MediaError:
    """Return the error for a folder that is no sequence of pictures."""
    try:
        with os.scandir(path) as listing:
            names = [entry.name for entry in islice(listing, 100)]
    except OSError:
        names = []
    if any(Path(name).suffix.lower() in PICTURE_SUFFIXES for name in names):
        return MediaError(f"{path} is a folder of pictures of several names.", _NAME_THEM)
    return MediaError(f"{path} is a folder.", "Give the video or image file itself.")


def make_a_video(picture: str) -> str:
    """Say how a video is made of numbered pictures; `picture` is the name of one, or theirs."""
    ending = Path(picture).suffix.lower()
    pattern = f"frame_%04d{ending if ending in PICTURE_SUFFIXES else '.png'}"
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


def _one_folder_away(path: Path) -> Path | None:
    """Return a file of this name that lies one folder away from where the path leads."""
    folder = next((above for above in path.parents if above.is_dir()), None)
    if folder is None:
        return None
    try:
        changed = tuple(each.stat().st_mtime_ns for each in (folder, folder.parent))
    except OSError:
        return None
    place = _folders_by_name(folder, changed).get(path.name)
    return place / path.name if place is not None and (place / path.name).is_file() else None


@lru_cache(maxsize=2)
def _folders_by_name(folder: Path, _changed: tuple[int, ...]) -> dict[str, Path]:
    """Return where files of each name lie: here, one folder below, above, or beside. The first place counts.

    It is kept as `_names_by_folded` is.
    """
    names, below = _list_folder(folder)
    names_above, beside = _list_folder(folder.parent)
    places = dict.fromkeys(names, folder)
    for place in below:
        places = dict.fromkeys(_list_folder(place)[0], place) | places
    places = dict.fromkeys(names_above, folder.parent) | places
    for place in beside:
        if place != folder and len(places) < _MOST_LISTED:
            places = dict.fromkeys(_list_folder(place)[0], place) | places
    return places


def _list_folder(folder: Path) -> tuple[list[str], list[Path]]:
    """Return the names of a folder's files, and some of its folders."""
    names, folders = list[str](), list[Path]()
    with suppress(OSError), os.scandir(folder) as listing:
        for entry in islice(listing, _MOST_LISTED):
            if not entry.is_dir():
                names.append(entry.name)
            elif len(folders) < _MOST_FOLDERS:
                folders.append(folder / entry.name)
    return names, folders


def _names_like(folder: Path, name: str) -> list[str]:
    try:
        there = folder.stat()
        state = (there.st_dev, there.st_ino, there.st_mtime_ns)
        return _names_by_folded(folder, state).get(_folded(name), [])
    except (OSError, ValueError):
        return []


@lru_cache(maxsize=2)
def _names_by_folded(folder: Path, _state: tuple[int, int, int]) -> dict[str, list[str]]:
    # Kept until the folder changes: many specs may each miss a video in one folder of many files.
    names: dict[str, list[str]] = {}
    with os.scandir(folder) as listing:
        for entry in islice(listing, _MOST_LISTED):
            names.setdefault(_folded(entry.name), []).append(entry.name)
    return names


def _folded(name: str) -> str:
    if name.isascii():  # the same, in less time
        return name.lower().strip()
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
