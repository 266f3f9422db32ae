"""How long `upsample --help` takes, beside an import of Textual's App alone, which no app of it is quicker
than.

Both are processes of their own and take turns; a ratio is taken within a lap.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.cpu import of_ended_children
from benchmarks.figures import Spread

_HELP = ("-c", "from backend.cli import main; main()", "--help")
_TEXTUAL = ("-c", "import textual.app")


def run(arguments: tuple[str, ...]) -> tuple[float, float]:
    """Return the seconds and the processor time of one run of Python with these arguments."""
    path = {"PYTHONPATH": str(Path(__file__).parents[1])}
    spent, began = of_ended_children(), time.monotonic()
    command = [sys.executable, *arguments]
    subprocess.run(command, stdout=subprocess.DEVNULL, env=os.environ | path, check=True)
    return time.monotonic() - began, of_ended_children() - spent


def main() -> None:
    """Measure, and print both with their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laps", type=int, default=15)
    laps = [(run(_HELP), run(_TEXTUAL)) for _ in range(parser.parse_args().laps + 1)]
    del laps[0]  # it writes byte code
    for at, clock in enumerate(("seconds", "processor time")):
        ours = Spread.of([helped[at] for helped, _ in laps])
        ratio = Spread.of([helped[at] / textual[at] for helped, textual in laps])
        print(f"{clock}: --help {ours.text(3)}; ÷ import {ratio.text(2)}")  # noqa: T201


if __name__ == "__main__":
    main()
