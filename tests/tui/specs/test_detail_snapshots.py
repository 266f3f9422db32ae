"""How the detail and the token panel look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from backend.config import Settings
from backend.tokens import TextCounter
from tests.tui.looks import MEDIUM, Look
from tests.tui.specs.detail_apps import (
    colourful,
    draw_clips,
    make_detail_app,
    make_specs,
    settle_pictures,
    until_counted,
)
from tui.app import UpsampleApp
from tui.specs.screen import SpecsScreen
from tui.tokens.screen import TokensScreen

Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
SnapCompare = Callable[..., bool]
MakeThisApp = Callable[..., UpsampleApp]
Then = Callable[..., Callable[[Pilot[None]], Awaitable[None]]]
SPECS = {"fits": "", "has text alone": "jj", "misses its video": "jjj", "has an image": "jjjj"}
"""What the specs below the first are like, and the keys that lead to them."""


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the terminal is in which the tests run."""
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture(scope="module")
def counter() -> TextCounter:
    return TextCounter()


@pytest.fixture
def make_this_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, counter: TextCounter
) -> MakeThisApp:
    """With some settings of [upsampling] changed, and a terminal that has colours."""
    monkeypatch.chdir(tmp_path)
    colourful(monkeypatch.setenv)
    draw_clips()

    def make(**changes: object) -> UpsampleApp:
        upsampling = settings.upsampling.model_copy(update=changes)
        changed = settings.model_copy(update={"upsampling": upsampling})
        return make_detail_app(changed, counter, make_specs())

    return make


@pytest.fixture
def then(settle: Settle) -> Then:
    """Comes to rest, presses keys, and waits for pictures or the panel."""

    def press(*keys: str, theme: str = "textual-dark") -> Callable[[Pilot[None]], Awaitable[None]]:
        async def run(pilot: Pilot[None]) -> None:
            pilot.app.theme = theme
            screen = await settle(pilot)
            for key in keys:
                await pilot.press(key)
                panel = pilot.app.screen
                if isinstance(panel, TokensScreen):
                    await until_counted(pilot, panel)
            await settle_pictures(pilot, screen)

        return run

    return press


def test_detail(
    look: Look, snap_compare: SnapCompare, make_this_app: MakeThisApp, then: Then
) -> None:
    run_before = then("j", theme=look.theme)
    assert snap_compare(make_this_app(), terminal_size=look.size, run_before=run_before)


@pytest.mark.parametrize("spec", SPECS)
def test_detail_of_a_spec_that(
    spec: str, snap_compare: SnapCompare, make_this_app: MakeThisApp, then: Then
) -> None:
    run_before = then(*SPECS[spec])
    assert snap_compare(make_this_app(), terminal_size=MEDIUM, run_before=run_before)


def test_an_original_that_exceeds(
    snap_compare: SnapCompare, make_this_app: MakeThisApp, then: Then
) -> None:
    app = make_this_app(auto_resize=False)
    assert snap_compare(app, terminal_size=MEDIUM, run_before=then("j"))


def test_the_token_panel(
    look: Look, snap_compare: SnapCompare, make_this_app: MakeThisApp, then: Then
) -> None:
    run_before = then("j", "t", theme=look.theme)
    assert snap_compare(make_this_app(), terminal_size=look.size, run_before=run_before)


def test_the_token_panel_with_another_profile(
    snap_compare: SnapCompare, make_this_app: MakeThisApp, then: Then
) -> None:
    keys = ("j", "t", "P", "plus", "plus")
    assert snap_compare(make_this_app(), terminal_size=(120, 40), run_before=then(*keys))
