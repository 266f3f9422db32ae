"""The box's GPUs, as `nvidia-smi` tells of them: how full they are and how busy.

A driver that hangs takes nvidia-smi with it, so each run has a few seconds, and after one that went
wrong the next waits, longer each time.
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
"""For one run: without a persistent driver it takes up to 3 s."""
_KILL_SECONDS = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 600.0
"""Seconds before it is tried again after it failed; each failure in a row doubles them."""
_MIB = 1 << 20
_INDEX = re.compile(r"[0-9]{1,4}")
_MOST_OUTPUT = 1 << 16


@dataclass(frozen=True)
class GpuRow:
    """A GPU, and the name that it has apart from its place in the list."""

    gpu: Gpu
    uuid: str


class NvidiaSmi:
    """Runs nvidia-smi whenever it is asked, and knows when that is of no use."""

    def __init__(self, visible: str = "") -> None:
        """`visible` is what the engine has in CUDA_VISIBLE_DEVICES; empty for all."""
        self._visible = visible
        self._not_before = 0.0
        self._pause = _FIRST_PAUSE

    async def read(self) -> tuple[Gpu, ...]:
        """The GPUs that the engine may use; none when nvidia-smi is not there or does not work."""
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
    """CUDA_VISIBLE_DEVICES as the engine of this setup has it; empty when it may use every GPU."""
    if setup.vllm is None:
        # Nobody here knows what a server has that somebody else started.
        return ""
    given = dict(entry.split("=", 1) for entry in setup.vllm.env)
    ours = setup.vllm.cuda_visible_devices or environment.get("CUDA_VISIBLE_DEVICES", "")
    return given.get("CUDA_VISIBLE_DEVICES", ours)


def visible_gpus(rows: Sequence[GpuRow], visible: str) -> tuple[Gpu, ...]:
    """Those that `visible` names by index or UUID; all, when it is empty or names anything else."""
    names = [name.strip() for name in visible.split(",") if name.strip()]
    chosen = [row for row in rows if any(_is_called(row, name) for name in names)]
    known = all(any(_is_called(row, name) for row in rows) for name in names)
    return tuple(row.gpu for row in (chosen if names and known else rows))


def read_rows(output: str) -> tuple[GpuRow, ...]:
    """The GPUs in what nvidia-smi printed; lines that tell of none are passed over."""
    return tuple(_rows(output))


def _rows(output: str) -> Iterator[GpuRow]:
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
    # CUDA takes the beginning of a UUID, too.
    return name == str(row.gpu.index) or (name.startswith("GPU-") and row.uuid.startswith(name))


def _bytes(mebibytes: str) -> int | None:
    number = _number(mebibytes)
    return None if number is None else int(number * _MIB)


def _number(text: str) -> float | None:
    """None for "[N/A]", "[Not Supported]" and whatever else is no number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


async def _output_of(command: Sequence[str]) -> str:
    """What the command prints; empty when it is not there, fails or takes too long."""
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
        # A cancel amid the start would end this process alone, and not those that it has begun.
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
        # One that hangs in the driver cannot even be killed; nobody waits for it.
        ending = asyncio.ensure_future(process.wait())
        await asyncio.wait([ending], timeout=_KILL_SECONDS)
        ending.cancel()
    # There is no public way to close the pipe.
    process._transport.close()  # type: ignore[attr-defined]
