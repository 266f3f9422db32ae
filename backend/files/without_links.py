"""Judges the folders that files are written to, and opens them without following a link.

Somebody else may have made the folder in which the user works, and put links into it: `outputs` may lead to a
folder whose files another program runs. So a link that leads out of the working directory is followed only
where the user named that very path. A folder is judged and resolved once (`resolve_folder`). From then
on its path is free of links, and a link that is put there later is not followed: `open_folder` opens each
folder on the way by itself, and the files are written, or read back, relative to the last one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from backend.errors import LinkError
from backend.files.reading import NotRegular, TooLarge

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
"""How a folder is opened. With O_PATH, those on the way need not be readable."""
_PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How a file is opened that must be no link. Without O_NONBLOCK, a pipe would keep us waiting."""


class LinkInTheWay(OSError):
    """A link lies where a folder was, or was to be made."""

    def __init__(self, link: Path) -> None:
        super().__init__(errno.ELOOP, f"{link} is a link, which is not followed", str(link))


def resolve_folder(folder: Path, cwd: Path, *, named: bool) -> Path:
    """Return the absolute path of a folder to write to, free of links. The folder need not exist.

    `cwd` is the working directory. `named` says that the user named this very path, which may then lead
    anywhere. Otherwise raises LinkError where links lead out of the working directory.
    """
    place = os.path.realpath(cwd / folder)
    if not named and not lies_within(place, os.path.realpath(cwd)):
        raise LinkError(folder, Path(place))
    return Path(place)


def is_link_free(folder: Path) -> bool:
    """Whether no part of an absolute path is a link."""
    return os.path.realpath(folder) == os.path.normpath(folder)


@contextmanager
def open_folder(folder: Path, *, make: bool = False) -> Iterator[int]:
    """Open a folder by its absolute path, and yield its descriptor, for the `dir_fd` of os's functions.

    With `make`, missing folders are made. Raises LinkInTheWay, and OSError where it cannot be opened or made.
    """
    root, *names = folder.parts
    descriptor = os.open(root, _FOLDER)
    try:
        for depth, name in enumerate(names):
            inner = _open_inside(descriptor, name, make=make, path=Path(root, *names[: depth + 1]))
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def read_plain(path: Path, most: int) -> bytes:
    """Read a regular file by its absolute path. No link on the way to it or in its own place is followed.

    Raises OSError; that is LinkInTheWay for a link, NotRegular for a pipe or a device, and TooLarge where
    there are over `most` bytes.
    """
    with open_plain(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise TooLarge(path, most)
    return data


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading, as `read_plain` does. Raises OSError, and never waits for a writer."""
    with open_folder(path.parent) as folder:
        try:
            descriptor = os.open(path.name, _PLAIN, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise LinkInTheWay(path) from None
            raise type(error)(error.errno, error.strerror, str(path)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegular(path)
    return os.fdopen(descriptor, "rb")


def is_plain(path: Path) -> bool:
    """Whether a regular file, and no link, lies in this place."""
    return path.is_file() and not path.is_symlink()


def path_of_descriptor(descriptor: int, folder: Path) -> Path:
    """Return a path that leads to the opened folder even if something else lies at `folder` meanwhile.

    That needs Linux; elsewhere it is `folder` itself.
    """
    bound = Path(f"/proc/self/fd/{descriptor}")
    return bound if bound.is_dir() else folder


def _open_inside(parent: int, name: str, *, make: bool, path: Path) -> int:
    mode = _mode_of(parent, name)
    if mode is None and make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=parent)
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        if stat.S_ISLNK(_mode_of(parent, name) or 0):
            raise LinkInTheWay(path) from None
        raise type(error)(error.errno, error.strerror, str(path)) from None


def _mode_of(parent: int, name: str) -> int | None:
    """Return the mode of what lies there, links not followed; None where there is nothing."""
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def lies_within(place: str, folder: str) -> bool:
    """Whether a path is the folder, or below it. Both are absolute and free of links (realpath)."""
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)
