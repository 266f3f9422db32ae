"""A text goes through a real editor, which here is a script."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backend.config.external_editor import edit_file, edit_text, editor_command
from backend.errors import InputError


@pytest.fixture
def editor(tmp_path: Path) -> list[str]:
    """An editor with an argument: it appends that to the file, and notes the file's mode and name."""
    script = tmp_path / "my editor.py"
    script.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[2])\n"
        f"seen = pathlib.Path({str(tmp_path / 'seen')!r})\n"
        "seen.write_text(f'{file.stat().st_mode & 0o777:o} {file}')\n"
        "file.write_bytes(file.read_bytes() + sys.argv[1].encode())\n"
    )
    return [sys.executable, str(script)]


def test_the_text_comes_back_as_the_editor_left_it(editor: list[str]) -> None:
    assert edit_text("A long dusk.", [*editor, "And night.\n\n"]) == "A long dusk.\nAnd night."


def test_nobody_else_can_read_the_file_and_it_is_gone_afterwards(
    editor: list[str], tmp_path: Path
) -> None:
    edit_text("secret", [*editor, ""])
    mode, _, file = (tmp_path / "seen").read_text().partition(" ")
    assert mode == "600"
    assert not Path(file).parent.exists()


def test_half_a_surrogate_pair_stops_no_editor(editor: list[str]) -> None:
    assert edit_text("half \ud83d", [*editor, ""]) == "half \ufffd"


def test_a_file_is_no_option_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    note = "import pathlib, sys; pathlib.Path('seen').write_text(sys.argv[1])"
    edit_file(Path("-a $(b) c.json"), [sys.executable, "-c", note])
    assert (tmp_path / "seen").read_text() == str(tmp_path / "-a $(b) c.json")


def test_an_editor_that_fails_changes_nothing() -> None:
    with pytest.raises(InputError, match="ended with 1"):
        edit_text("x", [sys.executable, "-c", "raise SystemExit(1)"])


def test_an_editor_that_leaves_no_text_is_told(tmp_path: Path) -> None:
    write = "import sys; open(sys.argv[1], 'wb').write(b'\\xff')"
    with pytest.raises(InputError, match="did not work"):
        edit_text("x", [sys.executable, "-c", write])


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({"VISUAL": "sh -c 'x y'", "EDITOR": "cat"}, ["sh", "-c", "x y"]),
        ({"VISUAL": " ", "EDITOR": "cat -u"}, ["cat", "-u"]),
    ],
)
def test_the_editor_is_the_users_with_its_arguments(
    environment: dict[str, str], command: list[str]
) -> None:
    assert editor_command(environment) == command


def test_without_one_it_is_vi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="there is no editor"):
        editor_command({})
    (tmp_path / "vi").write_text("#!/bin/sh\n")
    (tmp_path / "vi").chmod(0o755)
    assert editor_command({}) == ["vi"]


@pytest.mark.parametrize("text", ["no-such-editor --wait", "'unclosed"])
def test_an_editor_that_cannot_be_started_is_told_before_the_screen_is_left(text: str) -> None:
    with pytest.raises(InputError) as caught:
        editor_command({"EDITOR": text})
    assert "$EDITOR" in caught.value.problem
    assert "Set $EDITOR" in caught.value.remedy
