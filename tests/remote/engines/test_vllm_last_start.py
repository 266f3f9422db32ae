"""The last start is remembered, and nothing depends on that."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote.engines.vllm.last_start import LastStart, read_last_start, save_last_start

START = LastStart(74.2, 1_700_000_000.0, "/models/Cosmos", "vllm 0.32.0")


def test_a_start_is_remembered_until_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "vllm-start.json"
    assert read_last_start(file) is None
    save_last_start(file, LastStart(1.0, 1.0, "x", "y"))
    save_last_start(file, START)
    assert read_last_start(file) == START
    assert [left.name for left in tmp_path.iterdir()] == [file.name]


def test_a_disk_that_takes_no_more_is_no_trouble(tmp_path: Path) -> None:
    save_last_start(tmp_path / "gone" / "vllm-start.json", START)


@pytest.mark.parametrize("content", ["", "[]", '{"seconds": "long"}', "\udcff"])
def test_a_damaged_note_is_no_note(tmp_path: Path, content: str) -> None:
    file = tmp_path / "vllm-start.json"
    file.write_text(content, errors="surrogateescape")
    assert read_last_start(file) is None
