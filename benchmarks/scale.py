"""What a batch of 100,000 text jobs costs, and whether the last of them cost more than the first.

    python -m benchmarks.scale [--jobs 100000] [--a-file 1] [--json]

The prompts are upsampled by `upsample --no-ui --json` in a home of its own, on the embedded box with the
engine sketch, which answers at once: so nearly all that it costs is the program. Told are the time to the
first job that the box has, the processor time of the app and of the box's side for 1,000 jobs, in the first
tenth of the batch and in the last, and their ratio; the most memory of each; and what the queue's file
takes. Then the same command runs over the finished queue.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table

from backend.console import say, table
from benchmarks import cpu
from benchmarks.command import run_command
from tests.support.daemons import daemons_below, end_daemons
from tests.support.laptop import UPSAMPLE, Laptop

_A_FOLDER = 1000
"""Files in each folder of specs."""
_TENTHS = 10
_MIB = 1 << 20
_WIDTH = 110
_DONE, _SENT = '{"type": "done"', '{"type": "sent"'
"""How the lines of these events begin."""
_ARGUMENTS = ("--no-ui", "--json", "specs", "--save-dir", "results")


@dataclass(frozen=True, slots=True)
class Sample:
    """What was used until a tenth of the batch was done; the sample of tenth 0 is of the first job sent."""

    seconds: float
    """Since the start of the command."""
    app: float
    """Processor seconds of the command, in which the embedded SSH server runs."""
    box: float
    """Processor seconds of the daemon and of the relay to it."""
    app_mib: float
    """The most resident memory so far."""
    box_mib: float


@dataclass
class Batch:
    """The figures of one batch."""

    jobs: int
    a_file: int
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    """The machine's load average (1 min) before."""
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0
    """From the start of the command to its exit."""
    app: float = 0.0
    """Processor seconds of the command, from its start to its exit."""
    queue_bytes: int = 0
    again_seconds: float = 0.0
    """The same for a second run over the finished queue, from start to exit."""
    again_app: float = 0.0

    def a_thousand(self, role: str, tenth: int) -> float:
        """Processor seconds for 1,000 jobs of this tenth (from 1 on): those of "app" or of "box"."""
        before, after = self.samples[tenth - 1], self.samples[tenth]
        used = float(getattr(after, role)) - float(getattr(before, role))
        return used / (self.jobs / _TENTHS) * 1000

    def growth(self, role: str) -> float:
        """Processor time of the last tenth, divided by that of the first one."""
        return self.a_thousand(role, _TENTHS) / max(self.a_thousand(role, 1), 1e-9)


def write_prompts(folder: Path, jobs: int, a_file: int) -> None:
    """Write text specs with so many prompts each, a thousand files in a folder."""
    for first in range(0, jobs, a_file):
        place = folder / f"{first // a_file // _A_FOLDER:04}" / f"scene{first:06}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        numbers = range(first, min(jobs, first + a_file))
        place.write_text(
            "".join(f"a tram turns into square {number} in rain\n" for number in numbers)
        )


class Watch:
    """Samples what the processes of a running command use."""

    def __init__(self, folder: Path, process: subprocess.Popen[str], batch: Batch) -> None:
        self._folder = folder
        self._app = process.pid
        self._batch = batch
        self._began = time.monotonic()
        self._used: dict[int, float] = {}
        """Processor seconds of each process of the box's side, as seen last: one may have ended."""

    def hear(self, lines: IO[str]) -> None:
        """Read events to their end, and take a sample at the first job sent and at each tenth done."""
        batch, done = self._batch, 0
        for line in lines:
            if not batch.samples and line.startswith(_SENT):
                self._take(done)
            done += line.startswith(_DONE)
            while batch.samples and len(batch.samples) <= min(
                _TENTHS, done * _TENTHS // batch.jobs
            ):
                self._take(done)

    def _take(self, done: int) -> None:
        box = {*daemons_below(self._folder), *_children(self._app)}
        self._used |= {pid: cpu.of_processes([pid]) for pid in box}
        app, boxes = _memory(self._app), [_memory(pid) for pid in box]
        sample = Sample(
            time.monotonic() - self._began,
            cpu.of_processes([self._app]),
            sum(self._used.values()),
            app["VmHWM"],
            sum(it["VmHWM"] for it in boxes),
        )
        self._batch.samples.append(sample)
        say(
            f"{done:,} done after {sample.seconds:.0f} s; processor: app {sample.app:.1f} s, box "
            f"{sample.box:.1f} s; memory: app {sample.app_mib:.0f} MiB, box {sample.box_mib:.0f} MiB"
        )


def _children(parent: int) -> set[int]:
    found: set[int] = set()
    for listed in Path(f"/proc/{parent}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= set(map(int, listed.read_text().split()))
    return found


def _memory(pid: int) -> Counter[str]:
    """What /proc tells of a process' memory, in MiB, by name; nothing of one that has ended."""
    found: Counter[str] = Counter()
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if value.endswith(" kB"):
                found[name] = int(value.split()[0]) // 1024
    return found


def measure(folder: Path, jobs: int, a_file: int) -> Batch:
    """Upsample so many prompts in a new home, twice. Raises SystemExit when the command fails."""
    laptop = Laptop(folder / "home", folder / "work")
    laptop.configure(f'[boxes.local]\nengine = "sketch"\nroot = "{folder / "box"}"\n')
    write_prompts(laptop.cwd / "specs", jobs, a_file)
    batch = Batch(jobs, a_file)
    try:
        batch.seconds, batch.app = _run(laptop, batch)
        batch.queue_bytes = laptop.queue_file.stat().st_size
        say("the same command once more")
        batch.again_seconds, batch.again_app = _run(laptop, None)
    finally:
        end_daemons(folder)
    return batch


def _run(laptop: Laptop, batch: Batch | None) -> tuple[float, float]:
    """Run the command once; returns the seconds until its exit, and its processor seconds."""
    began, used = time.monotonic(), cpu.of_ended_children()
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [UPSAMPLE, *_ARGUMENTS],
            cwd=laptop.cwd, env=laptop.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=errors, text=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None  # noqa: S101 - for mypy
        if batch is not None:
            Watch(laptop.home.parent, process, batch).hear(process.stdout)
        else:
            process.stdout.read()
        code = process.wait()
        if code or (batch is not None and len(batch.samples) != _TENTHS + 1):
            errors.seek(0)
            raise SystemExit(f"upsample failed with {code}:\n{errors.read()[-2000:]}")
    return time.monotonic() - began, cpu.of_ended_children() - used


def batch_table(batch: Batch) -> Table:
    """For people."""
    made = table("measured", "app", "box's side", long=())
    for tenth, name in ((1, "first"), (_TENTHS, "last")):
        app, box = batch.a_thousand("app", tenth), batch.a_thousand("box", tenth)
        made.add_row(f"processor s a 1,000 jobs, {name} tenth", f"{app:.2f}", f"{box:.2f}")
    made.add_row("last ÷ first", f"{batch.growth('app'):.2f}", f"{batch.growth('box'):.2f}")
    last = batch.samples[-1]
    made.add_row("most memory", f"{last.app_mib:.0f} MiB", f"{last.box_mib:.0f} MiB")
    made.add_row("first job sent after", f"{batch.samples[0].seconds:.1f} s")
    made.add_row("all, seconds", f"{batch.seconds:.0f} (processor {batch.app:.0f})")
    made.add_row("again, seconds", f"{batch.again_seconds:.1f} (processor {batch.again_app:.1f})")
    made.add_row("again ÷ all", f"{batch.again_seconds / batch.seconds:.3f}")
    made.add_row("the queue's file", f"{batch.queue_bytes / _MIB:.0f} MiB")
    return made


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--a-file", type=int, default=1, help="prompts in each spec file")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """The command."""
    given = _parse()
    with tempfile.TemporaryDirectory(prefix="upsample-bench-") as name:
        batch = measure(Path(name).resolve(), given.jobs, given.a_file)
    if given.json:
        growth = {role: batch.growth(role) for role in ("app", "box")}
        sys.stdout.write(json.dumps(asdict(batch) | {"last ÷ first": growth}) + "\n")
        return
    say(f"{batch.jobs:,} jobs, {batch.a_file:,} in a file; load before: {batch.load:.1f}")
    Console(file=sys.stdout, width=_WIDTH, highlight=False, markup=False).print(batch_table(batch))


if __name__ == "__main__":
    run_command(main)
