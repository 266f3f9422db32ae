"""How long it takes to compose 1,000 prompts with 100 clips, and the memory that it takes.

Each lap composes in a process of its own, and then writes the same files, which are in memory, plainly into
another folder of the same disk: opened, written and closed. What counts is the ratio of the two in one lap,
by time and by processor time; of several laps the least is told, and the greatest memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_COMPOSE = """
import sys, time
from backend.commands.compose import ComposeOptions, compose_specs
began, used = time.perf_counter(), time.process_time()
options = ComposeOptions(
    (), (__import__("pathlib").Path("prompts.txt"),), (__import__("pathlib").Path("clips"),), (),
    sys.argv[1] or None, "", "edge", None, "", dry_run=False, force=False, as_json=False,
)
compose_specs(options)
# Not getrusage, in which the process counts that started this one.
most = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.perf_counter() - began, time.process_time() - used, int(most.split()[1]) // 1024)
"""


@dataclass(frozen=True, slots=True)
class Lap:
    """One lap of the benchmark."""

    files: int
    seconds: float
    processor: float
    mebibytes: int
    plain_seconds: float
    plain_processor: float

    @property
    def ratio(self) -> float:
        """How many times as long composing takes as writing the files alone."""
        return self.seconds / self.plain_seconds


def prepare(folder: Path, prompts: int, clips: int) -> None:
    """Make the prompts and the clips, which are empty files: nothing looks into them."""
    (folder / "prompts.txt").write_text(
        "".join(
            f"car {n} drives through the rain at night, its lights on the wet road\n"
            for n in range(prompts)
        )
    )
    (folder / "clips").mkdir()
    for n in range(clips):
        (folder / "clips" / f"street{n:03}.mp4").touch()


def run_lap(folder: Path, kind: str) -> Lap:
    """Compose in this folder, write the same files plainly, and remove both."""
    command = [sys.executable, "-c", _COMPOSE, kind]
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "XDG_DATA_HOME": str(folder / "home")}
    ran = subprocess.run(
        command, capture_output=True, check=True, text=True, cwd=folder, env=environment
    )
    seconds, processor, mebibytes = ran.stdout.split()[-3:]
    composed = {file.name: file.read_bytes() for file in (folder / "composed").iterdir()}
    plain = folder / "plain"
    plain.mkdir()
    began, used = time.perf_counter(), time.process_time()
    for name, data in composed.items():
        with open(plain / name, "wb", buffering=0) as file:  # noqa: PTH123 - as plainly as can be
            file.write(data)
    lap = Lap(
        len(composed),
        float(seconds),
        float(processor),
        int(mebibytes),
        time.perf_counter() - began,
        time.process_time() - used,
    )
    for made in ("composed", "plain", "home"):
        shutil.rmtree(folder / made)
    return lap


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=1_000)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--laps", type=int, default=3)
    parser.add_argument("--format", default="")
    given = parser.parse_args()
    laps = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        prepare(folder, given.prompts, given.clips)
        for _ in range(given.laps):
            laps.append(run_lap(folder, given.format))
            lap = laps[-1]
            print(  # noqa: T201
                f"{lap.files:>9,} files  {lap.seconds:6.2f} s  plain {lap.plain_seconds:6.2f} s  "
                f"ratio {lap.ratio:5.2f}  (processor {lap.processor:6.2f} s, "
                f"plain {lap.plain_processor:6.2f} s)  {lap.mebibytes} MiB"
            )
    best = min(lap.ratio for lap in laps)
    most = max(lap.mebibytes for lap in laps)
    print(f"ratio {best:.2f}, memory {most} MiB")  # noqa: T201


if __name__ == "__main__":
    main()
