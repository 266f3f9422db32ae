"""What this program keeps on boxes, for `upsample uninstall`: found, and removed by the runner there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import asyncssh

from backend.box.asker import Asker
from backend.box.links.link import Box, open_connection
from backend.box.links.runner import build_runner, deploy, stream_traces
from backend.box.stopping import end_daemon
from backend.console import say
from backend.errors import BoxError
from remote.protocol import Trace

_HOME = re.compile(r"~[A-Za-z0-9_.-]*")
_MACHINE = "[0-9a-f]" * 12


@dataclass(frozen=True, slots=True)
class BoxTraces:
    """What a box keeps, or what became of it, or why nobody knows."""

    box: Box
    traces: tuple[Trace, ...] = ()
    error: BoxError | None = None
    """Why the box cannot be asked; None if it was asked."""

    @property
    def jobs(self) -> int:
        """How many jobs on it have not ended."""
        return sum(trace.jobs for trace in self.traces)

    @property
    def is_served(self) -> bool:
        return any(trace.is_served for trace in self.traces)


async def look_at_boxes(boxes: Sequence[Box], asker: Asker) -> list[BoxTraces]:
    """Ask each box what is kept there. Nothing is started there, and nothing stays of the question."""
    return [await _look(box, asker) for box in boxes]


async def clear_boxes(found: Sequence[BoxTraces], asker: Asker) -> list[BoxTraces]:
    """End the daemon of each box that was reached, remove what is kept there, and tell what became of it.

    A box that was not reached before is returned as it is.
    """
    return [each if each.error else await _clear(each, asker) for each in found]


def by_hand(box: Box) -> str:
    """Return the command for a shell on the box that removes what is kept there; only names of ours."""
    home, slash, rest = box.setup.root.partition("/")
    # Quoted, a shell would not read ~ as the home.
    is_home = _HOME.fullmatch(home) is not None
    quoted = shlex.quote(rest) if rest else ""
    folder = f"{home}{slash}{quoted}" if is_home else shlex.quote(box.setup.root)
    names = f"runner-*.pyz* replicas {_MACHINE}"
    return f"cd {folder} && rm -rf {names} /var/tmp/upsample-$(id -u); rmdir {folder}"


async def _look(box: Box, asker: Asker) -> BoxTraces:
    say(f"… looking at {box.name}")
    try:
        async with open_connection(box, asker) as connection:
            deployed = await deploy(connection, box.setup.root, build_runner())
            command = [deployed.path, "traces", box.setup.root]
            if not deployed.was_there:
                command.append("brought")
            return BoxTraces(box, await _traces(connection, command))
    except BoxError as error:
        return BoxTraces(box, error=error)


async def _clear(found: BoxTraces, asker: Asker) -> BoxTraces:
    box = found.box
    say(f"… removing what is on {box.name}")
    try:
        async with open_connection(box, asker) as connection:
            if found.is_served:
                await end_daemon(connection, box)
            deployed = await deploy(connection, box.setup.root, build_runner())
            command = [deployed.path, "leave", box.setup.root]
            return BoxTraces(box, await _traces(connection, command))
    except BoxError as error:
        return BoxTraces(box, error=error)


async def _traces(
    connection: asyncssh.SSHClientConnection, command: Sequence[str]
) -> tuple[Trace, ...]:
    async with aclosing(stream_traces(connection, command)) as told:
        return tuple([trace async for trace in told])
