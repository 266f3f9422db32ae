"""How long it takes to compose 1,000 prompts with 100 clips, and the memory that it takes.

Each lap composes in a process of its own. After every 1,000 specs, the same process writes the same 1,000
files plainly into another folder of the same disk: opened, written and closed. So both get the same share of
the machine, whatever else it does. What counts is the ratio of the two sums, by time and by processor
time; of several laps the least is told, and the greatest memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

from backend.commands import compose as command
from backend.compose import making
from backend.compose.composition import Composition

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Lap:
    """One lap of the benchmark."""

    files: int
    seconds: float
    """From the start of the command to its end, without the plain writing."""
    processor: float
    plain_seconds: float
    plain_processor: float
    mebibytes: int

    @property
    def ratio(self) -> float:
        """How many times as long composing takes as writing the files alone."""
        return self.seconds / self.plain_seconds

    @property
    def processor_ratio(self) -> float:
        """The same by processor time."""
        return self.processor / self.plain_processor


class PlainWriter:
    """Writes files that were composed once more, plainly, and takes the time."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.seconds = 0.0
        self.processor = 0.0
        self.aside = 0.0
        """Seconds that reading the files took, which is nobody's part; and of the processor's time."""
        self.aside_processor = 0.0
        self.files = 0
        self._source = source
        self._folder = folder
        self._seen: set[str] = set()

    def write_new(self) -> None:
        """Write the files that were composed since the last time."""
        began, used = time.perf_counter(), time.process_time()
        names = set(os.listdir(self._source)) - self._seen  # noqa: PTH208 - as a batch of names
        new = [(str(self._folder / name), (self._source / name).read_bytes()) for name in names]
        self._seen |= names
        middle, middle_used = time.perf_counter(), time.process_time()
        for place, data in new:
            with open(place, "wb", buffering=0) as file:  # noqa: PTH123 - as plainly as can be
                file.write(data)
        self.seconds += time.perf_counter() - middle
        self.processor += time.process_time() - middle_used
        self.aside += middle - began
        self.aside_processor += middle_used - used
        self.files += len(new)


def prepare(folder: Path, prompts: int, clips: int) -> None:
    """Make the prompts and the clips, which are empty files: nothing looks into them."""
    with (folder / "prompts.txt").open("w") as file:
        for n in range(prompts):
            file.write(f"car {n} drives through the rain at night, its lights on the wet road\n")
    (folder / "clips").mkdir()
    for n in range(clips):
        (folder / "clips" / f"street{n:03}.mp4").touch()


def compose_here(kind: str) -> Lap:
    """Compose in the working directory, and write the same files plainly in between."""
    Path("plain").mkdir()
    plain = PlainWriter(Path("composed"), Path("plain"))

    def make(composition: Composition, *, force: bool, go_on: Callable[[int], bool]) -> making.Made:
        def hear(done: int) -> bool:
            if done % _CHUNK == 0 and not composition.format.is_one_file:
                plain.write_new()
            return go_on(done)

        return making.make(composition, force=force, go_on=hear)

    options = command.ComposeOptions(
        words=(),
        prompts=(Path("prompts.txt"),),
        videos=(Path("clips"),),
        styles=(),
        format=kind or None,
        pattern="",
        control="edge",
        save_dir=None,
        columns="",
        dry_run=False,
        force=False,
        as_json=False,
    )
    began, used = time.perf_counter(), time.process_time()
    with patch.object(command, "make", make):
        command.compose_specs(options)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    between, between_processor = (
        plain.seconds + plain.aside,
        plain.processor + plain.aside_processor,
    )
    plain.write_new()
    # Not getrusage, in which the process counts that started this one.
    status = Path("/proc/self/status").read_text().splitlines()
    most = next(line for line in status if line.startswith("VmHWM"))
    return Lap(
        plain.files,
        seconds - between,
        processor - between_processor,
        plain.seconds,
        plain.processor,
        int(most.split()[1]) // 1024,
    )


def run_lap(folder: Path, kind: str) -> Lap:
    """Compose in this folder, in a process of its own, and remove what was written."""
    command_line = [sys.executable, "-m", "benchmarks.compose", "--here", "--format", kind]
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "XDG_DATA_HOME": str(folder / "home")}
    ran = subprocess.run(
        command_line, capture_output=True, check=True, text=True, cwd=folder, env=environment
    )
    for made in ("composed", "plain", "home"):
        shutil.rmtree(folder / made)
    return Lap(**json.loads(ran.stdout.splitlines()[-1]))


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=1_000)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--laps", type=int, default=3)
    parser.add_argument("--format", default="")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        print(json.dumps(asdict(compose_here(given.format))))  # noqa: T201
        return
    laps = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        prepare(folder, given.prompts, given.clips)
        for _ in range(given.laps):
            lap = run_lap(folder, given.format)
            laps.append(lap)
            print(  # noqa: T201
                f"{lap.files:>9,} files  {lap.seconds:6.2f} s, plain {lap.plain_seconds:6.2f} s: "
                f"{lap.ratio:5.2f}  processor {lap.processor:6.2f} s, plain "
                f"{lap.plain_processor:6.2f} s: {lap.processor_ratio:5.2f}  {lap.mebibytes} MiB",
                flush=True,
            )
    ratio, by_processor = (
        min(lap.ratio for lap in laps),
        min(lap.processor_ratio for lap in laps),
    )
    most = max(lap.mebibytes for lap in laps)
    print(f"ratio {ratio:.2f}, by processor time {by_processor:.2f}, memory {most} MiB")  # noqa: T201


if __name__ == "__main__":
    main()
