"""How the first screen looks. `pytest --snapshot-update` accepts a new look; look at the SVGs first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from backend.specs.model import BrokenSpec, Skipped, Spec
from tests.support.pilots import until, until_screen
from tests.tui.looks import MEDIUM, Look
from tui.app import UpsampleApp
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
SnapCompare = Callable[..., bool]
Street = tuple[Spec, ...]
TROUBLES = (
    BrokenSpec(Path("city/bad.json"), 3, '"prompt" must be text, not a number'),
    BrokenSpec(Path("city/\x1b[31m[/x].json"), 0, "cannot be read: Permission denied"),
    Skipped(Path("city/dock.txt"), "the prompt of dock.json"),
)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the terminal is in which the tests run."""
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def then(settle: Settle) -> Callable[..., Callable[[Pilot[None]], Awaitable[None]]]:
    """Comes to rest, presses keys, and comes to rest again."""

    def press(*keys: str, theme: str = "textual-dark") -> Callable[[Pilot[None]], Awaitable[None]]:
        async def run(pilot: Pilot[None]) -> None:
            pilot.app.theme = theme
            await settle(pilot)
            await pilot.press(*keys)

        return run

    return press


def test_specs(
    look: Look,
    snap_compare: SnapCompare,
    make_app: MakeApp,
    street: Street,
    then: Callable[..., object],
) -> None:
    app = make_app((*street, *TROUBLES))
    run_before = then("space", "j", "space", "k", "k", theme=look.theme)
    assert snap_compare(app, terminal_size=look.size, run_before=run_before)


def test_nothing_to_list(
    snap_compare: SnapCompare,
    make_app: MakeApp,
    then: Callable[..., object],
) -> None:
    run_before = then()
    assert snap_compare(make_app(), terminal_size=MEDIUM, run_before=run_before)


def test_broken_files(
    snap_compare: SnapCompare,
    make_app: MakeApp,
    street: Street,
    then: Callable[..., object],
) -> None:
    app = make_app((*street, *TROUBLES))
    run_before = then("e")
    assert snap_compare(app, terminal_size=MEDIUM, run_before=run_before)


def test_a_filter(
    snap_compare: SnapCompare, make_app: MakeApp, street: Street, then: Callable[..., object]
) -> None:
    assert snap_compare(make_app(street), run_before=then("space", "slash", *"rain"))


def test_a_refused_spec(
    snap_compare: SnapCompare, make_app: MakeApp, street: Street, then: Callable[..., object]
) -> None:
    keys = ("G", "k", "k")
    assert snap_compare(make_app(street), terminal_size=(120, 40), run_before=then(*keys))


def test_help(
    look: Look,
    snap_compare: SnapCompare,
    make_app: MakeApp,
    street: Street,
    then: Callable[..., object],
) -> None:
    run_before = then("question_mark", theme=look.theme)
    assert snap_compare(make_app(street), terminal_size=look.size, run_before=run_before)


def test_the_palette(
    snap_compare: SnapCompare,
    make_app: MakeApp,
    street: Street,
    settle: Settle,
) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("ctrl+p", *"go to")
        palette = await until_screen(pilot, CommandPalette)
        await until(pilot, lambda: palette.query_one(OptionList).option_count > 2)
        # So many are found piece by piece.
        searches = palette._GATHER_COMMANDS_GROUP
        await until(
            pilot,
            lambda: all(worker.group != searches for worker in pilot.app.workers),
            "the search has ended",
        )
        # Its field has a cursor that would blink.
        palette.query_one(Input).cursor_blink = False

    assert snap_compare(make_app(street), terminal_size=MEDIUM, run_before=run)


def test_the_smallest_window(
    snap_compare: SnapCompare, make_app: MakeApp, street: Street, then: Callable[..., object]
) -> None:
    assert snap_compare(make_app(street), terminal_size=(60, 16), run_before=then())


def test_a_window_too_small(
    snap_compare: SnapCompare, make_app: MakeApp, street: Street, then: Callable[..., object]
) -> None:
    assert snap_compare(make_app(street), terminal_size=(50, 12), run_before=then())
