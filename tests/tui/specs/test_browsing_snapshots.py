"""How the list looks when it is sorted, grouped, filtered and full."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from backend.planning.history import LatestJob, spec_key
from backend.specs.model import BrokenSpec, Spec
from backend.store import State
from tests.support.pilots import until
from tests.tui.looks import MEDIUM, Look
from tui.app import UpsampleApp
from tui.specs.screen import SpecsScreen

MakeApp = Callable[..., UpsampleApp]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
SnapCompare = Callable[..., bool]
Street = tuple[Spec, ...]
Then = Callable[..., Callable[[Pilot[None]], Awaitable[None]]]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the terminal is in which the tests run."""
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def town(street: Street) -> tuple[Spec, ...]:
    """The street's specs in files of their own, in three folders."""
    folders = ("city/day", "city/night", "harbour")
    return tuple(
        replace(spec, file=Path(folders[n % 3]) / f"{n}.json", is_upsampled=n == 5)
        for n, spec in enumerate(street)
    )


@pytest.fixture
def then(settle: Settle) -> Then:
    """Comes to rest, puts jobs of every state beside the first specs, presses keys."""

    def press(*keys: str, theme: str = "textual-dark", jobs: bool = True) -> object:
        async def run(pilot: Pilot[None]) -> None:
            pilot.app.theme = theme
            screen = await settle(pilot)
            if jobs:
                specs = [row.spec for row in screen.listing.rows.values()]
                screen.listing.take_jobs(
                    {
                        spec_key(spec): LatestJob(number, spec.prompt, state)
                        for number, (spec, state) in enumerate(
                            zip(specs, (State.DONE, State.RUNNING, State.FAILED), strict=False)
                        )
                    }
                )
                screen.show_listing()
            await pilot.press(*keys)
            # A filter by state is renewed some times a second.
            await until(pilot, lambda: not screen.listing.stale, "the filter is renewed")

        return run

    return press  # type: ignore[return-value]


def test_sorted_with_jobs(
    snap_compare: SnapCompare, make_app: MakeApp, town: Street, then: Then
) -> None:
    run_before = then("space", "s", "t", "S")
    assert snap_compare(make_app(town), terminal_size=MEDIUM, run_before=run_before)


def test_grouped_with_a_range(
    look: Look, snap_compare: SnapCompare, make_app: MakeApp, town: Street, then: Then
) -> None:
    keys = ("o", "g", "space", "v", "j", "j", "j")
    run_before = then(*keys, theme=look.theme)
    assert snap_compare(make_app(town), terminal_size=look.size, run_before=run_before)


def test_wide_without_the_detail(
    snap_compare: SnapCompare, make_app: MakeApp, town: Street, then: Then
) -> None:
    assert snap_compare(make_app(town), terminal_size=(200, 50), run_before=then("j", "d"))


def test_the_sort_chooser(
    snap_compare: SnapCompare, make_app: MakeApp, town: Street, then: Then
) -> None:
    run_before = then("s")
    assert snap_compare(make_app(town), terminal_size=MEDIUM, run_before=run_before)


@pytest.mark.looks
@pytest.mark.parametrize("size", [(80, 24), MEDIUM], ids=("small", "medium"))
def test_the_column_chooser(
    size: tuple[int, int], snap_compare: SnapCompare, make_app: MakeApp, town: Street, then: Then
) -> None:
    run_before = then("c", "down", "down", "space")
    assert snap_compare(make_app(town), terminal_size=size, run_before=run_before)


def test_a_term_that_is_not_understood(
    snap_compare: SnapCompare, make_app: MakeApp, town: Street, then: Then
) -> None:
    assert snap_compare(make_app(town), run_before=then("slash", *"street fit:no"))


def test_names_that_are_only_similar(
    snap_compare: SnapCompare, make_app: MakeApp, town: Street, then: Then
) -> None:
    assert snap_compare(make_app(town), run_before=then("slash", *"gldhr", "enter"))


def test_nothing_matches(
    snap_compare: SnapCompare, make_app: MakeApp, town: Street, then: Then
) -> None:
    run_before = then("slash", *"xyz", "enter")
    assert snap_compare(make_app(town), terminal_size=MEDIUM, run_before=run_before)


def test_only_broken_files(snap_compare: SnapCompare, make_app: MakeApp, then: Then) -> None:
    broken = BrokenSpec(Path("city/bad.json"), 3, '"prompt" must be text, not a number')
    run_before = then()
    assert snap_compare(make_app([broken]), terminal_size=MEDIUM, run_before=run_before)


def test_ten_thousand_specs(
    snap_compare: SnapCompare,
    make_app: MakeApp,
    make_spec: Callable[..., Spec],
    then: Then,
) -> None:
    specs = [make_spec(f"spec_{n:05d}", f"prompt {n}", "") for n in range(10_000)]
    run_before = then("a", "slash", *"99", "enter", "G", jobs=False)
    assert snap_compare(make_app(specs), terminal_size=MEDIUM, run_before=run_before)
