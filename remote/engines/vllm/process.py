"""One vLLM server as a process group: started in a session of its own, read to its last line, swept away.

EngineCore and the workers are children of the API server and can survive it with the GPU in their hands;
so whatever ends the server, the whole group is killed. A container is none of the group's: what we start
is only Docker's client, and the container outlives it; so it is removed by its name. A daemon that was
killed itself leaves a note of both, and the next one sweeps that. It is written before the start, with a mark
that the server has in its environment, and once more with the number of the group.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from remote.engines.vllm.container import Container, ContainerStaysError
from remote.engines.vllm.pid_file import ServerIdentity, read_pid_file, write_pid_file

_log = logging.getLogger("vllm")

_TERM_SECONDS = 10.0
_ORPHANS_SECONDS = 1.0
"""For what is left when the API server has died: multiprocessing's helpers heed no SIGTERM."""
_KILL_SECONDS = 5.0
_LAST_WORDS_SECONDS = 1.0
_STEP = 0.1
_KEPT_LINES = 60
_LONGEST_LINE = 4000
_CHUNK = 1 << 16
_MARK = "UPSAMPLE_SERVER"
"""The variable of the server's environment that holds its mark."""
_LOOKS_FOR_MARK = 5
"""A process that was forked and not begun yet has its mark a moment later."""


class ServerProcess:
    """A started server. `stop` it, or its group stays."""

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
        self._stopped = False

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        note: Path,
        hear: Callable[[str], None],
        container: Container | None = None,
    ) -> ServerProcess:
        """Start it; `hear` gets each line of its log. Raises OSError (no such program, disk full)."""
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
        """None while the API server runs; its children may outlive it."""
        return self._process.returncode

    @property
    def last_lines(self) -> str:
        """The end of its log, for an explanation of its death."""
        return "\n".join(self._lines)

    async def stop(self) -> None:
        """End the container, and the whole group, kindly and then by force.

        Afterwards its log has been read to the end. The note of a container that stays is kept.
        """
        if self._stopped:
            return  # the number may be somebody else's by now
        patience = _TERM_SECONDS if self.returncode is None else _ORPHANS_SECONDS
        stays = await self._remove_container()
        await _end_group(self._process.pid, patience)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._stopped = True
        # A process that left the group may hold the pipe open.
        await asyncio.wait([self._reading], timeout=_LAST_WORDS_SECONDS)
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        # There is no public way to close the pipe.
        self._process._transport.close()  # type: ignore[attr-defined]
        # Again: the client may have been about to make it when it was looked for first.
        stays = await self._remove_container() or stays
        if stays:
            _log.error("%s", stays)
        else:
            _remove_note(self._note)

    async def _remove_container(self) -> str:
        """Why it could not be removed; empty when it is gone, or when there is none."""
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
        # Who looks at the load every second would push out what explains an end.
        if text and '"GET /metrics ' not in text:
            self._lines.append(text)
            self._hear(text)


async def sweep(note: Path, environment: Mapping[str, str] = os.environ) -> bool:
    """End what a killed daemon left behind; whether there was something. Raises ContainerStaysError."""
    left = read_pid_file(note)
    if left is None:
        return False
    await _sweep_container(left.container, environment)
    groups = await _groups_left(left)
    for group in groups:
        await _end_group(group, _TERM_SECONDS)
    if groups:
        await _sweep_container(left.container, environment)  # as in `stop`
    _remove_note(note)
    return bool(groups) or left.container is not None


def is_running(note: Path) -> bool:
    """Whether the server of this note has processes."""
    left = read_pid_file(note)
    if left is None:
        return False
    return bool(_marked_groups(left.mark)) if left.group is None else _lives(left.group)


async def _groups_left(left: ServerIdentity) -> set[int]:
    """What of the server's groups is to be ended."""
    if left.group is not None:
        # The number may belong to somebody else by now; its start time would differ then. A leader that is
        # gone leaves a group whose number cannot be given out again, so that one is ours.
        ours = _start_time(left.group) in (left.started, "") and _lives(left.group)
        return {left.group} if ours else set()
    for _ in range(_LOOKS_FOR_MARK):
        if groups := await asyncio.to_thread(_marked_groups, left.mark):
            return groups
        await asyncio.sleep(_STEP)
    return set()


def _marked_groups(mark: str) -> set[int]:
    """None where there is no /proc, and of no mark."""
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
        # Without its program there is no way to it; most likely, Docker is gone from this box.
        _log.warning("the container %s is not looked for: %s", container.name, error)


def _remove_note(note: Path) -> None:
    note.unlink(missing_ok=True)


async def _end_group(group: int, patience: float) -> None:
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, _KILL_SECONDS)):
        _signal_group(group, number)
        for _ in range(int(seconds / _STEP)):
            if not await asyncio.to_thread(_lives, group):
                break
            await asyncio.sleep(_STEP)


def _lives(group: int) -> bool:
    """Whether the group has a process that is more than a zombie.

    In a container nobody may ever reap those that have lost their parent; they hold nothing.
    """
    if not _signal_group(group, 0):
        return False
    states = [state for state, of in _states() if of == group]
    return not states or any(state not in "ZX" for state in states)


def _states() -> Iterator[tuple[str, int]]:
    """State and group of every process; nothing where there is no /proc."""
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
    """When the process was started, in the kernel's ticks; empty where that cannot be read."""
    try:
        return _fields(Path(f"/proc/{pid}/stat"))[19]
    except OSError:
        return ""


def _fields(stat: Path) -> list[str]:
    """From the state on: the name in parentheses before it may hold anything."""
    return stat.read_bytes().rpartition(b")")[2].decode("ascii").split()
