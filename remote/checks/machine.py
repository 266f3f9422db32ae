"""Checks the machine: Python, the runner's folders, their disk, the daemon."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from remote.checks.examination import Good, Wrong, gib
from remote.file_locks import has_locks
from remote.mounts import mount_of
from remote.paths import DaemonPaths, FolderError, make_daemon_paths
from remote.protocol import (
    NEWEST_PROTOCOL,
    OLDEST_PROTOCOL,
    Decoder,
    Fatal,
    Hello,
    Message,
    ProtocolError,
    Setup,
    Welcome,
    encode,
)
from remote.run_folder import usual_run_folder, why_not_ours
from remote.trusted_path import find_exposed

_LITTLE_SPACE = 1 << 30
_DAEMON_SECONDS = 10.0
_WITHOUT_LOCKS = "; it has no locks, so only the daemons of one machine are kept apart"
_ANOTHER_ROOT = "Make it writable for you, or set another `root` for the box."


def find_python() -> Good[str]:
    """Find Python's version. The runner could not run this with a version that is too old."""
    version = platform.python_version()
    return Good(version, f"{version} at {sys.executable}")


def find_root(root: str) -> Good[Path]:
    """Check that the root can be written, and by nobody else, and how much room its disk has."""
    try:
        folder = Path(root).expanduser()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(folder).free
        exposed = find_exposed(folder.resolve())
        without = "" if has_locks(folder) else _WITHOUT_LOCKS
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Wrong(f"{root} cannot be written: {reason}", _ANOTHER_ROOT) from None
    if exposed is not None:
        raise Wrong(exposed.problem, exposed.remedy)
    mount = mount_of(folder)
    detail = f"{folder} can be written by you alone; {gib(free)} free" + (
        f" on {mount}" if mount else ""
    )
    detail += without
    few = "Make room there, or set another `root` for the box: frames and answers are kept there."
    return Good(folder, detail, few if free < _LITTLE_SPACE else "")


def find_run_folder(root: str) -> Good[DaemonPaths]:
    """Check that the folder for socket and lock is closed to other users and on a local disk."""
    try:
        paths = make_daemon_paths(root)
    except FolderError as error:
        remedy = error.remedy or "Mend the folder's owner and rights, or remove it."
        raise Wrong(error.problem, remedy) from None
    mount = mount_of(paths.run)
    if mount is not None and mount.is_network:
        far = "Locks may not hold there. Give the machine a local /var/tmp."
        return Good(paths, f"{paths.run} lies on {mount}, which is no local disk", far)
    detail = f"{paths.run} is yours alone"
    usual = usual_run_folder()
    if paths.run != usual and (why := why_not_ours(usual)):
        detail += f"; it takes the place of {usual}, which {why}"
    return Good(paths, detail)


def find_daemon(paths: DaemonPaths, setup: Setup) -> Good[bool]:
    """Find out whether a daemon runs, with which settings, and how many jobs it has."""
    answer = _ask_daemon(paths)
    if answer is None:
        return Good(False, "not running; the first job starts it")
    if not isinstance(answer, Welcome):
        raise Wrong(
            f"it runs, and does not greet as it should: {answer.message}",
            "End it with `upsample box stop`; the next job starts it anew.",
        )
    same = answer.setup == setup.fingerprint()
    settings = "these settings" if same else "other settings"
    detail = f"running with {answer.engine}, {settings}, {_jobs(answer.unfinished)} unfinished"
    if same or not answer.unfinished:
        return Good(True, detail)
    return Good(
        True,
        detail,
        "Jobs with these settings are refused until those are done. Wait, or end it: upsample box stop",
    )


def _jobs(count: int) -> str:
    return f"{count} job" if count == 1 else f"{count} jobs"


def _ask_daemon(paths: DaemonPaths) -> Welcome | Fatal | None:
    """Return the daemon's answer to a Hello of an app that only watches; None when no daemon runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as daemon:
        daemon.settimeout(_DAEMON_SECONDS)
        try:
            daemon.connect(str(paths.socket))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        # The daemon would send the whole journal after its Welcome; the connection is closed before that.
        hello = Hello(OLDEST_PROTOCOL, NEWEST_PROTOCOL, journal="", after=-1, runner="", setup="")
        try:
            daemon.sendall(encode(hello))
            answer = _first_message(daemon)
        except TimeoutError:
            return Fatal("internal", f"no answer within {_DAEMON_SECONDS:.0f} s")
        except (OSError, ProtocolError) as error:
            return Fatal("internal", str(error))
    if isinstance(answer, (Welcome, Fatal)):
        return answer
    return Fatal("internal", "it hung up")


def _first_message(daemon: socket.socket) -> Message | None:
    decoder = Decoder()
    while data := daemon.recv(1 << 16):
        for message in decoder.feed(data):
            return message
    return None
