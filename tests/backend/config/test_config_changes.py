"""Several settings at once, taking one away, and taking a change back."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.config.edit import change_values, preview_values, undo
from backend.errors import ConfigError

OWN = """\
# Mine.
box = "h100"

[upsampling]
# More than the default.
max_tokens = 8192
reserve = 200 # short answers

[boxes.h100] # the big one
host = "gpu-box"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "own.toml"
    file.write_text(OWN)
    return file


def test_a_key_that_is_taken_away_leaves_the_rest_as_it_is(file: Path) -> None:
    change_values({"upsampling.reserve": None}, file)
    assert file.read_text() == OWN.replace("reserve = 200 # short answers\n", "")


def test_a_box_is_taken_away_with_its_table(file: Path) -> None:
    change_values({"box": None, "boxes.h100": None}, file)
    assert "h100" not in file.read_text()
    assert file.read_text().startswith("# Mine.\n")
    assert "# More than the default.\nmax_tokens = 8192\n" in file.read_text()


def test_a_key_that_is_not_there_cannot_be_taken_away(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"upsampling\.fit is not set in your file"):
        change_values({"upsampling.fit": None}, file)
    assert file.read_text() == OWN


def test_all_changes_are_made_or_none(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"upsampling\.reserve"):
        change_values({"boxes.lab.host": "lab", "upsampling.reserve": "-1"}, file)
    assert file.read_text() == OWN


def test_a_preview_writes_nothing(file: Path) -> None:
    assert "max_tokens = 4000" in preview_values({"upsampling.max_tokens": "4000"}, file)
    assert file.read_text() == OWN


def test_undo_brings_the_very_text_back(file: Path) -> None:
    change = change_values({"upsampling.max_tokens": "4000"}, file)
    assert file.read_text() != OWN
    undo(change)
    assert file.read_text() == OWN


def test_undo_removes_a_file_that_was_not_there(tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    undo(change_values({"box": "local"}, file))
    assert not file.exists()


def test_undo_refuses_when_somebody_else_changed_the_file(file: Path) -> None:
    change = change_values({"upsampling.max_tokens": "4000"}, file)
    file.write_text(OWN + "# and more\n")
    with pytest.raises(ConfigError, match="changed since"):
        undo(change)
    assert file.read_text() == OWN + "# and more\n"
