"""Whatever is pressed, clicked and resized, in any order, on every screen: no crash, and no mark is lost."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from random import Random
from zlib import crc32

import pytest
from textual.pilot import Pilot

from backend.box.asker import HostKeyQuestion
from backend.config import load_settings, user_file
from backend.specs.model import BrokenSpec, Skipped, Spec
from backend.specs.reading import Finding
from backend.specs.scan import FileFindings
from tests.support.daemons import end_daemons
from tests.support.made_up_results import fill_review
from tests.support.pilots import until
from tests.tui.conftest import SizePlanner
from tests.tui.made_up_log import STORY
from tests.tui.wandering import Wandering
from tui.app import UpsampleApp
from tui.dialogs.box_questions import HostKeyDialog, SecretDialog
from tui.dialogs.first_run import FirstRunScreen
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen
from tui.state.memory import Memory

Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]

TOGETHER = 10_000
"""Events on all screens together."""
SEED = int(os.environ.get("UPSAMPLE_TEST_SEED", "1"))
"""A failure names it."""
CONFIG = """\
box = "away"
[boxes.away]
host = "127.0.0.1:1"
[boxes.other]
host = "127.0.0.1:1"
engine = "openai"
openai.base_url = "http://127.0.0.1:1/v1"
"""
"""Nobody listens there."""
QUESTION = HostKeyQuestion(
    "away:1", "ssh-ed25519", "SHA256:uNiVztksCsDhcc0u9e8BrrIU5SPeuVZ3xaAXQOlxFeY"
)

PLACES: dict[str, tuple[str, ...]] = {
    "specs": (),
    "filter": ("/",),
    "detail": ("enter",),
    "tokens": ("t",),
    "sort": ("s",),
    "groups": ("o",),
    "problems": ("e",),
    "help": ("?",),
    "palette": ("ctrl+p",),
    "upsample": ("u",),
    "compose": ("C",),
    "new spec": ("N",),
    "the prompt": ("p",),
    "queue": ("2",),
    "log": ("3",),
    "log search": ("3", "/"),
    "review": ("4",),
    "review filter": ("4", "/"),
    "settings": ("5",),
    "a setting": ("5", "j", "j", "j", "j", "enter"),
    "a new box": ("5", "a"),
    "doctor": ("5", "d"),
    "first run": (),
    "host key": (),
    "password": (),
}
"""The screens, and the keys that lead there."""


class Opener:
    """Opens the app of one user, again and again; nothing it knows of is away from this machine."""

    def __init__(self, folder: Path, street: tuple[Spec, ...]) -> None:
        self._folder = folder
        broken = BrokenSpec(Path("city/broken.json"), 3, "no JSON: [/x]")
        found: tuple[Finding, ...] = (
            *street,
            broken,
            Skipped(Path("city/notes.json"), "no prompt spec"),
        )
        self._source = SpecSource((Path("city"),), folder, lambda: [FileFindings(0, 1, found)])
        self._queue = folder / "queue.db"
        self.memory = folder / "memory.json"
        fill_review(self._queue, folder)

    def __call__(self) -> UpsampleApp:
        """The app, as it was left."""
        planner = SizePlanner()
        desk = Desk(
            settings=load_settings(),
            reload=load_settings,
            source=self._source,
            make_planner=lambda _: planner,
            queue=self._queue,
            save_dir=self._folder / "out",
            log_file=self._folder / "boxes.log",
            memory=self.memory,
        )
        return UpsampleApp(desk)


@pytest.fixture
def open_app(
    tmp_path: Path, own_home: Path, street: tuple[Spec, ...], monkeypatch: pytest.MonkeyPatch
) -> Opener:
    """For a user whose boxes refuse, and whose editor leaves everything as it is."""
    user_file().parent.mkdir(parents=True)
    user_file().write_text(CONFIG)
    monkeypatch.setenv("VISUAL", "true")
    monkeypatch.setattr(UpsampleApp, "suspend", lambda _: nullcontext())
    monkeypatch.chdir(tmp_path)
    return Opener(tmp_path, street)


async def open_place(pilot: Pilot[None], place: str) -> None:
    """Go to a screen; three do not open by a key."""
    await pilot.press(*PLACES[place])
    match place:
        case "first run":
            pilot.app.push_screen(FirstRunScreen())
        case "password":
            pilot.app.push_screen(SecretDialog("Password: [/x]"))
        case "host key":
            pilot.app.push_screen(HostKeyDialog(QUESTION))
    await pilot.pause()


async def queue_all(pilot: Pilot[None]) -> None:
    """Some of these fail at once, some wait for a box that does not answer."""
    app = pilot.app
    assert isinstance(app, UpsampleApp)
    await until(pilot, lambda: app.runner is not None)
    await pilot.press("a", "u")
    await until(pilot, lambda: getattr(app.screen, "summary", None) is not None)
    await pilot.press("enter")
    await until(pilot, lambda: len(app.live.jobs) > 0)


@pytest.fixture(autouse=True)
def no_daemon_left(own_home: Path) -> Iterator[None]:
    """Keys at random may start the box of this machine."""
    yield
    end_daemons(own_home)


@pytest.mark.random_keys
@pytest.mark.timeout(600)
@pytest.mark.impatient
@pytest.mark.parametrize("place", PLACES)
async def test_random_input(open_app: Opener, settle: Settle, place: str) -> None:
    seed = SEED * 100_000 + crc32(place.encode()) % 100_000
    walk = Wandering(Random(seed), TOGETHER // len(PLACES) + 1)
    try:
        while walk.left > 0:
            app = open_app()
            async with app.run_test(size=(80, 24)) as pilot:
                screen = await settle(pilot)
                for event in STORY:
                    app.hear(event)
                if not walk.behind:
                    await queue_all(pilot)
                await pilot.press("g", "space", "space", "j", "space")
                await open_place(pilot, place)
                walk.listing = screen.listing
                await walk.until_quit(app, pilot)
                theme = app.theme
            assert Memory.load(open_app.memory).recall("theme", "") in ("", theme)
    except BaseException as error:
        raise AssertionError(f"seed {SEED}, after {walk.behind[-25:]}") from error
