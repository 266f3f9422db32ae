"""How much less a second dry run of the same specs takes than the first, which opens each video.

Each spec has a video of its own: a copy of the given one. Both runs are the real command in a process of its
own, with a cache folder that is empty before the first. The figure is the ratio of their times.
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
from pathlib import Path

from benchmarks.cpu import of_ended_children

_COMMAND = ("-c", "from backend.cli import main; main()", "--no-ui", "specs", "--dry-run", "--json")
_LONG_AGO = 1_000_000_000
"""What was changed just now is not kept in the cache, because it may change again."""


def write_specs(folder: Path, clip: Path, count: int) -> None:
    """Write so many specs into folder/specs, each with a video of its own in folder/videos."""
    for name in ("specs", "videos"):
        (folder / name).mkdir()
    for number in range(count):
        video = folder / "videos" / f"v{number}{clip.suffix}"
        shutil.copyfile(clip, video)
        os.utime(video, (_LONG_AGO, _LONG_AGO))
        spec = {
            "prompt": f"a robot pours coffee, take {number}",
            "input_video_path": str(video),
            "edge": {"control_weight": 1.0},
        }
        (folder / "specs" / f"s{number}.json").write_text(json.dumps(spec))


def time_dry_run(folder: Path, count: int) -> tuple[float, float]:
    """Return the seconds of a dry run in this folder, and its processor time."""
    environment = os.environ | {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    spent, began = of_ended_children(), time.monotonic()
    ran = subprocess.run(
        [sys.executable, *_COMMAND],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    taken = time.monotonic() - began, of_ended_children() - spent
    if len(ran.stdout.splitlines()) != count:
        raise SystemExit(f"{len(ran.stdout.splitlines())} of {count} specs were planned")
    return taken


def main() -> None:
    """Measure, and print both runs with their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, help="the video that each spec gets a copy of")
    parser.add_argument("--specs", type=int, default=3_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_specs(folder, given.clip, given.specs)
        first, second = (time_dry_run(folder, given.specs) for _ in range(2))
    for title, (seconds, processor) in (("first", first), ("second", second)):
        print(f"{title:<8} {seconds:6.2f} s  {processor:6.2f} s of processor time")  # noqa: T201
    print(f"second ÷ first: {second[0] / first[0]:.2f}, {second[1] / first[1]:.2f}")  # noqa: T201


if __name__ == "__main__":
    main()
