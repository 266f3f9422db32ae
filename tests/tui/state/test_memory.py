"""What the app remembers survives a restart, and never stands in its way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tui.state.memory import Memory, default_memory


def test_facts_are_there_the_next_time(tmp_path: Path) -> None:
    file = tmp_path / "state" / "app.json"
    memory = Memory.load(file)
    memory.remember("theme", "textual-light")
    memory.remember("specs.detail", fact=False)
    again = Memory.load(file)
    assert again.recall("theme", "textual-dark") == "textual-light"
    assert again.recall("specs.detail", default=True) is False


def test_the_file_is_for_the_user_alone_and_no_part_stays_behind(tmp_path: Path) -> None:
    file = tmp_path / "app.json"
    Memory.load(file).remember("page", "queue")
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 30_000,
        '{"version": 2, "facts": {"page": "queue"}}',
        '{"version": 1, "facts": ["page"]}',
        '{"version": 1, "facts": {"page": {"a": 1}}}',
        '{"version": 1, "facts": {"page": 3}}',
        "\x00\xff",
    ],
)
def test_a_damaged_file_is_ignored_and_written_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "app.json"
    file.write_bytes(text.encode("latin-1"))
    memory = Memory.load(file)
    assert memory.recall("page", "specs") == "specs"
    memory.remember("page", "queue")
    assert json.loads(file.read_text())["facts"]["page"] == "queue"


def test_a_place_that_cannot_be_written_keeps_nobody_from_working(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = Memory.load(tmp_path / "file" / "app.json")
    memory.remember("page", "queue")
    assert memory.recall("page", "specs") == "queue"


def test_memory_without_a_file_remembers_for_this_session() -> None:
    memory = Memory.load(None)
    memory.remember("page", "queue")
    assert memory.recall("page", "specs") == "queue"


def test_the_file_lies_where_the_system_keeps_state(own_home: Path) -> None:
    assert default_memory().is_relative_to(own_home)
