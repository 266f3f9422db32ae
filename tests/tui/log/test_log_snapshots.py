"""How the log page looks. `pytest --snapshot-update` accepts a new look; look at the SVGs first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest
from textual.pilot import Pilot

from backend.specs.model import Spec
from tests.tui.conftest import Settle
from tests.tui.looks import MEDIUM, Look
from tests.tui.made_up_log import STORY, at_nine, job_story, link_story, said
from tests.tui.state.test_live import make_job
from tui.app import UpsampleApp

MakeApp = Callable[..., UpsampleApp]
SnapCompare = Callable[..., bool]
Before = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture(autouse=True)
def nine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    with at_nine(monkeypatch):
        yield


def then(*keys: str, theme: str = "textual-dark", lines: int = 20) -> Before:
    """The story is told on the log page, and keys are pressed."""

    async def run(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, UpsampleApp)
        app.theme = theme
        app.live.take_up([make_job(7)])
        await pilot.press("3")
        await pilot.pause()
        for event in (*map(said, range(lines)), *STORY, *job_story(7), *link_story()):
            app.hear(event)
        app._tell_pages()
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()

    return run


def test_log(look: Look, snap_compare: SnapCompare, make_app: MakeApp) -> None:
    assert snap_compare(make_app(), terminal_size=look.size, run_before=then(theme=look.theme))


def test_log_held(snap_compare: SnapCompare, make_app: MakeApp) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await then("k", "k", "k")(pilot)
        assert isinstance(pilot.app, UpsampleApp)
        for number in range(1_200):
            pilot.app.hear(said(number))
        pilot.app._tell_pages()
        await pilot.pause()

    assert snap_compare(make_app(), run_before=run)


def test_log_wrapped_and_searched(snap_compare: SnapCompare, make_app: MakeApp) -> None:
    keys = ("w", "slash", *"eng", "enter")
    assert snap_compare(make_app(), run_before=then(*keys))


def test_log_filtered(snap_compare: SnapCompare, make_app: MakeApp) -> None:
    keys = ("L", "f", *"model")
    assert snap_compare(make_app(), run_before=then(*keys))


def test_log_selection(snap_compare: SnapCompare, make_app: MakeApp) -> None:
    keys = ("v", "k", "k", "k")
    assert snap_compare(make_app(), terminal_size=(120, 40), run_before=then(*keys))


def test_log_of_a_job(snap_compare: SnapCompare, make_app: MakeApp) -> None:
    assert snap_compare(make_app(), run_before=then("tab"))


def test_log_no_colour(
    snap_compare: SnapCompare, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(make_app(), run_before=then("slash", *"eng", "enter"))


def test_log_empty(snap_compare: SnapCompare, make_app: MakeApp) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await pilot.press("3")
        await pilot.pause()

    assert snap_compare(make_app(), terminal_size=MEDIUM, run_before=run)


def test_log_empty_in_the_smallest_window(snap_compare: SnapCompare, make_app: MakeApp) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await pilot.press("3")
        await pilot.pause()

    assert snap_compare(make_app(), terminal_size=(60, 16), run_before=run)


def test_log_tail_below_the_specs(
    snap_compare: SnapCompare, make_app: MakeApp, settle: Settle, street: tuple[Spec, ...]
) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await then("1")(pilot)

    assert snap_compare(make_app(street), terminal_size=(120, 40), run_before=run)
