"""Reads from `nvidia-smi` how much of each GPU's memory is used, and how busy it is.

If the driver hangs, nvidia-smi hangs too. So each run has a time limit of a few seconds, and after a failed
run the next one waits, twice as long each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from remote.protocol import Gpu, Setup

_QUERY = ("index", "uuid", "name", "memory.used", "memory.total", "utilization.gpu")
COMMAND = ("nvidia-smi", "--query-gpu=" + ",".join(_QUERY), "--format=csv,noheader,nounits")
_SECONDS = 5.0
"""Time limit of one run: without a persistent driver it takes up to 3 s."""
_KILL_SECONDS = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 600.0
"""Seconds until the next run after one that failed; each failure in a row doubles them."""
_MIB = 1 << 20
_INDEX = re.compile(r"[0-9]{1,4}")
_MOST_OUTPUT = 1 << 16


@dataclass(frozen=True)
class GpuRow:
    """A GPU and its UUID, which does not depend on its position in the list."""

    gpu: Gpu
    uuid: str


class NvidiaSmi:
    """Runs nvidia-smi on request, and pauses after runs that failed."""

    def __init__(self, visible: str = "") -> None:
        """`visible` is the engine's CUDA_VISIBLE_DEVICES; empty for all GPUs."""
        self._visible = visible
        self._not_before = 0.0
        self._pause = _FIRST_PAUSE

    async def read(self) -> tuple[Gpu, ...]:
        """Return the GPUs that the engine may use; none when nvidia-smi is missing or does not work."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            return ()
        rows = read_rows(await _output_of(COMMAND))
        if not rows:
            self._not_before = loop.time() + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            return ()
        self._pause = _FIRST_PAUSE
        return visible_gpus(rows, self._visible)


def visible_devices(setup: Setup, environment: Mapping[str, str]) -> str:
    """Return CUDA_VISIBLE_DEVICES of this setup's engine; empty when it may use every GPU."""
    if setup.vllm is None:
        # A server that the runner did not start may have any value; it is not known here.
        return ""
    given = dict(entry.split("=", 1) for entry in setup.vllm.env)
    ours = setup.vllm.cuda_visible_devices or environment.get("CUDA_VISIBLE_DEVICES", "")
    return given.get("CUDA_VISIBLE_DEVICES", ours)


def visible_gpus(rows: Sequence[GpuRow], visible: str) -> tuple[Gpu, ...]:
    """Return the GPUs that `visible` names by index or UUID; all if it is empty or names an unknown one."""
    names = [name.strip() for name in visible.split(",") if name.strip()]
    chosen = [row for row in rows if any(_is_called(row, name) for name in names)]
    known = all(any(_is_called(row, name) for row in rows) for name in names)
    return tuple(row.gpu for row in (chosen if names and known else rows))


def read_rows(output: str) -> tuple[GpuRow, ...]:
    """Read the GPUs from nvidia-smi's output; lines that describe no GPU are ignored."""
    return tuple(_read_rows(output))


def _read_rows(output: str) -> Iterator[GpuRow]:
    for line in output.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) < len(_QUERY) or not _INDEX.fullmatch(fields[0]):
            continue
        index, uuid, *name, used, total, busy = fields
        percent = _number(busy)
        yield GpuRow(
            Gpu(
                index=int(index),
                # A name with a comma is not quoted.
                name=", ".join(name),
                memory_used=_bytes(used),
                memory_total=_bytes(total),
                utilisation=percent if percent is not None and percent <= 100 else None,
            ),
            uuid,
        )


def _is_called(row: GpuRow, name: str) -> bool:
    # CUDA accepts the beginning of a UUID, too.
    return name == str(row.gpu.index) or (name.startswith("GPU-") and row.uuid.startswith(name))


def _bytes(mebibytes: str) -> int | None:
    number = _number(mebibytes)
    return None if number is None else int(number * _MIB)


def _number(text: str) -> float | None:
    """Read a number; None for "[N/A]", "[Not Supported]" and other text that is no number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


async def _output_of(command: Sequence[str]) -> str:
    """Run the command and return its output; empty when it is missing, fails or takes too long."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    )
    try:
        # A cancel during the start would kill this process alone, and leave its children.
        process = await asyncio.shield(starting)
    except OSError:
        return ""
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            await _end(await starting)
        raise
    reading = asyncio.ensure_future(_read(process))
    try:
        # Not wait_for, which before Python 3.12 can lose a cancel.
        await asyncio.wait([reading], timeout=_SECONDS)
        return reading.result() if reading.done() else ""
    finally:
        reading.cancel()
        await _end(process)


async def _read(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 - for mypy
    output = b""
    while len(output) < _MOST_OUTPUT and (data := await process.stdout.read(_MOST_OUTPUT)):
        output += data
    if len(output) >= _MOST_OUTPUT or await process.wait() != 0:
        return ""
    return output.decode("utf-8", "replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        # A process that hangs in the driver cannot be killed, so the wait is bounded.
        ending = asyncio.ensure_future(process.wait())
        await asyncio.wait([ending], timeout=_KILL_SECONDS)
        ending.cancel()
    # There is no public way to close the pipe.
    process._transport.close()  # type: ignore[attr-defined]
