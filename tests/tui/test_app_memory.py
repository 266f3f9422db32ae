"""The app opens as it was left, offers its commands, and helps those who are here for the first time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from backend.specs.model import Spec
from tests.support.pilots import until, until_screen
from tests.tui.conftest import MakeApp, MakeSettingsApp, Settle, settled_settings
from tui.app import UpsampleApp
from tui.dialogs.doctor import DoctorScreen
from tui.dialogs.first_run import FirstRunScreen
from tui.dialogs.help import HelpScreen
from tui.settings.add_box import AddBoxDialog
from tui.settings.screen import SettingsPage
from tui.specs.screen import SpecsScreen
from tui.state.memory import Memory


def commands(app: UpsampleApp) -> dict[str, object]:
    return {command.title: command for command in app.get_system_commands(app.screen)}


def run(app: UpsampleApp, title: str) -> None:
    for command in app.get_system_commands(app.screen):
        if command.title == title:
            command.callback()
            return
    pytest.fail(f"{title} is not offered: {sorted(commands(app))}")


async def opened_specs(pilot: Pilot[None]) -> SpecsScreen:
    """The first screen, once it lists what was opened: the one that was there before lists nothing."""

    def is_open() -> bool:
        screen = pilot.app.screen
        return isinstance(screen, SpecsScreen) and bool(screen._source.paths)

    await until(pilot, is_open, "the specs are opened")
    return await until_screen(pilot, SpecsScreen)


async def test_theme_and_page_are_as_they_were_left(
    make_settings_app: MakeSettingsApp, tmp_path: Path
) -> None:
    memory = tmp_path / "app.json"
    app = make_settings_app("", memory=memory)
    async with app.run_test() as pilot:
        await pilot.press("comma")
        run(app, "Theme: high contrast")
        await until(pilot, lambda: app.memory.recall("theme", "") == "high-contrast")
    again = UpsampleApp(app.desk)
    async with again.run_test() as pilot:
        await until_screen(pilot, SettingsPage)
        assert again.theme == "high-contrast"


async def test_the_spec_that_was_looked_at_is_current_again(
    street: tuple[Spec, ...], make_app: MakeApp, settle: Settle, tmp_path: Path
) -> None:
    specs = [dataclasses.replace(spec, entry=number) for number, spec in enumerate(street)]
    memory = Memory(tmp_path / "app.json")
    app = make_app(specs)
    app.memory = memory
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("j", "j", "j", "d")
    again = make_app(specs)
    again.memory = Memory.load(memory.file)
    async with again.run_test() as pilot:
        page = await settle(pilot)
        assert page.listing.position == 3
        assert page.has_class("-no-detail")


async def test_a_theme_that_is_no_more_is_forgotten(
    make_settings_app: MakeSettingsApp, tmp_path: Path
) -> None:
    Memory.load(tmp_path / "app.json").remember("theme", "gone")
    app = make_settings_app("", memory=tmp_path / "app.json")
    async with app.run_test():
        assert app.theme == "textual-dark"


async def test_the_palette_offers_pages_and_the_keys_of_the_page(
    make_settings_app: MakeSettingsApp,
) -> None:
    app = make_settings_app("")
    async with app.run_test() as pilot:
        await settled_settings(pilot)
        assert {"Go to specs", "Go to settings", "Add box", "Undo", "Theme: light"} <= set(
            commands(app)
        )
        run(app, "Add box")
        await until_screen(pilot, AddBoxDialog)
        await pilot.press("escape")
        run(app, "Go to specs")
        await until_screen(pilot, SpecsScreen)
        assert "Filter" in commands(app)


async def test_help_is_about_the_page_that_it_was_asked_on(
    make_settings_app: MakeSettingsApp,
) -> None:
    app = make_settings_app("")
    async with app.run_test(size=(120, 80)) as pilot:
        await settled_settings(pilot)
        await pilot.press("question_mark")
        await until_screen(pilot, HelpScreen)
        assert "add a box" in _text(app)
        await pilot.press("escape", "1", "question_mark")
        await until_screen(pilot, HelpScreen)
        assert "add a box" not in _text(app)
        assert "filter by words of the name or prompt" in _text(app)


def _text(app: App[None]) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def test_who_has_no_config_and_names_no_path_is_welcomed(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(None, openable=True).run_test() as pilot:
        await until_screen(pilot, FirstRunScreen)
        await pilot.press("down", "enter")
        await until_screen(pilot, AddBoxDialog)


async def test_who_has_a_config_is_not_welcomed(make_settings_app: MakeSettingsApp) -> None:
    async with make_settings_app("", openable=True).run_test() as pilot:
        await pilot.pause()
        assert isinstance(pilot.app.screen, SpecsScreen)


async def test_the_demo_specs_are_drawn_and_listed(make_settings_app: MakeSettingsApp) -> None:
    async with make_settings_app(None, openable=True).run_test() as pilot:
        await until_screen(pilot, FirstRunScreen)
        await pilot.press("enter")
        page = await opened_specs(pilot)
        await until(pilot, lambda: page.progress.ended and bool(page.listing.rows))
        assert {row.spec.name for row in page.listing.rows.values()} >= {"harbour", "street"}


async def test_a_folder_that_is_not_there_is_not_opened(
    make_settings_app: MakeSettingsApp, own_home: Path
) -> None:
    (own_home / "specs").mkdir()
    (own_home / "specs" / "one.json").write_text('[{"name": "n", "prompt": "p", "video_path": ""}]')
    async with make_settings_app(None, openable=True).run_test() as pilot:
        await until_screen(pilot, FirstRunScreen)
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        await pilot.press(*"nowhere", "enter", *["backspace"] * 7, *"specs", "enter")
        page = await opened_specs(pilot)
        assert page._source.paths == (own_home / "specs",)


async def test_the_doctor_examines_this_machine_and_its_findings_appear(
    make_settings_app: MakeSettingsApp,
) -> None:
    """The chosen box does not exist, so the examination ends before any box is reached."""
    app = make_settings_app('[boxes.h100]\nhost = "127.0.0.1:1"\nengine = "sketch"\n')
    async with app.run_test(size=(120, 60)) as pilot:
        page = await settled_settings(pilot)
        page.listing.go_to("h100")
        await pilot.press("d")
        await until_screen(pilot, DoctorScreen)
        await until(
            pilot, lambda: "failed" in _text(app) and "skipped" in _text(app).splitlines()[-6]
        )
        text = _text(app)
        assert "connection" in text
        assert "✗ failed" in text
        assert "✓ ok" in text
        await pilot.press("escape")
        await until_screen(pilot, SettingsPage)
