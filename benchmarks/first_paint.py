"""What the app's first paint takes, beside that of a bare app of Textual's: no app of it is quicker.

    python -m benchmarks.first_paint [--laps 10]

From exec until the name of a spec has come out of a terminal. Both take turns, and a ratio is taken within a
lap: the processor time tells of the program even while the machine is busy with other things.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import Spread
from benchmarks.terminal import Terminal
from benchmarks.tui import BARE, FEW, PLAIN, has_name, write_specs

_HERE = Path(__file__).parent.parent
_LONG = 60.0


def paint(terminal: Terminal, *, settle: bool) -> tuple[float, float]:
    """Return the seconds and the processor time until a spec is drawn; with `settle`, wait until all is."""
    with terminal:
        seconds = terminal.until(has_name(0), _LONG)
        spent = terminal.exact_cpu_seconds()
        if settle:
            terminal.settle(3.0, _LONG)
    return seconds, spent


def main() -> None:
    """Measure, and print both with their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laps", type=int, default=10)
    given = parser.parse_args()
    laps = []
    with tempfile.TemporaryDirectory(prefix="upsample-paint-") as name:
        folder = Path(name)
        write_specs(folder, FEW)
        env = {"HOME": name, "PYTHONPATH": str(_HERE)}
        app = Terminal([sys.executable, "-c", PLAIN, "specs.json"], env, folder)
        bare = Terminal([sys.executable, *BARE], {}, _HERE)
        # The first lap writes byte code and indexes, and does not count.
        for lap in range(given.laps + 1):
            laps.append(tuple(paint(one, settle=not lap) for one in (app, bare)))
    del laps[0]
    for at, clock in enumerate(("seconds", "processor time")):
        ours, theirs = (Spread.of([lap[which][at] for lap in laps]) for which in (0, 1))
        ratio = Spread.of([lap[0][at] / lap[1][at] for lap in laps])
        print(f"{clock}: {ours.text(3)}; bare {theirs.text(3)}; ratio {ratio.text(2)}")  # noqa: T201


if __name__ == "__main__":
    main()
