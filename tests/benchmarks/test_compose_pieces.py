"""The parts of the benchmark of composing work; no speed is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.compose import prepare, run_lap


@pytest.mark.campaign  # it starts the program anew
def test_a_lap_composes_every_pair_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    prepare(folder, 3, 2)
    lap = run_lap(folder, "")
    assert lap.files == 6
    assert lap.ratio > 0
    assert sorted(each.name for each in folder.iterdir()) == ["clips", "prompts.txt"]
