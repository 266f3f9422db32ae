"""docs/resolutions.md holds what the tool prints now."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli import run
from backend.limits.resolutions_page import resolutions_page
from backend.sizes import Size
from backend.tokens import PIXTRAL, TextCounter

ROOT = Path(__file__).parents[3]
RECORDED = Path("docs/measured/vllm-0.32.0-cpu.json")


def test_the_page_is_printed_from_the_code_and_the_record() -> None:
    page = (ROOT / "docs" / "resolutions.md").read_text("utf-8")
    assert page == resolutions_page(ROOT / RECORDED), (
        f"run: python -m backend.limits {RECORDED} > docs/resolutions.md"
    )
    command = [sys.executable, "-m", "backend.limits", str(RECORDED)]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    assert printed.stdout.decode() == page


def test_the_page_has_the_rows_that_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["limits", "--output-dir", "out"]) == 0
    page = (ROOT / "docs" / "resolutions.md").read_text("utf-8").splitlines()
    rows = [row for row in Path("out/limits.md").read_text("utf-8").splitlines() if "|" in row]
    assert len(rows) > 120
    assert {row for row in rows if row not in page} == set()


def test_what_was_recorded_agrees_with_what_is_counted_now(counter: TextCounter) -> None:
    recorded = json.loads((ROOT / RECORDED).read_text("utf-8"))
    assert [each["max_model_len"] for each in recorded] == [4096, 8192, 16384, 32768]
    for measured in recorded:
        text = 3 + counter.count(measured["prompt"])
        for row in measured["rows"]:
            vision = (
                PIXTRAL.vision_tokens(Size.parse(row["size"]), row["frames"]) if row["size"] else 0
            )
            assert row["measured"] == text + vision, row
            assert (row["outcome"] == "accepted") is (text + vision < measured["max_model_len"])
    assert len(recorded[0]["rows"]) == 71
