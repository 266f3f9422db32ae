"""How the review looks. `pytest --snapshot-update` accepts a new look; look at the SVGs first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.made_up_results import fill_review
from tui.app import UpsampleApp
from tui.desk import Desk
from tui.scanning import SpecSource
from tui.screens.review import ReviewPage

SnapCompare = Callable[..., bool]
RunBefore = Callable[[Pilot[None]], Awaitable[None]]
SIZES = [(60, 16), (80, 24), (120, 40), (200, 50)]


@pytest.fixture
def no_color(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app looks at NO_COLOR when it is made."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if hasattr(request, "param"):
        monkeypatch.setenv("NO_COLOR", request.param)


@pytest.fixture
def app(
    make_desk: Callable[..., Desk], planner: object, tmp_path: Path, no_color: None
) -> UpsampleApp:
    """The app on a queue that is not there yet, and no specs."""
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    return UpsampleApp(replace(desk, queue=tmp_path / "queue.db"))


def then(*keys: str, theme: str = "textual-dark") -> RunBefore:
    """Goes to the review, waits for the results, and presses keys."""

    async def run(pilot: Pilot[None]) -> None:
        pilot.app.theme = theme
        await pilot.press("4")
        page = pilot.app.screen
        assert isinstance(page, ReviewPage)
        for _ in range(1_000):
            if page.listing.is_loaded:
                break
            await pilot.pause(0.01)
        else:
            pytest.fail("the results were not read")
        await pilot.press(*keys)
        await pilot.pause()

    return run


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_review(
    size: tuple[int, int], snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path
) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    assert snap_compare(app, terminal_size=size, run_before=then())


@pytest.mark.parametrize("size", SIZES[1:3], ids=lambda size: f"{size[0]}x{size[1]}")
def test_review_of_an_answer_with_lints(
    size: tuple[int, int], snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path
) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    assert snap_compare(app, terminal_size=size, run_before=then("j", "j", "n"))


def test_review_in_light(snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    run_before = then("j", "j", "n", theme="textual-light")
    assert snap_compare(app, terminal_size=(120, 40), run_before=run_before)


@pytest.mark.parametrize("no_color", ["1"], indirect=True, ids=[""])
def test_review_without_colour(snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    assert snap_compare(app, terminal_size=(120, 40), run_before=then("j", "j", "n"))


def test_review_of_text_from_hell(
    snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path
) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    assert snap_compare(app, terminal_size=(100, 30), run_before=then("G"))


def test_review_of_nothing(snap_compare: SnapCompare, app: UpsampleApp) -> None:
    assert snap_compare(app, terminal_size=(80, 24), run_before=then())


def test_review_filter(snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    run_before = then("slash", *"repetition")
    assert snap_compare(app, terminal_size=(80, 24), run_before=run_before)


def test_review_question(snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    assert snap_compare(app, terminal_size=(80, 24), run_before=then("A"))


def test_review_help(snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path) -> None:
    assert snap_compare(app, terminal_size=(80, 24), run_before=then("question_mark"))
