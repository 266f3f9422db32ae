"""`make pictures`: draws the pictures of the app in docs/ anew, from the examples.

The app runs without a terminal, on a copy of `examples/` and with a home of its own; its box is the embedded
one. The page of results is drawn by Chromium where there is one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from backend.cli import run
from backend.config import load_settings
from backend.console import say
from backend.files.index import default_index
from backend.planning.box_planner import make_planner
from backend.store import State, default_path
from backend.tokens import TextCounter
from backend.video import VideoIndex
from tui.app import UpsampleApp
from tui.frames.pictures import PictureBook
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource

_DOCS = Path(__file__).parents[1] / "docs"
_EXAMPLES = _DOCS.with_name("examples")
_SETTLING = 3.0
"""Seconds in which frames are drawn and messages go away."""
_PATIENCE = 120.0
_DONE = 9
"""Jobs that are done in the picture of the queue."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of the app."""

    name: str
    keys: Sequence[str]
    """What is pressed before it is taken."""
    size: tuple[int, int]
    """Columns and lines."""
    at: Callable[[UpsampleApp], bool] = lambda _: True
    """Whether it is the moment for it."""
    settles: bool = True
    """Whether it waits until nothing moves any more."""


def _is_half_way(app: UpsampleApp) -> bool:
    states = Counter(job.state for job in app.live.jobs.values())
    return states[State.DONE] >= _DONE and states[State.RUNNING] > 1


_SHOTS = (
    Shot("app", ["j", "j", "j", "j"], (140, 36)),
    Shot("compose", ["space", "j", "j", "space", "C"], (120, 32)),
    Shot(
        "queue",
        ["a", "u", "tab", "backspace", "2", "enter", "2"],
        (140, 32),
        at=_is_half_way,
        settles=False,
    ),
    Shot("review", ["4"], (180, 40)),
)


async def _take(shot: Shot) -> None:
    counter = TextCounter()
    with closing(VideoIndex(default_index())) as videos:
        desk = Desk(
            settings=load_settings(),
            reload=load_settings,
            source=SpecSource.on_disk([Path()], Path.cwd(), default_index()),
            make_planner=lambda settings: make_planner(settings, counter, videos.probe),
            queue=default_path(),
            counter=counter,
            pictures=PictureBook(),
        )
        app = UpsampleApp(desk)
        async with app.run_test(size=shot.size) as pilot:
            await asyncio.sleep(_SETTLING)
            for key in shot.keys:
                await pilot.press(key)
                await asyncio.sleep(_SETTLING / 3)
            end = monotonic() + _PATIENCE
            while not shot.at(app):
                if monotonic() > end:
                    raise TimeoutError(f"{shot.name}: the moment for it does not come")
                await asyncio.sleep(0.05)
            await asyncio.sleep(2 * _SETTLING if shot.settles else 0.3)
            (_DOCS / f"{shot.name}.svg").write_text(app.export_screenshot(title="upsample"))


def _draw_report() -> None:
    """Draw the first screen of the page of results, where there is a Chromium."""
    run(["results", "--html", "report.html"])
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        say("no chromium is here: docs/report.png stays as it is")
        return
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
    file, page = _DOCS / "report.png", Path("report.html").absolute().as_uri()
    command = [program, *options, "--window-size=1100,1250", f"--screenshot={file}", page]
    subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)


def main() -> None:
    """Draw all of them."""
    for variable in ("NO_COLOR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        os.environ.pop(variable, None)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        os.environ |= {"HOME": folder, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        work = Path(folder) / "examples"
        shutil.copytree(_EXAMPLES, work)
        os.chdir(work)
        run(["demo", "--draw", "clips"])
        for shot in _SHOTS:
            asyncio.run(_take(shot))
            say(f"docs/{shot.name}.svg")
            if shot.name == "queue":
                run(["--no-ui"])  # the rest of what it has queued
        _draw_report()
        run(["box", "stop", "local"])
        os.chdir(_DOCS)


if __name__ == "__main__":
    main()
