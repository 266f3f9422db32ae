"""How quickly the terminal app answers: first paint, keys, filters, a log at full speed, and memory.

    python -m benchmarks.tui [--specs 100000] [--presses 100] [--lines 20000] [--json]

First paint is the real command in a terminal of its own (a pty): from exec until the name of a spec has come
out of it. The rest is the app as `upsample` makes it, but on specs made up in memory, with a planner that
counts words, and without a box; it, too, runs in a pty, keys are written into that, and what it draws is read
from there. So decoding keys, layout, styles and escape sequences are in each figure. What a terminal takes to
show them is not, and neither is parsing what SSH brings: the log's lines come from a task of the app's own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from time import time

from rich.console import Console
from rich.table import Table

from backend.console import say, table
from benchmarks.terminal import SIZE, Terminal
from benchmarks.tui_harness import DATA_TABLE, ENDED, OUR_LOG, OURS, RICH_LOG, name_of
from remote.protocol import Json

_HERE = Path(__file__).parent.parent
_WIDTH = 110
_LONG = 60.0
"""Seconds that anything may take before the benchmark gives up."""
_NAME = re.compile(rb"spec_(\d{6})")
PLAIN = "import sys; sys.modules['textual_image'] = None; from backend.cli import main; main()"
"""The command as it is installed: textual-image, an extra that the tests need, asks the terminal what it can,
and a pty answers nothing."""
FEW = 1_000
"""Specs, as most people have."""
BARE = ("-m", "benchmarks.bare_textual")
_BARE = "a bare Textual app, from exec, warm"
_SIXTH = 5
"""The place of the row whose appearing tells that a filter is drawn; the first may stand there already."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, several times."""

    what: str
    unit: str
    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.values)

    @property
    def p95(self) -> float:
        return quantiles(self.values, n=20)[-1] if len(self.values) >= 20 else max(self.values)


def has_name(number: int) -> Callable[[bytes], bool]:
    """Whether the spec with this number is drawn, or one after it."""
    return lambda drawn: any(int(found) >= number for found in _NAME.findall(drawn))


def write_specs(folder: Path, count: int) -> None:
    """Write `count` specs into one file, specs.json, of which the app keeps an index."""
    # Without a video: probing one is not what is measured.
    specs = [
        {"name": name_of(n), "prompt": f"a quiet harbour {n}", "video_path": ""}
        for n in range(count)
    ]
    file = folder / "specs.json"
    file.write_text(json.dumps(specs))
    # A file that was written just now may change unseen, and is not indexed.
    an_hour_ago = time() - 3600
    os.utime(file, (an_hour_ago, an_hour_ago))


def first_paint(count: int, laps: int) -> Figure:
    """The real command on a file of `count` specs, once the disk is warm."""
    with tempfile.TemporaryDirectory(prefix="upsample-tui-") as name:
        folder = Path(name)
        write_specs(folder, count)
        command = [sys.executable, "-c", PLAIN, "specs.json"]
        seconds = []
        # The first lap writes byte code and indexes, and does not count.
        for lap in range(laps + 1):
            with Terminal(command, {"HOME": name}, folder) as terminal:
                taken = terminal.until(has_name(0), _LONG)
                if lap:
                    seconds.append(taken)
                elif laps:
                    terminal.settle(3.0, _LONG)
    return Figure(_first_of(count), "s", tuple(seconds))


def _first_of(count: int) -> str:
    return f"first of {count:,} specs in one file, from exec, warm"


def bare_paint(laps: int) -> Figure:
    """A bare app of Textual's: nothing of ours can be quicker."""
    command = [sys.executable, *BARE]
    seconds = []
    for _ in range(laps + 1):
        with Terminal(command, {}, _HERE) as terminal:
            seconds.append(terminal.until(has_name(0), _LONG))
    return Figure(_BARE, "s", tuple(seconds[1:]))


def keys(mode: str, count: int, presses: int, rate: int = 0) -> list[Figure]:
    """Keys in a list of `count`, with the log at `rate` lines a second meanwhile."""
    about = "Textual's DataTable" if mode == DATA_TABLE else "the app"
    label = f"{about}, {count:,} rows" + (f", log at {rate:,} lines/s, 4 streams" if rate else "")
    with _harness(mode, count, rate, _LONG) as terminal:
        start = terminal.until(has_name(0), _LONG)
        terminal.settle(1.5, 5.0 if rate else _LONG)
        # To the foot of the list: from there on, each key brings a name that was not drawn before.
        bottom = SIZE[0] + 5
        for _ in range(bottom):
            terminal.press(b"\x1b[B", bool, _LONG)
        terminal.settle(0.5, 3.0)
        taken = [
            1000 * terminal.press(b"\x1b[B", has_name(bottom + place), _LONG)
            for place in range(1, presses + 1)
        ]
        figures = [
            Figure(f"{label}: start of the harness", "s", (start,)),
            Figure(f"{label}: key to repaint", "ms", tuple(taken)),
        ]
        if mode == OURS and not rate:
            figures.append(_filter(terminal, count, label))
        return [*figures, Figure(f"{label}: memory", "MB", (terminal.memory_mb(),))]


def _filter(terminal: Terminal, count: int, label: str) -> Figure:
    taken = []
    for word in ("9999", "1234", "7070"):
        terminal.press(b"g", bool, _LONG)
        terminal.press(b"/", bool, _LONG)
        terminal.settle(0.3, 3.0)
        for end in range(1, len(word) + 1):
            sought = word[:end]
            found = [n for n in range(count) if sought in name_of(n)]
            if not found:
                break
            wanted = found[min(_SIXTH, len(found) - 1)]
            taken.append(1000 * terminal.press(word[end - 1].encode(), _has_exactly(wanted), _LONG))
        terminal.press(b"\x1b", bool, _LONG)
        terminal.settle(1.0, 5.0)
    return Figure(f"{label}: filter, a keystroke", "ms", tuple(taken))


def _has_exactly(number: int) -> Callable[[bytes], bool]:
    wanted = name_of(number).encode()
    return lambda drawn: wanted in drawn


def log_cost(mode: str, rate: int, seconds: float) -> list[Figure]:
    """Lines a second that the log in sight takes, and the processor time for them."""
    about = "Textual's RichLog" if mode == RICH_LOG else "the log page"
    with _harness(mode, 0, rate, seconds) as terminal:
        terminal.until(bool, _LONG)
        terminal.settle(0.7, 2.0)
        if mode == OUR_LOG:
            terminal.press(b"3", bool, _LONG)
            terminal.settle(0.5, 1.5)
        before = terminal.cpu_seconds()
        terminal.until(lambda drawn: b"line " in drawn, _LONG)
        taken = terminal.until(_shows_end, _LONG)
        cpu = terminal.cpu_seconds() - before
        lines = rate * seconds
        return [
            Figure(f"{about}, {rate:,} lines/s asked: lines/s", "", (lines / taken,)),
            Figure(f"{about}: processor time for 100,000 lines", "s", (cpu / lines * 1e5,)),
            Figure(f"{about}: memory", "MB", (terminal.memory_mb(),)),
        ]


def _shows_end(drawn: bytes) -> bool:
    return ENDED.encode() in drawn


def _harness(mode: str, count: int, rate: int, seconds: float) -> Terminal:
    words = [mode, str(count), str(rate), str(seconds)]
    return Terminal([sys.executable, "-m", "benchmarks.tui_harness", *words], {}, _HERE)


def _table(figures: Sequence[Figure]) -> Table:
    made = table("measured", "median", "p95", "times", long=("measured",))
    for figure in figures:
        digits = 2 if figure.unit == "s" else 0
        made.add_row(
            figure.what,
            f"{figure.middle:,.{digits}f} {figure.unit}",
            f"{figure.p95:,.{digits}f} {figure.unit}" if len(figure.values) > 1 else "",
            f"{len(figure.values)}",
        )
    return made


def _ratios(figures: Sequence[Figure], compared: int) -> list[tuple[str, float]]:
    """Ours over Textual's own; below 1 ours is quicker."""
    by_name = {figure.what: figure.middle for figure in figures}
    ours, theirs = f"the app, {compared:,} rows: ", f"Textual's DataTable, {compared:,} rows: "
    pairs = (
        (ours, theirs, "start of the harness"),
        (ours, theirs, "key to repaint"),
        ("the log page: ", "Textual's RichLog: ", "processor time for 100,000 lines"),
    )
    first = _first_of(FEW)
    ratios = [(f"{a}{what} ÷ {b}…", by_name[a + what] / by_name[b + what]) for a, b, what in pairs]
    return [(f"{first} ÷ {_BARE}", by_name[first] / by_name[_BARE]), *ratios]


def measure(given: argparse.Namespace) -> tuple[list[Figure], list[tuple[str, float]]]:
    """Everything, one after the other, and the ratios."""
    steps: list[Callable[[], list[Figure]]] = [
        lambda: [bare_paint(given.laps)],
        lambda: [first_paint(FEW, given.laps)],
        lambda: [first_paint(given.specs, given.laps)],
        lambda: keys(OURS, given.specs, given.presses),
        lambda: keys(OURS, given.specs, given.presses, given.lines),
        lambda: keys(OURS, given.compared, given.presses),
        lambda: keys(DATA_TABLE, given.compared, given.presses),
        lambda: log_cost(OUR_LOG, given.lines, given.seconds),
        # A tenth: it cannot take them all, and would be waited for.
        lambda: log_cost(RICH_LOG, given.lines // 10, given.seconds),
    ]
    figures: list[Figure] = []
    for step in steps:
        figures += (made := step())
        for figure in made:
            say(f"{figure.what}: {figure.middle:,.2f} {figure.unit}; load {os.getloadavg()[0]:.1f}")
    return figures, _ratios(figures, given.compared)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--specs", type=int, default=100_000)
    parser.add_argument(
        "--compared", type=int, default=10_000, help="rows beside Textual's DataTable"
    )
    parser.add_argument("--presses", type=int, default=100, help="of a key")
    parser.add_argument("--lines", type=int, default=20_000, help="of a log, a second")
    parser.add_argument("--seconds", type=float, default=5.0, help="that the log page is measured")
    parser.add_argument("--laps", type=int, default=5, help="of the first paint")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """The command."""
    given = _parse()
    figures, ratios = measure(given)
    if given.json:
        about: dict[str, Json] = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "cores": os.cpu_count(),
            "load": [round(value, 2) for value in os.getloadavg()],
            "python": platform.python_version(),
        }
        made = {
            **about,
            "figures": [asdict(it) | {"median": it.middle, "p95": it.p95} for it in figures],
            "ratios": dict(ratios),
        }
        sys.stdout.write(json.dumps(made) + "\n")
        return
    paper = Console(file=sys.stdout, width=_WIDTH, highlight=False, markup=False)
    paper.print(_table(figures))
    paper.print()
    for what, ratio in ratios:
        paper.print(f"{ratio:6.2f}  {what}")


if __name__ == "__main__":
    main()
