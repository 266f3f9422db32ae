"""The columns of the list of specs are chosen by keys, and the choice is remembered."""

from __future__ import annotations

from pathlib import Path

from backend.specs.model import Spec
from tests.support.pilots import until_screen
from tests.tui.conftest import MakeApp, Settle
from tui.app import UpsampleApp
from tui.specs.column_chooser import ColumnChooser
from tui.specs.screen import SpecsScreen
from tui.specs.spec_list import ColumnHeadings
from tui.state.memory import Memory

Street = tuple[Spec, ...]


def headings(screen: SpecsScreen) -> list[str]:
    return screen.query_one(ColumnHeadings).render().split()


async def test_columns_are_hidden_by_keys_and_stay_hidden(
    make_app: MakeApp, settle: Settle, street: Street, tmp_path: Path
) -> None:
    app = make_app(street)
    app.memory = Memory(tmp_path / "app.json")
    async with app.run_test(size=(160, 30)) as pilot:
        screen = await settle(pilot)
        before = headings(screen)
        assert {"name", "size", "tokens", "verdict"} < set(before)
        assert "format" not in before
        await pilot.press("c")
        await until_screen(pilot, ColumnChooser)
        # size, by space; tokens, by Enter
        await pilot.press(*["down"] * 3, "space", *["down"] * 3, "enter", "escape")
        await until_screen(pilot, SpecsScreen)
        # Their room is taken by what had none.
        assert not {"size", "tokens"} & set(headings(screen))
        assert "format" in headings(screen)
    again = UpsampleApp(app.desk)
    again.memory = Memory.load(tmp_path / "app.json")
    async with again.run_test(size=(160, 30)) as pilot:
        screen = await settle(pilot)
        assert not {"size", "tokens"} & set(headings(screen))
        await pilot.press("c", "a", "q")
        await until_screen(pilot, SpecsScreen)
        assert headings(screen) == before
        assert again.memory.recall("specs.hidden-columns", "x") == ""


async def test_names_of_columns_that_no_version_has_are_passed_over(
    make_app: MakeApp, settle: Settle, street: Street
) -> None:
    app = make_app(street)
    app.memory.note("specs.hidden-columns", "name,verdict,colour")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await settle(pilot)
        assert screen.columns.hidden == {"verdict"}
        assert headings(screen)[0] == "name"
