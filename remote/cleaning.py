"""Removes runners of earlier versions from a root once nothing can need them.

It removes a file only if it is named like a runner, lies directly under the root, was not used for a month,
and no process of this machine runs it. Where several machines share the root, it removes none, because
another machine may run them. If an app needs a removed runner after all, it sends the runner again.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from remote.files import remove_left_uploads
from remote.paths import make_daemon_paths
from remote.protocol import OK, SKIPPED, Finding

OLD_SECONDS = 30 * 24 * 3600.0
AREA = "old runners"
_RUNNER = re.compile(r"runner-[0-9a-f]{12}\.pyz")
_MACHINE = re.compile(r"[0-9a-f]{12}")
_PROC = Path("/proc")


def remove_old_runners(root: str, own: Path, tell: Callable[[Finding], None]) -> None:
    """Remove old runners except `own`. `tell` gets a finding for each one: removed, or kept and why.

    Raises FolderError and OSError.
    """
    folder = Path(root).expanduser()
    remove_left_uploads(folder)
    others = [
        file
        for file in sorted(folder.iterdir())
        if _RUNNER.fullmatch(file.name) and file.name != own.name and _is_plain(file)
    ]
    if not others:
        return
    reason = _reason_to_keep_all(folder, make_daemon_paths(root).state)
    used = set(_used_files())
    for file in others:
        why = reason or _reason_to_keep(file, used)
        if not why:
            file.unlink()
        detail = f"kept: {why}" if why else "removed"
        tell(Finding(time.time(), AREA, file.name, SKIPPED if why else OK, detail))


def _reason_to_keep_all(folder: Path, state: Path) -> str:
    machines = {file.name for file in folder.iterdir() if _MACHINE.fullmatch(file.name)}
    if machines - {state.name}:
        return "another machine uses this folder, too, and may run it"
    if not _PROC.joinpath("self", "cmdline").exists():
        return "this machine does not tell what its processes run"
    return ""


def _reason_to_keep(file: Path, used: set[str]) -> str:
    if str(file) in used or str(file.resolve()) in used:
        return "a process runs it"
    status = file.stat()
    # Reading counts as use: Python reads the runner each time that an app attaches.
    age = time.time() - max(status.st_mtime, status.st_atime)
    return "" if age > OLD_SECONDS else f"used {age / 86400:.0f} days ago"


def _is_plain(file: Path) -> bool:
    return stat.S_ISREG(file.lstat().st_mode)


def _used_files() -> Iterator[str]:
    """Yield every command-line argument of every process that this user can see."""
    for process in _PROC.iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                for argument in (process / "cmdline").read_bytes().split(b"\0"):
                    yield os.fsdecode(argument)
