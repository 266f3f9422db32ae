"""The folders and files of the daemon on the box.

Files that must survive (journal, images, logs) are under the root that the user chose. The root is often an
NFS home that several machines share; so each machine has a folder of its own there (`moved_state`: also when
its id changes). The socket and the lock need a local disk and are in `/var/tmp` (`run_folder`): it survives a
logout, which `$XDG_RUNTIME_DIR` does not, and a daemon whose socket is gone could be neither reached nor
replaced.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from remote.moved_state import take_over_state
from remote.run_folder import NoRunFolderError, find_run_folder, why_not_ours
from remote.trusted_path import find_exposed

_MACHINE_ID = Path("/etc/machine-id")
_NO_ID = "uninitialized"
"""What /etc/machine-id holds in the image of a system that has not booted yet."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class FolderError(Exception):
    """A folder that the runner needs cannot be made or is not safe to use."""

    kind = "place"
    """The `kind` of the Fatal message that tells the app."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}. {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy
        """What the user can do about it; empty where the problem says enough."""


class FolderFullError(FolderError):
    """A folder cannot be made because the disk is full."""

    kind = "disk"


@dataclass(frozen=True)
class DaemonPaths:
    """The paths of one daemon: one root on one machine."""

    state: Path
    """The folder for files that must survive: `root`/<machine>."""
    run: Path
    """The folder for socket and lock, on a local disk, closed to other users."""
    key: str
    """16 hex digits that identify the pair of machine and root."""

    @property
    def journal(self) -> Path:
        return self.state / "journal"

    @property
    def journal_lock(self) -> Path:
        return self.state / "journal.lock"

    @property
    def images(self) -> Path:
        return self.state / "images"

    @property
    def log(self) -> Path:
        return self.state / "runner.log"

    @property
    def socket(self) -> Path:
        return self.run / f"{self.key}.sock"

    @property
    def lock(self) -> Path:
        return self.run / f"{self.key}.lock"

    def touch(self) -> None:
        """Renew the times of socket and lock, if they exist: /var/tmp is cleaned of old files."""
        for file in (self.socket, self.lock):
            with contextlib.suppress(FileNotFoundError):
                os.utime(file)


def make_daemon_paths(root: str, run: Path | None = None) -> DaemonPaths:
    """Return the paths for `root`, and make their folders (mode 0700). Raises FolderError.

    `run` replaces the folder for socket and lock.
    """
    try:
        where = Path(root).expanduser()
    except RuntimeError as error:
        raise FolderError(f"the root {root!r} cannot be found: {error}") from error
    if not where.is_absolute():
        raise FolderError(f"the root {root!r} is neither absolute nor under ~")
    # Without links: another user could turn one that lies in a folder of all into another one later.
    where = where.resolve()
    state = where / _machine_key()
    try:
        take_over_state(state)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        (state / "images").mkdir(mode=0o700, exist_ok=True)
        exposed = find_exposed(state)
        if exposed is not None:
            raise FolderError(exposed.problem, exposed.remedy)
        if run is None:
            run = find_run_folder(state)
        elif why := why_not_ours(run, make=True):
            raise FolderError(f"{run} {why}")
    except NoRunFolderError as error:
        raise FolderError(str(error), "Set a shorter `root` for the box.") from error
    except OSError as error:
        kind = FolderFullError if error.errno in _NO_SPACE else FolderError
        raise kind(f"cannot make {error.filename}: {error.strerror}") from error
    key = hashlib.sha256(f"{state.name}\0{where}".encode()).hexdigest()[:16]
    return DaemonPaths(state=state, run=run, key=key)


def find_daemon_paths(root: str) -> DaemonPaths | None:
    """Return the paths for `root`; None where this machine keeps nothing there. Raises FolderError."""
    is_there = (Path(root).expanduser() / _machine_key()).is_dir()
    return make_daemon_paths(root) if is_there else None


def _machine_key() -> str:
    try:
        identity = _MACHINE_ID.read_text().strip()
    except OSError:
        identity = ""
    if identity == _NO_ID:
        identity = ""
    return hashlib.sha256((identity or socket.gethostname()).encode()).hexdigest()[:12]
