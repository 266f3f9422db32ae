"""How long a new app waits for the result of one prompt, on a box that has answered many jobs of others.

    python -m benchmarks.replay [--laps 5] [--older-laps 2] [--jobs 0 20000 100000] [--json]

For each number of jobs there is a box: a journal with so many jobs of others, accepted, started and finished
with answers of about 1 kB, and the real daemon with the engine sketch, reached through a real sshd. Two ways
are measured in turn, and the order changes from lap to lap:

    as it is      `upsample --no-ui --json` with an empty queue: the box tells nothing of others
    protocol 4    the same command, which speaks at most protocol 4: the box tells its whole journal first

Each time is from the start of the command to its exit, when the result is in its file. The daemons run
already. How long each takes from its start until it greets is measured before, once: it reads its journal.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from backend.box.links.runner import build_runner
from backend.console import say, table
from benchmarks.command import run_command
from benchmarks.long_journal import write_long_journal
from remote.paths import make_daemon_paths
from remote.protocol import Setup
from tests.remote.attached import Box
from tests.support.daemons import end_daemons
from tests.support.laptop import UPSAMPLE, Laptop
from tests.support.sshd import running_sshd

AS_IT_IS = "as it is"
PROTOCOL_4 = "protocol 4"
WAYS = (AS_IT_IS, PROTOCOL_4)

_IDLE_SECONDS = 3600
_SECONDS = 3600.0
"""Seconds that one command may take."""
_WIDTH = 120
_OLDER = (
    "import backend.box.links.link; backend.box.links.link.NEWEST_PROTOCOL = 4; "
    "from backend.cli import main; main()"
)
"""A program: the command, which tells the box that it speaks at most protocol 4."""


@dataclass(frozen=True, slots=True)
class Start:
    """The start of a daemon."""

    jobs: int
    """Jobs of others in its journal."""
    journal_bytes: int
    seconds: float
    """From the attempt to attach until the daemon has greeted."""


@dataclass(frozen=True, slots=True)
class Run:
    """One prompt, from the start of the command to its exit."""

    lap: int
    way: str
    jobs: int
    seconds: float
    load: float
    """The machine's load average (1 min) before."""


@dataclass(frozen=True, slots=True)
class Row:
    """All laps of one way with one number of jobs."""

    way: str
    jobs: int
    median: float
    least: float
    most: float
    ratio: float | None
    """The median of the ratios within a lap to the same way on the emptiest box; None for that one itself."""


class Track:
    """The boxes, with their daemons, and the user who comes to them."""

    def __init__(self, folder: Path, laptop: Laptop) -> None:
        self._folder = folder
        self._laptop = laptop
        runner = build_runner()
        self._runner = folder / runner.name
        self._runner.write_bytes(runner.data)
        self._hash = runner.hash
        self._prompts = 0

    def start_box(self, jobs: int) -> Start:
        """Make the box with so many jobs of others, and start its daemon, which stays."""
        root = self._root(jobs)
        paths = make_daemon_paths(str(root))
        write_long_journal(paths.journal, jobs)
        size = paths.journal.stat().st_size
        os.sync()
        setup = Setup(str(root), "sketch", "", idle_timeout=_IDLE_SECONDS)
        box = Box(self._runner, self._hash, setup, sys.executable)
        return Start(jobs, size, asyncio.run(_seconds_until_greeted(box)))

    def run(self, lap: int, way: str, jobs: int) -> Run:
        """One new prompt from a user with an empty queue. Raises SystemExit when it fails."""
        shutil.rmtree(self._laptop.queue_file.parent, ignore_errors=True)
        self._prompts += 1
        spec = self._laptop.cwd / f"prompt{self._prompts}.txt"
        spec.write_text(f"a tram turns into a square, number {self._prompts}\n")
        self._laptop.configure(
            f'box = "bench"\n[boxes.bench]\nhost = "bench-box"\nroot = "{self._root(jobs)}"\n'
            f'engine = "sketch"\nidle_timeout = {_IDLE_SECONDS}\nkeep_days = 0\n'
        )
        program = [str(UPSAMPLE)] if way == AS_IT_IS else [sys.executable, "-c", _OLDER]
        load, began = os.getloadavg()[0], time.monotonic()
        ended = subprocess.run(
            [*program, "--no-ui", "--json", spec.name, "--save-dir", "results"],
            cwd=self._laptop.cwd, env=self._laptop.environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=_SECONDS,
        )  # fmt: skip
        seconds = time.monotonic() - began
        if ended.returncode or not (self._laptop.cwd / "results" / spec.name).exists():
            raise SystemExit(f"upsample failed:\n{ended.stdout[-2000:]}\n{ended.stderr}")
        return Run(lap, way, jobs, seconds, load)

    def _root(self, jobs: int) -> Path:
        return self._folder / f"box{jobs}"


async def _seconds_until_greeted(box: Box) -> float:
    began = time.monotonic()
    async with box.visited(after=0):
        return time.monotonic() - began


@contextlib.contextmanager
def track_in(folder: Path) -> Iterator[Track]:
    """An sshd and a user while the block lasts. All daemons that were started end with it."""
    laptop = Laptop(folder / "home", folder / "work")
    with running_sshd(folder / "sshd", laptop.public_key) as sshd:
        laptop.trust(sshd.port, sshd.host_key)
        laptop.add_host("bench-box", sshd.port)
        try:
            yield Track(folder, laptop)
        finally:
            end_daemons(folder)


def measure(track: Track, laps: int, older_laps: int, jobs: Sequence[int]) -> list[Run]:
    """Every way on every box, so many times; the order changes from lap to lap.

    Protocol 4 takes part in the first `older_laps` only, because it may take minutes.
    """
    done = []
    for lap in range(laps):
        ways = WAYS if lap < older_laps else (AS_IT_IS,)
        pairs = [(way, count) for count in jobs for way in ways]
        first = lap % len(pairs)
        for way, count in pairs[first:] + pairs[:first]:
            ended = track.run(lap, way, count)
            done.append(ended)
            say(
                f"lap {lap + 1}: {way}, {count:,} jobs: {ended.seconds:.2f} s; load {ended.load:.1f}"
            )
    return done


def rows(runs: Sequence[Run]) -> list[Row]:
    """The median of each way on each box, and its ratio to the box with the fewest jobs."""
    found = []
    fewest = min(run.jobs for run in runs)
    for way in WAYS:
        base = {run.lap: run.seconds for run in runs if (run.way, run.jobs) == (way, fewest)}
        for jobs in sorted({run.jobs for run in runs}):
            mine = {run.lap: run.seconds for run in runs if (run.way, run.jobs) == (way, jobs)}
            times = list(mine.values())
            if not mine:
                continue
            ratio = median(seconds / base[lap] for lap, seconds in mine.items())
            found.append(
                Row(
                    way, jobs, median(times), min(times), max(times),
                    None if jobs == fewest else ratio,
                )
            )  # fmt: skip
    return found


def row_table(found: Sequence[Row]) -> Table:
    """For people."""
    made = table("way", "jobs of others", "seconds", "÷ fewest jobs", long=())
    for row in found:
        spread = f"{row.median:.2f}  ({row.least:.2f} – {row.most:.2f})"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        made.add_row(row.way, f"{row.jobs:,}", spread, ratio)
    return made


def start_table(starts: Sequence[Start]) -> Table:
    """For people."""
    made = table("start of the daemon", "journal", "seconds", long=())
    for start in starts:
        made.add_row(
            f"{start.jobs:,} jobs", f"{start.journal_bytes / 1e6:,.1f} MB", f"{start.seconds:.2f}"
        )
    return made


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--laps", type=int, default=5)
    parser.add_argument("--older-laps", type=int, default=2, help="of these, with protocol 4, too")
    parser.add_argument("--jobs", type=int, nargs="+", default=[0, 20_000, 100_000])
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """The command."""
    given = _parse()
    with (
        tempfile.TemporaryDirectory(prefix="upsample-bench-") as name,
        track_in(Path(name)) as track,
    ):
        starts = []
        for jobs in given.jobs:
            say(f"a box with {jobs:,} jobs of others")
            starts.append(track.start_box(jobs))
        say("warming up")
        for way in WAYS:
            track.run(-1, way, min(given.jobs))
        runs = measure(track, given.laps, given.older_laps, given.jobs)
    if given.json:
        whole = {
            "starts": [asdict(it) for it in starts],
            "rows": [asdict(it) for it in rows(runs)],
            "runs": [asdict(it) for it in runs],
        }
        sys.stdout.write(json.dumps(whole) + "\n")
        return
    paper = Console(file=sys.stdout, width=_WIDTH, highlight=False, markup=False)
    for made in (row_table(rows(runs)), start_table(starts)):
        paper.print(made)
        paper.print()


if __name__ == "__main__":
    run_command(main)
