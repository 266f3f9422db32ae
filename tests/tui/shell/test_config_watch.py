"""The app takes up what changes in the config files while it is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend.config import Settings
from backend.errors import ConfigError
from tests.support.pilots import until
from tui.app import UpsampleApp
from tui.shell import personal_app
from tui.shell.config_watch import ConfigWatch
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource


def test_a_file_that_is_made_changed_or_removed_is_noticed_once(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    watch = ConfigWatch([file])
    assert not watch.has_changed()
    file.write_text("a = 1\n")
    assert [watch.has_changed(), watch.has_changed()] == [True, False]
    file.write_text("a = 10\n")
    assert [watch.has_changed(), watch.has_changed()] == [True, False]
    file.unlink()
    assert [watch.has_changed(), watch.has_changed()] == [True, False]


async def test_the_app_uses_what_was_set_elsewhere_and_says_so(
    make_desk: Callable[..., Desk],
    planner: object,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "config.toml"
    monkeypatch.setattr(personal_app, "user_file", lambda: file)
    monkeypatch.setattr(personal_app, "_LOOK_SECONDS", 0.05)
    changed = settings.upsampling.model_copy(update={"reserve": 450})

    def reload() -> Settings:
        if "wrong" in file.read_text():
            raise ConfigError("reserve is no setting")
        return settings.model_copy(update={"upsampling": changed})

    desk = make_desk(SpecSource((), tmp_path, list), planner)
    app = UpsampleApp(replace(desk, reload=reload))
    async with app.run_test() as pilot:
        file.write_text("[upsampling]\nreserve = 450\n")
        await until(pilot, lambda: app.settings.upsampling.reserve == 450)
        await until(pilot, lambda: "holds from now on" in said(app))
        file.write_text("wrong = 1\n")
        await until(pilot, lambda: "The settings of before still hold." in said(app))
        assert app.settings.upsampling.reserve == 450


def said(app: UpsampleApp) -> str:
    return "\n".join(one.message for one in app._notifications)
