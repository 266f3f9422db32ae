"""What the benchmark of a long batch computes and writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scale import Batch, Sample, write_prompts


def test_growth_is_the_last_tenth_against_the_first_by_processor_time() -> None:
    batch = Batch(jobs=20_000, a_file=1, load=0.0)
    app = [5.0, *(25.0 + 20.0 * tenth for tenth in range(9)), 207.0]
    batch.samples = [Sample(0.0, used, used / 4, 100.0, 40.0) for used in app]
    assert batch.a_thousand("app", 1) == pytest.approx(10.0)
    assert batch.a_thousand("app", 10) == pytest.approx(11.0)
    assert batch.growth("app") == pytest.approx(1.1)
    assert batch.growth("box") == pytest.approx(1.1)


def test_prompts_stand_in_files_of_the_wanted_size_and_no_two_are_alike(tmp_path: Path) -> None:
    write_prompts(tmp_path / "specs", 2_500, 2)
    files = sorted((tmp_path / "specs").rglob("*.txt"))
    prompts = [line for file in files for line in file.read_text().splitlines()]
    assert (len(files), len(set(prompts))) == (1_250, 2_500)
    assert {file.parent.name for file in files} == {"0000", "0001"}
