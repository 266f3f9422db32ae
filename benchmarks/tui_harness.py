"""The app that `benchmarks/tui.py` presses keys in, and Textual's own widgets with the same rows and lines.

python -m benchmarks.tui_harness MODE ROWS LINES_A_SECOND SECONDS
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, RichLog

from backend.config import check_layers
from backend.events import BoxLog, JobStarted, TextWritten
from backend.planning.plan import Plan
from backend.specs.model import Spec, SpecFormat
from backend.specs.scan import FileFindings
from backend.store import Job, State
from backend.tokens import Budget
from tui.app import UpsampleApp
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource

OURS, OUR_LOG, DATA_TABLE, RICH_LOG = "specs", "log", "data-table", "rich-log"
ENDED = "that was the last line"
_STREAMS = 4
_START_SECONDS = 5.0
"""Until lines are said: the app has started by then."""
_TURNS = 50
"""A second, in which lines are said."""


def name_of(number: int) -> str:
    """Of a spec."""
    return f"spec_{number:06d}"


class TextPlanner:
    """Weighs prompts by their words, as nothing else is wanted here."""

    def plan_spec(self, spec: Spec) -> Plan:
        text = len(spec.prompt.split())
        return Plan(spec.prompt, None, None, 0, Budget(4096, 300, text, 0), 0, None)


async def say_lines(rate: int, seconds: float, say: Callable[[int], None]) -> None:
    """Say so many lines a second, more at once when turns come late."""
    began, said = time.monotonic(), 0
    while said < rate * seconds:
        await asyncio.sleep(1 / _TURNS)
        due = min(rate * seconds, rate * (time.monotonic() - began))
        while said < due:
            say(said)
            said += 1


def line_text(number: int) -> str:
    """As vLLM says it."""
    return f"INFO 09-03 09:00:01 [loggers.py:118] Engine 000: line {number}, Running: 8 reqs"


async def run_busily(app: UpsampleApp, rate: int, seconds: float) -> None:
    """Run the app; beside it a box talks and four jobs write."""
    # A class of its own would look for its style sheets here.
    talking = asyncio.create_task(_talk(app, rate, seconds))
    try:
        await app.run_async()
    finally:
        talking.cancel()


async def _talk(app: UpsampleApp, rate: int, seconds: float) -> None:
    await asyncio.sleep(_START_SECONDS)
    app.live.take_up([_job(number) for number in range(_STREAMS)])
    for number in range(_STREAMS):
        app.hear(JobStarted(number, f"job {number}", 1))

    def say(number: int) -> None:
        app.hear(BoxLog("h100", time.time(), "info", "vllm", line_text(number)))
        if number % 100 < _STREAMS:
            app.hear(TextWritten(number % _STREAMS, number // 100 * 7, "bright "))

    await say_lines(rate, seconds, say)
    app.hear(BoxLog("h100", time.time(), "error", "bench", ENDED))


class TableApp(App[None]):
    """The same rows in Textual's DataTable."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._count = rows

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("name", "video", "tokens", "verdict")
        table.add_rows((name_of(n), "text only", "3", "fits") for n in range(self._count))


class RichLogApp(App[None]):
    """The same lines in Textual's RichLog."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "quit", "quit")]

    def __init__(self, rate: int, seconds: float) -> None:
        super().__init__()
        self._rate, self._seconds = rate, seconds

    def compose(self) -> ComposeResult:
        yield RichLog(max_lines=50_000)

    def on_mount(self) -> None:
        self.run_worker(self._talk())

    async def _talk(self) -> None:
        log = self.query_one(RichLog)

        def write(number: int) -> None:
            log.write(line_text(number))

        await asyncio.sleep(_START_SECONDS)
        await say_lines(self._rate, self._seconds, write)
        log.write(ENDED)


def _job(number: int) -> Job:
    return Job(
        key=str(number), box="h100", file=Path("a.json"), entry=number, name=f"job {number}",
        prompt="dusk", video=None, candidate=0, seed=0, settings="{}", destination=Path("o.json"),
        number=number, state=State.SENT, identity=None, estimate=0, error="", attempts=0,
        queued=0.0, changed=0.0,
    )  # fmt: skip


def make_app(rows: int) -> UpsampleApp:
    """The app on specs in memory, without a queue or a box."""
    found = tuple(
        Spec(
            format=SpecFormat.UPSAMPLER_BATCH, file=Path("city/batch.json"), entry=number,
            line=number + 1, name=name_of(number), prompt=f"a quiet harbour {number}", video=None,
        )
        for number in range(rows)
    )  # fmt: skip
    files = [FileFindings(0, 1, found)] if found else []
    settings = check_layers([])
    source = SpecSource((Path("city"),), Path.cwd(), lambda: files)
    desk = Desk(settings, lambda: settings, source, lambda _: TextPlanner(), queue=None)
    return UpsampleApp(desk)


def main() -> None:
    """The command."""
    mode, rows, rate, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    if mode == DATA_TABLE:
        TableApp(rows).run()
    elif mode == RICH_LOG:
        RichLogApp(rate, seconds).run()
    elif rate:
        asyncio.run(run_busily(make_app(rows), rate, seconds))
    else:
        make_app(rows).run()


if __name__ == "__main__":
    main()
