"""Lists and removes all that this program keeps on a box, for `upsample uninstall`.

Only what has a name of ours is removed: the folders of machines, runners, parts of runners, and the folders
of replicas, all directly under the root, and the files of its daemons in the folder for sockets. The root
itself goes when it is empty then. Caches of others, such as that of the Hugging Face Hub, are left alone.

Several machines may share a root. What another machine serves stays, and with it the runners.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from remote.file_locks import FileLock, lock_file
from remote.jobs.records import Damage, walk
from remote.locks import TakenError, hold_locks
from remote.paths import DaemonPaths, FolderError, find_daemon_paths
from remote.protocol import FAILED, OK, SKIPPED, Finding, Trace
from remote.sweeping import sweep_root

_MACHINE = re.compile(r"[0-9a-f]{12}")
_RUNNER = re.compile(r"runner-[0-9a-f]{12}\.pyz(\.[0-9a-f]{8}\.part)?")
_REPLICAS = "replicas"
_JOURNAL_SECONDS = 5.0
_ENDS = ("finished", "failed", "cancelled")
"""The records that end a job."""

Tell = Callable[[Trace], None]


def list_traces(root: str, brought: Path | None, tell: Tell) -> None:
    """Tell what is kept under this root and for it. Removes nothing of it.

    `brought` is a runner that was put there for this; it is not told, and removed at the end.
    """
    folder = _resolve(root)
    own = find_daemon_paths(root)
    for file in _ours_in(folder):
        if file != brought:
            tell(_describe(file, own))
    for file in _run_files(folder, own):
        tell(Trace(str(file), _size_of(file), OK))
    if brought is not None:
        brought.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
    _tell_others(folder, tell)


def remove_traces(root: str, runner: Path, tell: Tell) -> None:
    """Remove what is kept under this root and for it, `runner` and the root last; tell what became of each.

    A daemon that still serves the root is left alone, with everything. Raises FolderError and OSError.
    """
    folder = _resolve(root)
    own = find_daemon_paths(root)
    if own is not None and not _is_swept(root, own, tell):
        return
    files = _run_files(folder, own)
    try:
        with _no_daemon(own):
            folders = [file for file in _ours_in(folder) if not _is_runner(file)]
            is_shared = _remove_folders(folders, own, tell)
            for file in files:
                _remove(file, tell)
    except (TakenError, FolderError) as error:
        tell(Trace(str(folder), 0, FAILED, f"a daemon serves it: {error}"))
        return
    if own is not None:
        with contextlib.suppress(OSError):  # daemons of other roots have their sockets there, too
            own.run.rmdir()
    for file in sorted(filter(_is_runner, _ours_in(folder)), key=lambda file: file == runner):
        if is_shared:
            size = _size_of(file)
            tell(
                Trace(
                    str(file), size, SKIPPED, "another machine that shares this folder may run it"
                )
            )
        else:
            _remove(file, tell)
    if not Path(root).expanduser().is_symlink():
        with contextlib.suppress(OSError):
            folder.rmdir()
    if not is_shared:
        _tell_others(folder, tell)


def _resolve(root: str) -> Path:
    return Path(root).expanduser().resolve()


def _ours_in(folder: Path) -> list[Path]:
    return [file for file in sorted(_entries(folder)) if _is_ours(file)]


def _entries(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        yield from folder.iterdir()


def _is_ours(file: Path) -> bool:
    with contextlib.suppress(OSError):
        found = file.lstat()
        if stat.S_ISDIR(found.st_mode):
            is_named = file.name == _REPLICAS or _MACHINE.fullmatch(file.name) is not None
            return is_named and found.st_uid == os.getuid()
        return stat.S_ISREG(found.st_mode) and _is_runner(file)
    return False


def _is_runner(file: Path) -> bool:
    return _RUNNER.fullmatch(file.name) is not None


def _run_files(folder: Path, own: DaemonPaths | None) -> list[Path]:
    """Find the files of this root's daemons, and of its replicas, in the folder for sockets."""
    places = [own] if own is not None else []
    for replica in _entries(folder / _REPLICAS):
        with contextlib.suppress(FolderError, OSError):
            found = find_daemon_paths(str(replica))
            places += [found] if found is not None else []
    return [
        file
        for place in places
        for file in sorted(_entries(place.run))
        if file.name.startswith(f"{place.key}.")
    ]


def _describe(file: Path, own: DaemonPaths | None) -> Trace:
    if not _MACHINE.fullmatch(file.name):
        return Trace(str(file), _size_of(file), OK)
    is_own = own is not None and file == own.state
    lock = own.lock if own is not None and is_own else file / "journal.lock"
    with _trying(lock) as state:
        is_held = state is FileLock.HELD
    size, jobs = _size_of(file), _count_unfinished(file / "journal")
    if is_held and not is_own:
        return Trace(str(file), size, SKIPPED, "a daemon on another machine serves it", jobs)
    return Trace(str(file), size, OK, jobs=jobs, is_served=is_held)


def _count_unfinished(journal: Path) -> int:
    """Count the jobs of a journal that have not ended, without changing it, since a daemon may serve it."""
    unfinished: set[object] = set()
    try:
        with journal.open("rb", buffering=0) as file:
            whole = os.fstat(file.fileno()).st_size
            for part in walk(lambda at, size: os.pread(file.fileno(), size, at), whole):
                if isinstance(part, Damage):
                    continue
                if part.body.get("type") == "accepted":
                    unfinished.add(part.body.get("job"))
                elif part.body.get("type") in _ENDS:
                    unfinished.discard(part.body.get("job"))
    except (OSError, TypeError):  # a job's name is no text in a journal that was tampered with
        return len(unfinished)
    return len(unfinished)


def _is_swept(root: str, own: DaemonPaths, tell: Tell) -> bool:
    """End what a killed daemon has left. Returns False, and tells it, when something stays."""
    left: list[Finding] = []
    sweep_root(root, left.append)
    for finding in left:
        tell(Trace(str(own.state), 0, FAILED, f"{finding.name}: {finding.detail}"))
    return not left


@contextmanager
def _no_daemon(own: DaemonPaths | None) -> Iterator[None]:
    """Keep daemons of this machine from serving the root during the block."""
    if own is None:
        yield
        return
    with hold_locks(own, _JOURNAL_SECONDS):
        yield


def _remove_folders(folders: list[Path], own: DaemonPaths | None, tell: Tell) -> bool:
    """Remove the folders of machines and of replicas. Returns whether one was left to another machine."""
    is_shared = False
    for folder in folders:
        is_others = _MACHINE.fullmatch(folder.name) and (own is None or folder != own.state)
        if not is_others:
            _remove(folder, tell)
            continue
        with _trying(folder / "journal.lock") as state:
            if state in (None, FileLock.OURS):
                _remove(folder, tell)
                continue
        is_shared = True
        served = "a daemon on another machine serves it"
        unknown = "it is another machine's, and without locks nobody can tell whether that uses it"
        why = served if state is FileLock.HELD else unknown
        tell(Trace(str(folder), _size_of(folder), SKIPPED, why))
    return is_shared


@contextmanager
def _trying(lock: Path) -> Iterator[FileLock | None]:
    """Try a lock and hold it during the block; None where there is no file for it."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        yield lock_file(descriptor)
    finally:
        os.close(descriptor)


def _remove(file: Path, tell: Tell) -> None:
    size = _size_of(file)
    try:
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink()
    except FileNotFoundError:
        return  # it went with the folder that it was in, or with the daemon
    except OSError as error:
        tell(Trace(str(file), size, FAILED, error.strerror or "it cannot be removed"))
    else:
        tell(Trace(str(file), size, OK))


def _tell_others(folder: Path, tell: Tell) -> None:
    """Tell that the root stays because of what is not ours in it."""
    others = [file.name for file in sorted(_entries(folder)) if not _is_ours(file)]
    if others:
        more = f" and {len(others) - 1:,} more" if others[1:] else ""
        tell(
            Trace(str(folder), 0, SKIPPED, f"{others[0]!r}{more} in it did not come from upsample")
        )


def _size_of(file: Path) -> int:
    size = 0
    for below, _, names in os.walk(file):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(below, name)).st_size  # noqa: PTH118 - quicker
    with contextlib.suppress(OSError):
        found = file.lstat()
        size += 0 if stat.S_ISDIR(found.st_mode) else found.st_size
    return size
