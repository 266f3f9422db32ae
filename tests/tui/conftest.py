"""Specs made up in memory, a planner that needs no videos, and an app that is done with both."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Protocol

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from backend.config import Settings, check_layers, load_settings, user_file
from backend.errors import InputError, MediaError
from backend.planning.plan import Plan
from backend.sizes import Size
from backend.specs.model import Spec, SpecFormat
from backend.specs.reading import Finding
from backend.specs.scan import FileFindings
from backend.tokens import LINEAR, PIXTRAL, Budget, fit
from backend.video import MediaKind, Video
from tests.support.pilots import PATIENCE, make_patient, until, until_screen
from tests.support.styles_once import parse_styles_once
from tests.tui.looks import LOOKS, Look
from tui.app import UpsampleApp
from tui.queue.screen import QueuePage
from tui.settings.screen import SettingsPage
from tui.shell.desk import Desk
from tui.specs.planning import PromptPlanner
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen
from tui.widgets.page import Page

CWD = Path("/made/up")

MakeSpec = Callable[..., Spec]
MakeApp = Callable[..., UpsampleApp]
MakeDesk = Callable[[SpecSource, PromptPlanner], Desk]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
Before = Callable[[Pilot[None]], Awaitable[None]]
SnapCompare = Callable[..., bool]

_SCREEN_PERIOD = 1 / 60
"""Seconds between two looks of Textual at what has to be laid out and drawn."""


class SizePlanner:
    """Plans for videos that are named by their size ("1280x704.mp4"); a word is a token."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        """Prompts in the order in which plans were made."""

    def plan_spec(self, spec: Spec) -> Plan:
        """As `backend.planning.plan.Planner` does with the shipped settings."""
        return self.plan(spec.prompt, spec.video)

    def plan(self, prompt: str, path: Path | None) -> Plan:
        """As `backend.planning.plan.Planner` does with the shipped settings."""
        self.asked.append(prompt)
        text = len(prompt.split())
        if path is None:
            return Plan(prompt, None, None, 0, Budget(4096, 300, text, 0), 0, None)
        if "x" not in path.stem:
            error = MediaError(f"{path} does not exist.", "Check the path in the spec.")
            return Plan(prompt, None, None, 0, None, 0, error)
        source = Size.parse(path.stem)
        size = fit(source, text=text, limit=4096, reserve=300)
        refusal = None if size else InputError("the prompt takes too many tokens", "Shorten it.")
        budget = Budget(4096, 300, text, PIXTRAL.vision_tokens(size or source, 2))
        video = Video(path, MediaKind.VIDEO, source, 24.0, 5.0, 121, "h264")
        linear = LINEAR.vision_tokens(size or source, 2)
        return Plan(prompt, video, size, 2, budget, linear, refusal)


def _spec(name: str, prompt: str = "a quiet harbour", video: str = "640x480.mp4") -> Spec:
    return Spec(
        format=SpecFormat.UPSAMPLER_BATCH,
        file=Path("city/batch.json"),
        entry=0,
        line=3,
        name=name,
        prompt=prompt,
        video=CWD / "city" / video if video else None,
    )


def _desk(settings: Settings, source: SpecSource, planner: PromptPlanner) -> Desk:
    return Desk(settings, lambda: settings, source, lambda _: planner, queue=None)


@pytest.fixture(scope="session", autouse=True)
def styles_parsed_once() -> Iterator[None]:
    """Apps and pages start sooner."""
    with pytest.MonkeyPatch.context() as there:
        parse_styles_once(there)
        yield


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wherever the tests run: a log shows the time of day."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def patient_pilot(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Keys and pauses last until what they lead to is done, however busy the machine is."""
    with monkeypatch.context() as there:
        if request.node.get_closest_marker("impatient") is None:
            make_patient(there)
        yield


@pytest.fixture(autouse=True)
def lasting_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the app says can be read for as long as a test takes; 5 s may be less than that."""
    monkeypatch.setattr(UpsampleApp, "NOTIFICATION_TIMEOUT", 600)


_ONE, *_OTHERS = LOOKS


@pytest.fixture(
    params=[_ONE, *(pytest.param(other, marks=pytest.mark.looks) for other in _OTHERS)], ids=str
)
def look(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Each look in turn. The app sees whether there are colours when it is made."""
    look: Look = request.param
    if look.colours:
        monkeypatch.delenv("NO_COLOR", raising=False)
    else:
        monkeypatch.setenv("NO_COLOR", "1")
    return look


@pytest.fixture
def snap_compare(snap_compare: SnapCompare) -> SnapCompare:
    """Compares pictures that stand still.

    The pilot takes a process for idle that uses no processor time, and on a busy machine that may be one that
    waits for a processor.
    """

    def compare(
        app: UpsampleApp, *, terminal_size: tuple[int, int] = (80, 24), run_before: Before
    ) -> bool:
        async def come_to_rest(pilot: Pilot[None]) -> None:
            await run_before(pilot)
            await _stand_still(pilot)

        return snap_compare(app, terminal_size=terminal_size, run_before=come_to_rest)

    return compare


async def _stand_still(pilot: Pilot[None], alike: int = 3) -> None:
    pictures: list[str] = []
    end = monotonic() + PATIENCE
    while len(pictures) < alike or len(set(pictures[-alike:])) > 1:
        if monotonic() > end:
            pytest.fail(f"after {PATIENCE:g} s the picture does not stand still")
        await pilot.pause()
        # Twice, for what a layout asks to be done after it.
        await pilot.pause(2 * _SCREEN_PERIOD)
        pictures.append(_picture(pilot))


def _picture(pilot: Pilot[None]) -> str:
    svg = pilot.app.export_screenshot(simplify=True)
    return re.sub(r"terminal-\d+", "", svg)


@pytest.fixture(scope="session")
def make_spec() -> MakeSpec:
    """A spec from a name, a prompt and the name of a video."""
    return _spec


@pytest.fixture
def planner() -> SizePlanner:
    """Remembers what it was asked."""
    return SizePlanner()


@pytest.fixture(scope="session")
def settings() -> Settings:
    """As shipped, whatever the user of this machine has set."""
    return check_layers([])


@pytest.fixture
def make_desk(settings: Settings) -> MakeDesk:
    """A desk with this source and planner, and no queue."""
    return partial(_desk, settings)


@pytest.fixture
def make_app(settings: Settings, planner: SizePlanner) -> MakeApp:
    """The app on findings in memory; without any it was started without a path."""

    def make(findings: Iterable[Finding] = (), paths: Sequence[Path] | None = None) -> UpsampleApp:
        found = tuple(findings)
        named = tuple(paths) if paths is not None else (Path("city"),) if found else ()
        source = SpecSource(named, CWD, lambda: [FileFindings(0, 1, found)] if found else [])
        return UpsampleApp(_desk(settings, source, planner))

    return make


@pytest.fixture(scope="session")
def settle() -> Settle:
    """Waits until everything is read and weighed and drawn; the value is the first screen."""

    async def wait(pilot: Pilot[None]) -> SpecsScreen:
        screen = next(s for s in pilot.app.screen_stack if isinstance(s, SpecsScreen))
        await until(
            pilot,
            lambda: screen.progress.ended and screen.listing.weighed == len(screen.listing.rows),
            "everything is read and weighed",
        )
        return screen

    return wait


@pytest.fixture(scope="session")
def street(make_spec: MakeSpec) -> tuple[Spec, ...]:
    """A dozen specs of every kind, names and prompts from hell among them."""
    return (
        make_spec("golden_hour", "Warm low-angle sunlight grazing facades", "1280x704.mp4"),
        make_spec("foggy_morning", "The same street in morning fog"),
        make_spec("light_snow", "A city street in light snow", "960x540.mp4"),
        make_spec("inference_cosmos_transfer1_single_control_edge_short_prompt", "robot " * 60),
        make_spec("漢字の街の雨の夜に光るネオン", "雨の夜 in the rain", "1920x1080.mp4"),
        make_spec("🌧\ufe0f rainy ❤\ufe0f night", "rain on 🌃 windows", "704x1280.mp4"),
        make_spec("[/x] [b]no markup\n\x1b[31m", "[/x] [red]\x1b[31m \u202eesrever", "512x512.mp4"),
        make_spec("gone", "A clip that is not there", "gone.mp4"),
        make_spec("endless", "word " * 5000, "640x480.mp4"),
        make_spec("one_liner", "a drone flies low over a wheat field", ""),
    )


async def footer_keys(pilot: Pilot[None], page: Page, more_than: int) -> list[Widget]:
    """The keys at the foot of a page. They come with its second frame, or later."""

    def keys() -> list[Widget]:
        return list(page.query("FooterKey").results())

    await until(
        pilot,
        lambda: len(keys()) > more_than and all(key.region.width for key in keys()),
        f"the footer has more than {more_than} keys",
    )
    return keys()


class MakeSettingsApp(Protocol):
    """Makes the app of a user with this config.toml and these variables in the environment."""

    def __call__(
        self,
        config: str | None,
        *,
        openable: bool = False,
        memory: Path | None = None,
        **environ: str,
    ) -> UpsampleApp: ...


@pytest.fixture
def make_settings_app(
    own_home: Path, planner: SizePlanner, monkeypatch: pytest.MonkeyPatch
) -> MakeSettingsApp:
    """An app without specs and queue whose settings are read from the files of the test's own home."""

    def make(
        config: str | None, *, openable: bool = False, memory: Path | None = None, **environ: str
    ) -> UpsampleApp:
        if config is not None:
            user_file().parent.mkdir(parents=True)
            user_file().write_text(config)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)

        def open_source(paths: Sequence[Path]) -> SpecSource:
            return SpecSource.on_disk(paths, own_home)

        source = SpecSource((), own_home, list)
        desk = _desk(load_settings(), source, planner)
        opener = open_source if openable else None
        return UpsampleApp(replace(desk, reload=load_settings, open_source=opener, memory=memory))

    return make


async def settled_settings(pilot: Pilot[None]) -> SettingsPage:
    """The settings page, once it has read the files."""
    if not isinstance(pilot.app.screen, SettingsPage):
        await pilot.press("5")
    page = await until_screen(pilot, SettingsPage)
    await until(pilot, lambda: page.listing.survey is not None, "the settings are read")
    return page


async def opened_queue(pilot: Pilot[None]) -> QueuePage:
    """The queue page, once it shows the jobs that there are, or that there are none."""
    await pilot.press("2")
    page = await until_screen(pilot, QueuePage)

    def is_drawn() -> bool:
        if not page.host.live.jobs:
            return page.has_class("-empty")
        is_listed = bool(page.jobs.shown) and page.job_list.size.height > 0
        return is_listed and page.live_view._job is page.jobs.current

    await until(pilot, is_drawn, "the queue is drawn")
    return page
