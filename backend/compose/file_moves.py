"""Renames spec files and moves them to the desktop's bin, and takes both back.

Nothing is replaced. The bin is that of the desktop (freedesktop.org's, the Finder's), from which other
programs can restore, too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from backend.compose.pattern import MOST_NAME_BYTES
from backend.errors import InputError, ResultError
from backend.files import read_regular
from backend.files.new_files import put_new
from backend.files.without_links import open_folder
from backend.specs.quoting import printable, quoted, without_controls
from backend.specs.source import MAX_SPEC_BYTES


@dataclass(frozen=True, slots=True)
class Renamed:
    """A file that has another name now."""

    before: Path
    after: Path


@dataclass(frozen=True, slots=True)
class Binned:
    """A file that is in the bin."""

    file: Path
    data: bytes
    """What it holds. It stays in memory, since no bin tells where it puts a file."""


def rename(file: Path, name: str) -> Renamed:
    """Give a file another name in its folder; its ending stays. Raises InputError and ResultError."""
    after = file.with_name(_checked(name) + file.suffix)
    _move(file, after)
    return Renamed(file, after)


def rename_back(renamed: Renamed) -> None:
    """Give a file the name again that it had. Raises ResultError where that is taken, or the file gone."""
    _move(renamed.after, renamed.before)


def move_to_bin(file: Path) -> Binned:
    """Move a file to the bin. Blocks; raises ResultError."""
    from send2trash import send2trash

    try:
        data = read_regular(file, MAX_SPEC_BYTES)
        send2trash(file)
    except OSError as error:
        raise _refused(file, "moved to the bin", error) from error
    return Binned(file, data)


def take_from_bin(binned: Binned) -> None:
    """Write a file that is in the bin to its place again; the one in the bin stays. Raises ResultError."""
    try:
        with open_folder(Path(os.path.realpath(binned.file.parent))) as folder:
            put_new(binned.file.name, binned.data, folder)
    except OSError as error:
        raise _refused(binned.file, "brought back", error) from error


def _move(before: Path, after: Path) -> None:
    """Move a file within its folder, and never over another."""
    try:
        with open_folder(Path(os.path.realpath(before.parent))) as folder:
            there = _identity(after.name, folder)
            # A file system that takes no account of case has the file itself under such a name.
            if there is not None and there != _identity(before.name, folder):
                raise ResultError(f"{printable(after.name)} exists already", "Choose another name.")
            os.rename(before.name, after.name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        raise _refused(before, "renamed", error) from error


def _identity(name: str, folder: int) -> tuple[int, int] | None:
    """Return the device and inode of what has this name; None where nothing has."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _checked(name: str) -> str:
    """Return a name without its ending. Raises InputError for one that is no name, or a harmful one."""
    name = name.strip()
    problem = ""
    if not name:
        problem = "it is empty"
    elif "/" in name or "\\" in name or "\0" in name:
        problem = "names hold no folders"
    elif name.startswith((".", "-")):
        problem = f"a name that begins with {name[0]} hides the file, or is taken for an option"
    elif without_controls(name) != name or not name.isprintable():
        problem = "it holds characters that do not print"
    elif name.lower().endswith(".upsample"):
        problem = "that ending says how a result was made"
    elif len(os.fsencode(name)) > MOST_NAME_BYTES:
        problem = f"it has more than {MOST_NAME_BYTES} bytes"
    if problem:
        raise InputError(f"{quoted(name)} is no name for a spec: {problem}", "Type another one.")
    return name


def _refused(file: Path, what: str, error: OSError) -> ResultError:
    why = error.strerror or str(error)
    return ResultError(f"{printable(str(file))} cannot be {what}: {why}", "Nothing was changed.")
