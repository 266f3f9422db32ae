"""Chooses the folder for a daemon's socket and lock: on a local disk, and closed to other users.

As a rule that is /var/tmp/upsample-<uid>. Any user may make a folder of that name there before its owner
does. Then a folder with a name that nobody can know takes its place, and a note beside the journal says which
one. Each process of the box reads that note, so all of them find the same folder.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remote.file_locks import lock_file
from remote.trusted_path import name_of

NOTE = "run-folder"
"""The name of the note in the daemon's state folder."""
SOCKET_NAME = 16 + len(".sock")
"""The length of a socket's name in the folder."""
_TEMPORARY = Path("/var/tmp")  # noqa: S108 - what is made there is checked
_LONGEST_SOCKET = 103
"""Bytes that the path of a Unix socket may have on every system."""
_LONGEST_NOTE = 4096


class NoRunFolderError(Exception):
    """No folder for socket and lock can be made."""


def usual_run_folder() -> Path:
    """The folder that is used unless somebody else has it."""
    return _TEMPORARY / f"upsample-{os.getuid()}"


def find_run_folder(state: Path) -> Path:
    """Return the folder for socket and lock of the daemon whose files are in `state`; make it if need be.

    `state` must be closed to other users. Raises NoRunFolderError, and OSError.
    """
    usual = usual_run_folder()
    if (noted := _read_note(state / NOTE)) is not None:
        return noted
    if why_not_ours(usual, make=True) == "":
        return usual
    with _locked(state / NOTE) as descriptor:
        folder = _read_note(state / NOTE)  # of a process that was quicker
        if folder is None:
            folder = _make_folder(state, usual)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, os.fsencode(folder), 0)
    return folder


def why_not_ours(folder: Path, *, make: bool = False) -> str:
    """Say why a folder cannot be used, since another user could put a false socket there; empty when it can.

    With `make`, it is made if it is not there.
    """
    try:
        if make:
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        return f"cannot be used: {error.strerror}"
    except ValueError as error:  # a name with a NUL, as a damaged note may give one
        return f"cannot be used: {error}"
    if not stat.S_ISDIR(found.st_mode):
        return "is not a folder"
    if found.st_uid != os.getuid():
        return f"belongs to {name_of(found.st_uid)}, not to you"
    if found.st_mode & 0o077:
        return f"is open to other users (mode {stat.S_IMODE(found.st_mode):04o}); make it 0700"
    return ""


def _make_folder(state: Path, usual: Path) -> Path:
    """Make a folder of an unknown name beside the usual one, or one beside the journal."""
    with contextlib.suppress(OSError):
        return Path(tempfile.mkdtemp(prefix=f"{usual.name}-", dir=usual.parent))
    folder = state / "run"
    if len(os.fsencode(folder)) + 1 + SOCKET_NAME > _LONGEST_SOCKET:
        raise NoRunFolderError(
            f"there is no folder for the daemon's socket: {usual} {why_not_ours(usual)}, "
            f"nothing can be made in {usual.parent}, and the path of {folder} is too long for a socket"
        )
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _read_note(note: Path) -> Path | None:
    """Return the folder that the note names; None if there is no note, or its folder is not ours any more."""
    try:
        told = note.read_bytes()[:_LONGEST_NOTE]
    except FileNotFoundError:
        return None
    folder = Path(os.fsdecode(told))
    return folder if folder.is_absolute() and why_not_ours(folder) == "" else None


@contextmanager
def _locked(file: Path) -> Iterator[int]:
    """Hold the file's lock during the block, which gets a descriptor. Where there are no locks, hold none."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        lock_file(descriptor, wait=True)
        yield descriptor
    finally:
        os.close(descriptor)
