"""One vLLM server as a process group: starts it in its own session, reads its log, and kills the whole group.

EngineCore and the workers are children of the API server, and can survive it and keep the GPU. So the whole
group is killed, however the server ends. A container is not part of the group: the group holds only Docker's
client, which the container outlives. So the container is removed by its name. A pid file lets the next daemon
end both if this daemon is killed. It is written before the start, with a mark that the server gets in its
environment, and again after the start, with the number of the group.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote.engines.unbroken import run_unbroken
from remote.engines.vllm.container import Container, ContainerStaysError
from remote.engines.vllm.run_files import clear_run_files
from remote.files import write_whole
from remote.paths import DaemonPaths

_log = logging.getLogger("vllm")

_TERM_SECONDS = 10.0
_ORPHANS_SECONDS = 1.0
"""Seconds for the processes that outlive the API server: multiprocessing's helpers ignore SIGTERM."""
_KILL_SECONDS = 5.0
_LAST_WORDS_SECONDS = 1.0
_STEP = 0.1
_KEPT_LINES = 1000
"""Each of several workers may end with a traceback, and the cause stands in the first of them."""
_LONGEST_LINE = 4000
_CHUNK = 1 << 16
_MARK = "UPSAMPLE_SERVER"
"""The environment variable that holds the server's mark."""
_LOOKS_FOR_MARK = 5
"""Polls for the mark: a process that was just forked gets its environment a moment later."""
_MOST_PID = (1 << 31) - 1


@dataclass(frozen=True)
class ServerIdentity:
    """By what the processes and the container of one server are recognised."""

    group: int | None
    """The process group; None while the server is being started."""
    started: str
    """The start time of the group's leader, in the kernel's ticks; empty if it cannot be read."""
    container: Container | None = None
    """The server's container; it can outlive the process group."""
    mark: str = ""
    """A random value in the environment of the server's processes. It finds them while `group` is None."""


class ServerProcess:
    """A started server. Its owner must call `stop`, or its process group stays."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        note: Path,
        hear: Callable[[str], None],
        container: Container | None,
        environment: Mapping[str, str],
    ) -> None:
        self._process = process
        self._container = container
        self._environment = environment
        self._note = note
        self._hear = hear
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._reading = asyncio.create_task(self._read())
        self._stopping: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        note: Path,
        hear: Callable[[str], None],
        container: Container | None = None,
    ) -> ServerProcess:
        """Start it; `hear` is called with each line of its log. Raises OSError (no such program, disk
        full).
        """
        mark = secrets.token_hex(16)
        write_pid_file(
            note, ServerIdentity(None, "", container, mark)
        )  # from the first moment on, it can be found
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**environment, _MARK: mark},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError:
            _remove_note(note)
            raise
        except asyncio.CancelledError:
            # asyncio has killed the process, but not the children that it may have.
            await run_unbroken(sweep(note, environment))
            raise
        server = cls(process, note, hear, container, environment)
        try:
            write_pid_file(
                note, ServerIdentity(process.pid, _start_time(process.pid), container, mark)
            )
        except OSError:
            await server.stop()  # without a note nobody would ever find it
            raise
        return server

    @property
    def returncode(self) -> int | None:
        """The exit status of the API server, whose children may outlive it; None while it runs."""
        return self._process.returncode

    @property
    def lines(self) -> list[str]:
        """The end of its log, in which mostly stands why it ended."""
        return list(self._lines)

    @property
    def last_lines(self) -> str:
        """The very end of its log."""
        return "\n".join(self.lines[-60:])

    async def stop(self, *, has_run: bool = True) -> None:
        """Remove the container, and end the whole group by SIGTERM, then by SIGKILL.

        Afterwards its log has been read to the end. If the container or the group cannot be ended, the pid
        file stays. A cancel does not break it off, and a second call waits for the first one.

        `has_run` is False when Docker's client has ended before the container did anything. If Docker cannot
        be reached then, there is nothing to remove, and no later start has to wait for that.
        """
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(has_run))
        await run_unbroken(self._stopping)

    async def _stop(self, has_run: bool) -> None:
        stays = await self._remove_container()
        if not has_run:
            stays = ""
        if not await _end_group(self._process.pid):
            stays = stays or f"the process group {self._process.pid} cannot be killed"
        # A process that hangs in the GPU's driver cannot be killed, so the wait is bounded.
        waiting = asyncio.ensure_future(self._process.wait())
        await asyncio.wait([waiting], timeout=_KILL_SECONDS)
        waiting.cancel()
        # A process that left the group may hold the pipe open.
        await asyncio.wait([self._reading], timeout=_LAST_WORDS_SECONDS)
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        # There is no public way to close the pipe.
        self._process._transport.close()  # type: ignore[attr-defined]
        # Once more: Docker's client may have made the container after the first removal.
        if has_run:
            stays = await self._remove_container() or stays
        if stays:
            _log.error("%s", stays)
        else:
            _remove_note(self._note)

    async def _remove_container(self) -> str:
        """Remove the container. Returns why it could not be removed; empty when none is left."""
        if self._container is None:
            return ""
        try:
            await self._container.remove(self._environment)
        except (ContainerStaysError, OSError) as error:
            return str(error)
        return ""

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for mypy
        rest = b""
        while data := await self._process.stdout.read(_CHUNK):
            *lines, rest = (rest + data).replace(b"\r", b"\n").split(b"\n")
            for line in lines:
                self._take(line)
            if len(rest) > _LONGEST_LINE:
                self._take(rest)
                rest = b""
        self._take(rest)

    def _take(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode(errors="replace").rstrip()
        # The polls of the load, one a second, would push out the lines that explain an end.
        if text and '"GET /metrics ' not in text:
            self._lines.append(text)
            self._hear(text)


async def end_leftover_server(paths: DaemonPaths) -> None:
    """End the server that a killed daemon left, for a daemon with another engine. A cancel does not break it
    off.
    """
    try:
        if await run_unbroken(sweep(pid_file(paths))):
            _log.warning("an earlier model server was left over; it was ended")
        clear_run_files(paths)
    except (ContainerStaysError, OSError) as error:
        _log.error("an earlier model server may be left over: %s", error)


async def sweep(note: Path, environment: Mapping[str, str] = os.environ) -> bool:
    """End the server that a killed daemon left. Returns whether there was one. Raises ContainerStaysError."""
    left = read_pid_file(note)
    if left is None:
        return False
    await _sweep_container(left.container, environment)
    groups = await _groups_left(left)
    staying = [group for group in groups if not await _end_group(group)]
    if groups:
        await _sweep_container(left.container, environment)  # as in `stop`
    if staying:
        _log.error("the process groups %s cannot be killed", staying)
    else:
        _remove_note(note)
    return bool(groups) or left.container is not None


def is_running(note: Path) -> bool:
    """Return whether the server of this pid file has processes."""
    left = read_pid_file(note)
    if left is None:
        return False
    return bool(_marked_groups(left.mark)) if left.group is None else _lives(left.group)


async def _groups_left(left: ServerIdentity) -> set[int]:
    """Find the process groups of the server that still exist."""
    if left.group is not None:
        # Another process may have the number by now; then its start time differs. If the group's leader is
        # gone but the group exists, the kernel cannot have reused the number, so the group is ours.
        ours = _start_time(left.group) in (left.started, "") and _lives(left.group)
        return {left.group} if ours else set()
    for _ in range(_LOOKS_FOR_MARK):
        if groups := await asyncio.to_thread(_marked_groups, left.mark):
            return groups
        await asyncio.sleep(_STEP)
    return set()


def _marked_groups(mark: str) -> set[int]:
    """Find the process groups with this mark in their environment; none without a mark or without /proc."""
    sought, groups = f"{_MARK}={mark}".encode(), set[int]()
    for process in Path("/proc").glob("[0-9]*") if mark else ():
        with contextlib.suppress(OSError):
            if sought in (process / "environ").read_bytes().split(b"\0"):
                groups.add(int(_fields(process / "stat")[2]))
    return groups


async def _sweep_container(container: Container | None, environment: Mapping[str, str]) -> None:
    if container is None:
        return
    try:
        await container.remove(environment)
    except OSError as error:
        # The container cannot be removed without its program; most likely, Docker is gone from this box.
        _log.warning("the container %s is not looked for: %s", container.name, error)


def _remove_note(note: Path) -> None:
    note.unlink(missing_ok=True)


async def _end_group(group: int) -> bool:
    """End a group by SIGTERM, then by SIGKILL. Returns whether it is gone."""
    _signal_group(group, signal.SIGTERM)
    began = asyncio.get_running_loop().time()
    leaderless: float | None = None
    """When the leader was first seen to be gone."""
    while await asyncio.to_thread(_lives, group):
        now = asyncio.get_running_loop().time()
        if leaderless is None and _is_gone(group):
            leaderless = now
        if now - began > _TERM_SECONDS:
            break
        if leaderless is not None and now - leaderless > _ORPHANS_SECONDS:
            break
        await asyncio.sleep(_STEP)
    _signal_group(group, signal.SIGKILL)
    for _ in range(int(_KILL_SECONDS / _STEP)):
        if not await asyncio.to_thread(_lives, group):
            return True
        await asyncio.sleep(_STEP)
    return False


def _is_gone(pid: int) -> bool:
    """Return whether the process has ended; False where there is no /proc."""
    try:
        return _fields(Path(f"/proc/{pid}/stat"))[0] in "ZX"
    except FileNotFoundError:
        return Path("/proc/self/stat").exists()
    except OSError:
        return False


def _lives(group: int) -> bool:
    """Return whether the group has a process that is not a zombie.

    In a container, zombies without a parent may never be reaped; they hold no memory and no GPU.
    """
    if not _signal_group(group, 0):
        return False
    states = [state for state, of in _states() if of == group]
    return not states or any(state not in "ZX" for state in states)


def _states() -> Iterator[tuple[str, int]]:
    """Yield the state and the group of every process; nothing without /proc."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = _fields(file)
            yield fields[0], int(fields[2])


def _signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _start_time(pid: int) -> str:
    """The start time of a process, in the kernel's ticks; empty if it cannot be read."""
    try:
        return _fields(Path(f"/proc/{pid}/stat"))[19]
    except OSError:
        return ""


def _fields(stat: Path) -> list[str]:
    """The fields of a /proc stat file from the state on; the name before it may hold any character."""
    return stat.read_bytes().rpartition(b")")[2].decode("ascii").split()


# --- the pid file ----------------------------------------------------------------------------------


def pid_file(paths: DaemonPaths) -> Path:
    """The path of the pid file."""
    return paths.state / "vllm.json"


def write_pid_file(file: Path, server: ServerIdentity) -> None:
    """Write the file. Raises OSError."""
    inside = server.container
    content = {
        "group": server.group,
        "started": server.started,
        "mark": server.mark,
        "container": inside and inside.note,
    }
    write_whole(file, [json.dumps(content).encode()])


def read_pid_file(file: Path) -> ServerIdentity | None:
    """Read the file; None when it is missing or cannot be understood."""
    try:
        left = json.loads(file.read_text())
        container = Container.from_note(left.get("container"))
        mark = str(left.get("mark") or "")
        group = None if (container or mark) and left["group"] is None else int(left["group"])
        started = str(left["started"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    # Killing group 0 would kill our own group, and group 1 belongs to init.
    if group is not None and not 1 < group <= _MOST_PID:
        return None
    return ServerIdentity(group, started, container, mark)
