"""Finds the pictures of an image sequence: a numbered name such as `frame_%04d.png`, or a folder of frames.

It only lists one folder and opens no picture. A picture that is a link out of the folder is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.errors import MediaError
from backend.files import lies_within
from backend.video.missing import PICTURE_SUFFIXES, is_numbered, places_of_number

_MOST_LISTED = 100_000
"""The most names in a folder of pictures: more than an hour at 24 frames a second."""
_RUNS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True)
class PictureSequence:
    """Pictures of one folder that are the frames of a clip."""

    pictures: tuple[Path, ...]
    """In the order of their numbers; at least one."""
    gaps: int
    """How many numbers between the first and the last have no picture."""


def find_sequence(path: Path) -> PictureSequence | None:
    """Find the pictures that a path stands for; None where it is a file, or stands for no sequence.

    Raises MediaError when a picture is a link out of its folder, when the folder has too many files, and
    when a name has more than one place for a number.
    """
    # Path's own methods raise where a name is too long.
    if os.path.isdir(path):  # noqa: PTH112
        return _numbered(path, _in_folder(path))
    if not is_numbered(path) or os.path.exists(path) or not os.path.isdir(path.parent):  # noqa: PTH110, PTH112
        return None
    places = places_of_number(path.name)
    if len(places) > 1:
        raise MediaError(
            f"{path} has {len(places)} places for a number.",
            "Name a sequence with one of them, as in frame_%04d.png.",
        )
    return _numbered(path.parent, _like(path, places[0].start, places[0].end, places[0].width))


def sequence_key(pictures: Sequence[Path]) -> str:
    """Return a key for the pictures: 16 digits of a hash of their folder, names, sizes and times of change.

    Raises OSError.
    """
    digest = hashlib.sha256(os.fsencode(os.path.realpath(pictures[0].parent)))
    for picture in pictures:
        status = picture.stat()
        stamp = f"\0{status.st_size} {status.st_mtime_ns} {status.st_ino}"
        digest.update(b"\0" + os.fsencode(picture.name) + stamp.encode())
    return digest.hexdigest()[:16]


def _like(path: Path, start: int, end: int, width: int) -> dict[str, int]:
    """Return the numbers of the files that are named like the last part of a path, by name."""
    before, after = re.escape(path.name[:start]), re.escape(path.name[end:])
    pattern = re.compile(f"{before}([0-9]+){after}", re.DOTALL)
    found = {}
    for name in _files(path.parent, lambda name: pattern.fullmatch(name) is not None):
        match = pattern.fullmatch(name)
        # A width of 4 takes 0012 and 12345, and neither 012 nor 00012.
        if match and (not width or match[1] == f"{int(match[1]):0{width}d}"):
            found[name] = int(match[1])
    return found


def _in_folder(folder: Path) -> dict[str, int]:
    """Return the numbers of a folder's pictures, by name; none where more than a number tells them apart."""
    names = list(_files(folder, _is_picture))
    parts = [_RUNS.split(name) for name in names]
    if not parts or any(each[::2] != parts[0][::2] for each in parts):
        return {}
    runs = range(1, len(parts[0]), 2)
    differing = [run for run in runs if any(each[run] != parts[0][run] for each in parts)]
    if len(differing) > 1 or len(parts[0]) == 1:
        return {}
    (run,) = differing or [runs[-1]]
    return {name: int(each[run]) for name, each in zip(names, parts, strict=True)}


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES  # noqa: PTH122


def _files(folder: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the names of the files in a folder that are wanted."""
    root = os.path.realpath(folder)
    try:
        with os.scandir(folder) as listing:
            for count, entry in enumerate(listing):
                if count >= _MOST_LISTED:
                    raise MediaError(
                        f"{folder} holds more than {_MOST_LISTED:,} files.",
                        "Move the pictures that are wanted to a folder of their own.",
                    )
                if not wanted(entry.name):
                    continue
                if entry.is_symlink() and not lies_within(os.path.realpath(entry.path), root):
                    raise MediaError(
                        f"{entry.path} is a link that leads out of its folder.",
                        "Copy the pictures themselves there, or name the folder that they are in.",
                    )
                if entry.is_file():
                    yield entry.name
    except OSError as error:
        raise MediaError(f"{folder} cannot be read: {error.strerror}") from error


def _numbered(folder: Path, numbers: dict[str, int]) -> PictureSequence | None:
    if not numbers:
        return None
    ordered = sorted(numbers, key=lambda name: (numbers[name], name))
    span = numbers[ordered[-1]] - numbers[ordered[0]] + 1
    gaps = max(0, span - len(set(numbers.values())))
    return PictureSequence(tuple(folder / name for name in ordered), gaps)
