"""The app on specs whose videos are there, and are shown as pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static

from backend.config import Settings
from backend.planning.plan import Planner
from backend.specs.model import Spec, SpecFormat
from backend.specs.scan import FileFindings
from backend.tokens import TextCounter
from tests.support.pilots import until
from tests.support.plain_clips import draw_plain_clip, draw_plain_picture
from tui.app import UpsampleApp
from tui.frames.frames_view import FramesView
from tui.frames.pictures import PictureBook
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen
from tui.tokens.screen import TokensScreen

COFFEE = "a robotic arm hand over a coffee cup to a woman in a modern office."


def colourful(setenv: Callable[[str, str], None]) -> None:
    """A terminal with all colours, whichever the tests run in."""
    setenv("TERM", "xterm-256color")
    setenv("COLORTERM", "truecolor")


def draw_clips() -> None:
    """Into the folder `clips` of the working directory."""
    clips = Path("clips")
    draw_plain_clip(clips / "small.mov", 640, 480)
    draw_plain_clip(clips / "large.mov", 1280, 704)
    draw_plain_picture(clips / "still.png", 960, 720)


def make_specs() -> tuple[Spec, ...]:
    """One that fits, one that is made smaller, a text, one without its video, and a picture."""
    videos = {
        "street": "small.mov",
        "coffee": "large.mov",
        "one_liner": "",
        "gone": "gone.mov",
        "still_life": "still.png",
    }
    return tuple(
        Spec(
            format=SpecFormat.UPSAMPLER_BATCH,
            file=Path("specs/batch.json"),
            entry=number,
            line=3 + 8 * number,
            name=name,
            prompt=COFFEE,
            video=Path("clips") / video if video else None,
        )
        for number, (name, video) in enumerate(videos.items())
    )


def make_detail_app(settings: Settings, counter: TextCounter, specs: Sequence[Spec]) -> UpsampleApp:
    """On these specs, with the planner that users have."""
    source = SpecSource(
        (Path("specs"),), Path.cwd(), lambda: [FileFindings(0, 1, tuple(specs))] if specs else []
    )
    desk = Desk(
        settings,
        lambda: settings,
        source,
        lambda settings: Planner(settings.upsampling, counter),
        queue=None,
        pictures=PictureBook(),
        counter=counter,
    )
    return UpsampleApp(desk)


async def settle_pictures(pilot: Pilot[None], screen: SpecsScreen) -> FramesView:
    """Wait until the pictures of the current spec are there, or why there are none."""
    view = screen.query_one(FramesView)
    rests = 0

    def has_come_to_rest() -> bool:
        nonlocal rests
        # Before the first layout there is no room yet, and so nothing to read.
        has_ended = not view.display or view.pictures or view.trouble or not view.can_draw
        rests = rests + 1 if has_ended and not view.is_reading else 0
        return rests >= 5

    await until(pilot, has_come_to_rest, "the pictures have come")
    return view


async def until_counted(pilot: Pilot[None], panel: TokensScreen) -> None:
    """Wait until the token panel shows what it has counted."""
    text = panel.query_one(Static)
    await until(
        pilot,
        lambda: panel.what is not None and "Counting" not in str(text.render()),
        "everything is counted",
    )
