"""The dialog that composes specs: what it shows while it is filled in, and what it writes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from backend.config import Layer, Table, check_layers
from backend.specs.model import Spec
from backend.specs.scan import FileFindings
from tests.support.pilots import until, until_screen
from tests.tui.conftest import SizePlanner
from tests.tui.looks import Look
from tui.app import UpsampleApp
from tui.compose.dialog import ComposeDialog
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource
from tui.specs.screen import SpecsScreen
from tui.widgets.choice import Choice

MakeSpec = Callable[..., Spec]
Settle = Callable[[Pilot[None]], Awaitable[SpecsScreen]]
SnapCompare = Callable[..., bool]


@pytest.fixture
def app(
    make_spec: MakeSpec, planner: SizePlanner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> UpsampleApp:
    """An app with three specs and two styles, which works in an empty folder."""
    monkeypatch.chdir(tmp_path)
    specs = (
        make_spec("rain", "a street in the rain", "640x480.mp4"),
        make_spec("dusk", "a harbour at dusk", "1280x704.mp4"),
        make_spec("text", "words alone", ""),
    )
    styles: Table = {"compose": {"styles": ["night, rain", "golden hour"]}}
    source = SpecSource((Path("city"),), tmp_path, lambda: [FileFindings(0, 1, specs)])
    settings = check_layers([Layer("made up", styles)])
    return UpsampleApp(Desk(settings, lambda: settings, source, lambda _: planner, queue=None))


def text_of(dialog: ComposeDialog, selector: str) -> str:
    return str(dialog.query_one(selector, Static).render())


def last_note(app: UpsampleApp) -> str:
    return [note.message for note in app._notifications][-1]


async def shown(pilot: Pilot[None]) -> ComposeDialog:
    """The dialog once it knows what would be written."""
    dialog = await until_screen(pilot, ComposeDialog)
    await until(pilot, lambda: dialog.composed is not None, "the specs are worked out")
    return dialog


async def fill(pilot: Pilot[None], dialog: ComposeDialog, **values: str) -> None:
    """Fill in fields, and wait for what comes of it."""
    for name, value in values.items():
        field = dialog.query_one(f"#{name}")
        if isinstance(field, Input):
            field.value = value
        else:
            assert isinstance(field, Choice)
            while field.value != value:
                field.action_turn(1)
    await pilot.pause()
    await until(pilot, lambda: dialog.composed is not None, "the specs are worked out")


async def test_marked_specs_are_combined_and_the_preview_follows_the_typing(
    app: UpsampleApp, settle: Settle, tmp_path: Path
) -> None:
    async with app.run_test(size=(110, 40)) as pilot:
        await settle(pilot)
        await pilot.press("a", "C")
        dialog = await shown(pilot)
        assert text_of(dialog, "#summary").startswith(
            "6 specs  3 prompts × 2 videos  as transfer2.5  in composed/"
        )
        first = text_of(dialog, "#preview Static").splitlines()
        assert first[0].split("  ")[0] == "640x480_a-street-in-the-rain_001.json"
        assert len(first) == 6
        await fill(pilot, dialog, format="cosmos3", style="all", pattern="{style}_{n:02}")
        assert "12 specs  3 prompts × 2 videos × 2 styles  as cosmos3" in text_of(
            dialog, "#summary"
        )
        lines = text_of(dialog, "#preview Static").splitlines()
        assert lines[0].startswith("night-rain_01.json")
        assert "a street in the rain, night, rain" in lines[0]
        assert lines[-1] == "… and 2 more"
        dialog.query_one("#pattern", Input).value = "{clip}"
        await until(pilot, lambda: "no field '{clip}'" in text_of(dialog, "#summary"))
        await pilot.press("enter")
        assert app.screen is dialog
        assert not (tmp_path / "composed").exists()


async def test_enter_writes_and_a_key_undoes(
    app: UpsampleApp, settle: Settle, tmp_path: Path
) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").touch()
    folder = tmp_path / "composed"
    async with app.run_test(size=(110, 40)) as pilot:
        await settle(pilot)
        await pilot.press("C")
        dialog = await shown(pilot)
        dialog.query_one("#clip_path", Input).value = "clips"
        await fill(
            pilot, dialog, prompts="words", prompt_text="fog at sea", clips="a folder or list"
        )
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SpecsScreen), "it is written")
        (file,) = folder.iterdir()
        assert json.loads(file.read_text())["video_path"] == "../clips/a.mp4"
        assert "1 spec written" in last_note(app)
        await pilot.press("Z")
        await until(pilot, lambda: not folder.exists(), "it is undone")
        await until(pilot, lambda: "1 file removed" in last_note(app))
        await pilot.press("Z")
        assert last_note(app) == "Nothing was done that could be undone."


@pytest.mark.campaign  # what is written is tested without the app
async def test_what_exists_is_told_and_stays(
    app: UpsampleApp, settle: Settle, tmp_path: Path
) -> None:
    (tmp_path / "composed").mkdir()
    mine = tmp_path / "composed" / "x.json"
    mine.write_text("mine")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("C")
        dialog = await shown(pilot)
        await fill(pilot, dialog, pattern="x")
        await pilot.press("enter")
        await until(pilot, lambda: "x.json exists already" in text_of(dialog, "#summary"))
        assert mine.read_text() == "mine"
        await fill(pilot, dialog, force="yes")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SpecsScreen), "it is written")
        await pilot.press("Z")
        await until(pilot, lambda: mine.read_text() == "mine", "it is as it was")


def test_the_dialog_looks(
    snap_compare: SnapCompare, app: UpsampleApp, settle: Settle, look: Look
) -> None:
    async def show(pilot: Pilot[None]) -> None:
        pilot.app.theme = look.theme
        await settle(pilot)
        await pilot.press("a", "C")
        await fill(pilot, await shown(pilot), style="all")

    assert snap_compare(app, terminal_size=look.size, run_before=show)
