"""The settings are shown, set and edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.cli import run
from backend.config import user_file
from backend.exit_codes import ExitCode
from tests.backend.commands.running_commands import Capsys, data, put

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("boxes", ["nowhere", '["local", "nowhere"]'])
def test_a_box_that_is_not_there_is_not_chosen(capsys: Capsys, boxes: str) -> None:
    assert run(["config", "set", "box", boxes]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert "no box is named 'nowhere'; there are: local" in told
    assert "config set box NAME. Or add it: upsample box add nowhere" in told
    assert run(["config", "set", "box", "all"]) == ExitCode.OK


def test_what_is_set_is_what_one_gets(capsys: Capsys) -> None:
    assert run(["config", "set", "upsampling.max_tokens", "8192"]) == ExitCode.OK
    assert str(user_file()) in capsys.readouterr().err
    assert data(capsys, "config", "get", "upsampling.max_tokens") == 8192
    assert run(["config", "get", "box"]) == ExitCode.OK
    assert capsys.readouterr().out == "local\n"


def test_a_long_value_is_shown_on_one_line(capsys: Capsys) -> None:
    model = "/models" * 30
    run(["config", "set", "boxes.h100.model", model])
    capsys.readouterr()
    run(["config", "get", "boxes.h100.model"])
    assert capsys.readouterr().out == f"{model}\n"
    run(["config", "show"])
    assert f'model = "{model}"\n' in capsys.readouterr().out


def test_config_show_can_be_read_back(capsys: Capsys) -> None:
    before = data(capsys, "config", "show", "--json")
    run(["config", "show"])
    put(str(user_file()), capsys.readouterr().out)
    assert data(capsys, "config", "show", "--json") == before


@pytest.mark.parametrize(
    ("editor", "code", "made"),
    [
        ("true", ExitCode.OK, True),
        ("false", ExitCode.USAGE, True),
        ("'", ExitCode.USAGE, False),
    ],
)
def test_an_editor_that_does_not_work_is_told(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch, editor: str, code: ExitCode, made: bool
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    assert run(["config", "edit"]) == code
    assert user_file().is_file() is made


def test_the_paths_are_told_the_strongest_first(capsys: Capsys, folder: Path) -> None:
    assert run(["config", "path"]) == ExitCode.OK
    assert capsys.readouterr().out.splitlines() == [str(folder / "config.toml"), str(user_file())]
