"""What a session of tests leaves on the machine: processes, sockets and locks, mounts, temporary folders.

Other people's sessions may run on the same machine at the same time. So a session gives its processes a mark
in their environment, which their children inherit, and a folder of its own for temporary files. sshd clears
its environment: it is recognised by its log, and hands the mark on (`hand_on`). A process that was started
with an environment of its own is recognised by a path below the folder of the session's tests, or below its
folder for temporary files. So is conmon, which watches over a container of podman's; what runs in the
container is recognised by having a conmon among its ancestors.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from remote.paths import make_daemon_paths

_OF_VLLM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|vllm_dist_\w+|torchinductor_\w+")
"""The names of what vLLM leaves among temporary files, whoever starts it: sockets between its processes, and
what it has compiled."""
EXIT_STATUS = 70
"""pytest's exit status for a session that left something. CI does not take it for a flaky test."""

_PROC = Path("/proc/self")
MARK = "TESTS_SESSION"
"""The environment variable that holds the mark."""
_TEST = "PYTEST_CURRENT_TEST"
"""The environment variable in which pytest tells the name of the test."""
_PATIENCE = 20.0
"""Seconds in which processes that are ending may still end."""
_STEP = 0.1
_USUAL_ROOTS = ("root", "box")
"""The names of roots in a test's folder. A root that the test has removed is not found otherwise."""


@dataclass(frozen=True)
class Process:
    """A process of the session."""

    number: int
    command: str
    test: str
    """The test that started it; empty if unknown."""
    is_certain: bool
    """Whether it is the session's beyond doubt. Otherwise it only names the session's folder."""

    def __str__(self) -> str:
        test = f", started by {self.test}" if self.test else ""
        return f"process {self.number}: {self.command}{test}"


@dataclass(frozen=True)
class Leftovers:
    """Everything that a session has left."""

    processes: list[Process]
    files: list[Path]
    """Sockets and locks of daemons."""
    mounts: list[Path]
    folders: list[Path]
    """Files and folders among the temporary ones."""

    def __bool__(self) -> bool:
        return bool(self.processes or self.files or self.mounts or self.folders)

    @property
    def lines(self) -> list[str]:
        """A line for each of them."""
        return [
            *map(str, self.processes),
            *(f"socket or lock: {file}" for file in self.files),
            *(f"mount: {mount}" for mount in self.mounts),
            *(f"temporary: {folder}" for folder in self.folders),
        ]

    def remove(self) -> None:
        """End the processes, and remove the rest."""
        for process in self.processes:
            if process.is_certain:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.number, signal.SIGKILL)
        for mount in self.mounts:
            umount = shutil.which("umount") or "umount"
            subprocess.run([umount, "--lazy", str(mount)], capture_output=True)
        for path in (*self.files, *self.folders):
            remove(path)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class Session:
    """A session of tests, in the process that controls it. Make one before anything is started."""

    def __init__(self, base: Path) -> None:
        """`base` is the folder that has the folders of all tests."""
        self._base = base
        self._mark = secrets.token_hex(8)
        # A short name: the path of a socket may be below it.
        self._temporary = Path(tempfile.mkdtemp(prefix="tests-"))
        os.environ[MARK] = self._mark
        os.environ["TMPDIR"] = str(self._temporary)
        tempfile.tempdir = None  # it was looked up before

    def finish(self) -> Leftovers:
        """Look for what is left, once nothing is ending any more, and remove it."""
        deadline = time.monotonic() + _PATIENCE
        while (left := self._find()).processes and time.monotonic() < deadline:
            time.sleep(_STEP)
        left.remove()
        shutil.rmtree(self._temporary, ignore_errors=True)
        return left

    def _find(self) -> Leftovers:
        folders = [Path(folder) for folder, _, _ in os.walk(self._base)]
        return Leftovers(
            list(self._processes()),
            list(files_of(folders)),
            [mount for mount in _mounts() if self._is_below(str(mount))],
            sorted(it for it in self._temporary.iterdir() if not _OF_VLLM.fullmatch(it.name)),
        )

    def _processes(self) -> Iterator[Process]:
        if not _PROC.exists():
            return  # this system does not tell
        ours = set(_ancestors(os.getpid()))
        watchers = set(self._watchers_of_containers())
        for process in _PROC.parent.glob("[0-9]*"):
            with contextlib.suppress(OSError):
                found = None if int(process.name) in ours else self._recognise(process, watchers)
                if found is not None:
                    yield found

    def _watchers_of_containers(self) -> Iterator[int]:
        """Find the conmon processes of containers that the session has started."""
        for process in _PROC.parent.glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "comm").read_text().strip() == "conmon" and any(
                    map(self._is_below, _words(process))
                ):
                    yield int(process.name)

    def _recognise(self, process: Path, watchers: set[int]) -> Process | None:
        """Return the process if it is the session's. Raises OSError when it has ended."""
        words = _words(process)
        if words == [""]:
            return None  # a zombie, or a thread of the kernel
        environment = _environment(process)
        is_marked = environment.get(MARK) == self._mark
        is_contained = bool(watchers) and not watchers.isdisjoint(_ancestors(int(process.name)))
        is_sshd = (process / "comm").read_text().startswith("sshd")
        paths = [*words, str((process / "cwd").readlink())]
        if is_sshd:
            paths += _open_files(process)
        if not is_marked and not is_contained and not any(map(self._is_below, paths)):
            return None
        test = environment.get(_TEST, "") if is_marked else ""
        is_certain = is_marked or is_contained or is_sshd
        return Process(int(process.name), " ".join(words), test, is_certain)

    def _is_below(self, path: str) -> bool:
        return path.startswith((f"{self._base}/", f"{self._temporary}/"))


def hand_on() -> dict[str, str]:
    """The variables that mark a process, for a program that clears its environment."""
    return {name: os.environ[name] for name in (MARK, "TMPDIR") if name in os.environ}


def files_of(folders: Iterable[Path]) -> Iterator[Path]:
    """Find the sockets and locks of the daemons whose root is, or was, one of these folders or lies there."""
    with tempfile.TemporaryDirectory() as folder:
        some = make_daemon_paths(folder)
    machine, run = some.state.name, some.run
    roots = {root for folder in folders for root in (folder, *map(folder.joinpath, _USUAL_ROOTS))}
    keys = {hashlib.sha256(f"{machine}\0{root}".encode()).hexdigest()[:16] for root in roots}
    for file in sorted(run.iterdir()):
        if file.stem in keys:
            yield file


def _ancestors(process: int) -> Iterator[int]:
    """Yield a process, its parent, and so on."""
    while process:
        yield process
        stat = Path(f"/proc/{process}/stat").read_bytes()
        process = int(stat.rpartition(b")")[2].split()[1])


def _words(process: Path) -> list[str]:
    """The command line; one empty word for a zombie, or a thread of the kernel."""
    return os.fsdecode((process / "cmdline").read_bytes()).rstrip("\0").split("\0")


def _environment(process: Path) -> dict[str, str]:
    entries = os.fsdecode((process / "environ").read_bytes()).split("\0")
    return dict(entry.partition("=")[::2] for entry in entries)


def _open_files(process: Path) -> list[str]:
    found = []
    for file in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(file.readlink()))
    return found


def _mounts() -> Iterator[Path]:
    mounts = _PROC / "mounts"
    for line in mounts.read_text().splitlines() if mounts.exists() else ():
        yield Path(line.split()[1].replace("\\040", " "))
