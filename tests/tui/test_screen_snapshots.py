"""How the first screen looks. `pytest --snapshot-update` accepts a new look; look at the SVGs first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from backend.specs.model import Broken, Skipped, Spec
from tui.app import UpsampleApp
from tui.screens.specs import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
SnapCompare = Callable[..., bool]
Street = tuple[Spec, ...]
SIZES = [(80, 24), (120, 40), (200, 50)]
TROUBLES = (
    Broken(Path("city/bad.json"), 3, '"prompt" must be text, not a number'),
    Broken(Path("city/\x1b[31m[/x].json"), 0, "cannot be read: Permission denied"),
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


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_specs(
    size: tuple[int, int],
    snap_compare: SnapCompare,
    make_app: MakeApp,
    street: Street,
    then: Callable[..., object],
) -> None:
    app = make_app((*street, *TROUBLES))
    assert snap_compare(app, terminal_size=size, run_before=then("space", "j", "space", "k", "k"))


def test_nothing_to_list(
    snap_compare: SnapCompare,
    make_app: MakeApp,
    then: Callable[..., object],
) -> None:
    assert snap_compare(make_app(), run_before=then())


def test_broken_files(
    snap_compare: SnapCompare,
    make_app: MakeApp,
    street: Street,
    then: Callable[..., object],
) -> None:
    app = make_app((*street, *TROUBLES))
    assert snap_compare(app, run_before=then("e"))


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
    snap_compare: SnapCompare, make_app: MakeApp, street: Street, then: Callable[..., object]
) -> None:
    assert snap_compare(make_app(street), run_before=then("question_mark"))


def test_the_smallest_window(
    snap_compare: SnapCompare, make_app: MakeApp, street: Street, then: Callable[..., object]
) -> None:
    assert snap_compare(make_app(street), terminal_size=(60, 16), run_before=then())


def test_a_window_too_small(
    snap_compare: SnapCompare, make_app: MakeApp, street: Street, then: Callable[..., object]
) -> None:
    assert snap_compare(make_app(street), terminal_size=(50, 12), run_before=then())


def test_light(
    snap_compare: SnapCompare, make_app: MakeApp, street: Street, then: Callable[..., object]
) -> None:
    app = make_app(street)
    run_before = then("j", theme="textual-light")
    assert snap_compare(app, terminal_size=(120, 40), run_before=run_before)


def test_no_colour(
    snap_compare: SnapCompare,
    make_app: MakeApp,
    street: Street,
    then: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(make_app(street), run_before=then("space", "j"))
