"""Processor time, from Linux' /proc: what a way costs, even while the machine is busy with other things."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def of_ended_children() -> float:
    """Seconds that processes took which this one started and has waited for, theirs included."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def of_processes(pids: Iterable[int]) -> float:
    """Seconds that processes took until now, with those that they have waited for."""
    return sum(_seconds(Path(f"/proc/{pid}/stat")) for pid in pids)


def of_group(group: int) -> float:
    """The same for every process of a process group."""
    return sum(_seconds(stat, group) for stat in Path("/proc").glob("[0-9]*/stat"))


def of_nobody() -> float:
    """Seconds that the processors of this machine, all of them together, had nothing to do until now."""
    idle, waiting = Path("/proc/stat").read_text().split(maxsplit=6)[4:6]
    return (int(idle) + int(waiting)) / _TICKS


def _seconds(stat: Path, group: int | None = None) -> float:
    with contextlib.suppress(OSError):
        # After the name, which may hold anything: state, parent, group, … and at 11, four times in ticks.
        fields = stat.read_text().rpartition(")")[2].split()
        if group is None or int(fields[2]) == group:
            return sum(map(int, fields[11:15])) / _TICKS
    return 0.0
