"""How the review looks. `pytest --snapshot-update` accepts a new look; look at the SVGs first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from backend.store import Store
from tests.support.finished_jobs import Finisher
from tests.support.made_up_results import fill_review
from tests.support.pilots import until, until_screen
from tests.support.specs import write_spec
from tests.tui.looks import MEDIUM, Look
from tests.tui.outline.scene import OTHER_SCENE, SCENE
from tests.tui.review.pictures import until_pictures
from tests.tui.specs.detail_apps import colourful
from tui.app import UpsampleApp
from tui.frames.pictures import PictureBook
from tui.review.screen import ReviewPage
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource

SnapCompare = Callable[..., bool]
RunBefore = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the terminal is in which the tests run, it has all colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    colourful(monkeypatch.setenv)


@pytest.fixture
def app(make_desk: Callable[..., Desk], planner: object, tmp_path: Path) -> UpsampleApp:
    """The app on a queue that is not there yet, and no specs."""
    desk = make_desk(SpecSource((), tmp_path, list), planner)
    return UpsampleApp(replace(desk, queue=tmp_path / "queue.db", pictures=PictureBook()))


def then(*keys: str, theme: str = "textual-dark") -> RunBefore:
    """Goes to the review, waits for the results, presses keys, and waits for the pictures."""

    async def run(pilot: Pilot[None]) -> None:
        pilot.app.theme = theme
        await pilot.press("4")
        page = await until_screen(pilot, ReviewPage)
        await until(pilot, lambda: page.listing.is_loaded, "the results are read")
        await pilot.press(*keys)
        await until_pictures(pilot, page)

    return run


def test_review(look: Look, snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    assert snap_compare(app, terminal_size=look.size, run_before=then(theme=look.theme))


def test_review_in_the_smallest_window(
    snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path
) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    assert snap_compare(app, terminal_size=(60, 16), run_before=then())


def test_review_of_an_answer_with_lints(
    snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path
) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    run_before = then("j", "j", "n")
    assert snap_compare(app, terminal_size=MEDIUM, run_before=run_before)


def test_review_of_objects_that_are_compared(
    snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path
) -> None:
    with closing(Store(tmp_path / "queue.db")) as store:
        spec = write_spec(tmp_path / "crane.json", {"id": "ps_1", "prompt": "a crane at noon"})
        finisher = Finisher(store, tmp_path / "out")
        finisher.finish(spec, SCENE, OTHER_SCENE, candidates=2)
    run_before = then("d", "tab", "j", "space")
    assert snap_compare(app, terminal_size=MEDIUM, run_before=run_before)


def test_review_of_text_from_hell(
    snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path
) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    assert snap_compare(app, terminal_size=(100, 30), run_before=then("G"))


def test_review_of_nothing(snap_compare: SnapCompare, app: UpsampleApp) -> None:
    assert snap_compare(app, terminal_size=MEDIUM, run_before=then())


def test_review_filter(snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    run_before = then("slash", *"repetition")
    assert snap_compare(app, terminal_size=(80, 24), run_before=run_before)


def test_review_question(snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path) -> None:
    fill_review(tmp_path / "queue.db", tmp_path)
    assert snap_compare(app, terminal_size=MEDIUM, run_before=then("A"))


def test_review_help(snap_compare: SnapCompare, app: UpsampleApp, tmp_path: Path) -> None:
    assert snap_compare(app, terminal_size=(80, 24), run_before=then("question_mark"))
