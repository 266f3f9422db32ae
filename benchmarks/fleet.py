"""How well two boxes of different pace share one batch, against what their paces allow.

    python -m benchmarks.fleet [--jobs 320] [--slots 8] [--seconds 1 3] [--laps 1]

Each box is reached over a real sshd of its own, and asks a stand-in for a model server that writes every
answer in the same time (`paced_server.py`), so that a box answers slots ÷ seconds a second and no faster. The
jobs are prompts of a text file. The figure is the time from the first answer's beginning to the last answer's
end, as the command told them, divided by jobs ÷ (sum of slots ÷ seconds). What comes before that, two logins
and two daemons that start, is shown beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from backend.console import say
from benchmarks.paced_server import MODEL, paced_server
from tests.support.daemons import end_daemons
from tests.support.laptop import UPSAMPLE, Laptop
from tests.support.sshd import running_sshd

_NAMES = ("first", "second")
_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Lap:
    """One batch."""

    before: float
    """Seconds until the first answer was begun."""
    seconds: float
    """Seconds from there to the end of the last answer."""
    jobs_by_box: Counter[str]


def run_lap(laptop: Laptop, jobs: int, lap: int) -> Lap:
    """Upsample a batch on both boxes."""
    specs = laptop.cwd / f"prompts{lap}.txt"
    specs.write_text("".join(f"scene number {number} of lap {lap}\n" for number in range(jobs)))
    started = time.monotonic()
    ended = subprocess.Popen(
        [UPSAMPLE, "--no-ui", "--json", "--box", ",".join(_NAMES), specs],
        cwd=laptop.cwd,
        env=laptop.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    first = last = 0.0
    taken: dict[int, str] = {}
    done: Counter[str] = Counter()
    assert ended.stdout is not None  # noqa: S101 - it is a pipe
    for line in ended.stdout:
        event = json.loads(line)
        if event["type"] == "taken":
            taken[event["job"]] = event["box"]
        elif event["type"] == "started":
            first = first or time.monotonic()
        elif event["type"] == "done":
            last = time.monotonic()
            done[taken[event["job"]]] += 1
    if ended.wait(_SECONDS) or sum(done.values()) != jobs:
        raise SystemExit(f"{sum(done.values())} of {jobs} were done, exit code {ended.returncode}")
    return Lap(first - started, last - first, done)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=320)
    parser.add_argument("--slots", type=int, default=8, help="of each box")
    parser.add_argument(
        "--seconds", type=float, nargs=2, default=(1.0, 3.0), help="an answer takes"
    )
    parser.add_argument("--laps", type=int, default=1)
    given = parser.parse_args()
    ideal = given.jobs / sum(given.slots / seconds for seconds in given.seconds)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="upsample-bench-")))
        laptop = Laptop(folder / "home", folder / "work")
        stack.callback(end_daemons, folder)
        config = ['[upsampling]\nprofile = "transfer1"']
        for name, seconds in zip(_NAMES, given.seconds, strict=True):
            server = stack.enter_context(running_sshd(folder / f"sshd-{name}", laptop.public_key))
            laptop.add_host(name, server.port)
            laptop.trust(server.port, server.host_key)
            url = stack.enter_context(paced_server(seconds)).base_url
            config.append(
                f'[boxes.{name}]\nhost = "{name}"\nroot = "{folder / name}"\nengine = "openai"\n'
                f'model = "{MODEL}"\nopenai = {{ base_url = "{url}", slots = {given.slots} }}'
            )
        laptop.configure("\n".join(config))
        laps = []
        for number in range(given.laps):
            lap = run_lap(laptop, given.jobs, number)
            laps.append(lap.seconds / ideal)
            shared = ", ".join(f"{name} {lap.jobs_by_box[name]}" for name in _NAMES)
            say(
                f"lap {number + 1}: {lap.seconds:.1f} s, allowed {ideal:.1f} s: {laps[-1]:.3f}; "
                f"{shared}; {lap.before:.1f} s before; load {os.getloadavg()[0]:.1f}"
            )
    say(f"total ÷ what the paces allow: {statistics.median(laps):.3f}")


if __name__ == "__main__":
    main()
