"""What was measured is shown beside our count, and disagreement is warned about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.cli import run
from backend.config import load_settings, user_file
from backend.exit_codes import ExitCode
from backend.limits.calibration import Calibration, Sample, find_calibration, save_calibration
from backend.sizes import Size

Capsys = pytest.CaptureFixture[str]
PROMPT = "a robotic arm hand over a coffee cup to a woman in a modern office."


def calibration(*samples: tuple[int, int, int, int], engine: str = "vllm 0.8.1") -> Calibration:
    return Calibration(
        box="h100", model="/m", profile="transfer1", engine=engine, ended=1_760_000_000.0,
        max_model_len=4096,
        samples=tuple(Sample(width=w, height=h, frames=n, vision=v) for w, h, n, v in samples),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box that can be measured is the one that is used."""
    monkeypatch.chdir(tmp_path)
    user_file().parent.mkdir(parents=True)
    user_file().write_text('box = "h100"\n[boxes.h100]\nhost = "gpu"\nmodel = "/m"\n')


def estimate(capsys: Capsys, *arguments: str) -> tuple[list[dict[str, object]], str]:
    code = run(["estimate", "--prompt", PROMPT, "--format", "json", *arguments])
    assert code == ExitCode.OK
    told = capsys.readouterr()
    return json.loads(told.out), told.err


def test_without_a_measurement_nothing_is_said_of_one(capsys: Capsys) -> None:
    rows, errors = estimate(capsys, "--resolution", "1280x704")
    assert (rows[0]["measured_tokens"], errors) == (None, "")
    run(["estimate"])
    assert "measured" not in capsys.readouterr().out


def test_estimate_shows_what_was_measured_for_any_prompt(capsys: Capsys) -> None:
    save_calibration(calibration((1280, 704, 2, 4680), (640, 480, 2, 2460)))
    rows, errors = estimate(capsys, "--resolution", "1280x704", "--resolution", "640x360")
    assert [row["measured_tokens"] for row in rows] == [4699, None]
    assert errors == ""
    assert run(["estimate"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "measured: prompt tokens as counted by h100, vllm 0.8.1, 2025-10-09." in shown


def test_a_box_that_counts_otherwise_is_warned_about_everywhere(capsys: Capsys) -> None:
    save_calibration(calibration((1280, 704, 2, 5000), (640, 480, 2, 2460)))
    rows, errors = estimate(capsys, "--resolution", "1280x704")
    assert rows[0]["measured_tokens"] == 5019
    assert "1 of 2 sizes" in errors
    assert "2 of 1280x704 take 5,000, and 4,680 are counted" in errors

    assert run(["fit", "640x480", "--prompt", PROMPT]) == ExitCode.OK
    told = capsys.readouterr()
    assert told.out == "640x480\n"
    assert "by up to 320 tokens" in told.err
    assert "2,479 were measured (h100, vllm 0.8.1, 2025-10-09)" in told.err


def test_another_box_model_or_profile_has_its_own_measurement() -> None:
    save_calibration(calibration((1280, 704, 2, 4680)))
    assert find_calibration(load_settings()) is not None
    for changes in (
        {"box": "local"},
        {"boxes": {"h100": {"model": "/other"}}},
        {"upsampling": {"profile": "transfer1-stock"}},
    ):
        assert find_calibration(load_settings(dict(changes))) is None
    # `limits` and `estimate` are about no spec, and then auto is transfer1.
    assert find_calibration(load_settings({"upsampling": {"profile": "auto"}})) is not None


def test_a_later_measurement_of_the_same_engine_keeps_the_sizes_that_it_did_not_ask() -> None:
    save_calibration(calibration((1280, 704, 2, 1), (640, 480, 2, 2460)))
    save_calibration(calibration((1280, 704, 2, 4680)))
    found = find_calibration(load_settings())
    assert found is not None
    assert found.vision_tokens(Size(1280, 704), 2) == 4680
    assert found.vision_tokens(Size(640, 480), 2) == 2460

    save_calibration(calibration((1280, 704, 2, 4680), engine="vllm 0.32.0"))
    found = find_calibration(load_settings())
    assert found is not None
    assert found.vision_tokens(Size(640, 480), 2) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"box": "h100"}'])
def test_a_damaged_file_is_as_good_as_none(text: str, capsys: Capsys) -> None:
    file = save_calibration(calibration((1280, 704, 2, 4680)))
    file.write_text(text)
    assert find_calibration(load_settings()) is None
    save_calibration(calibration((1280, 704, 2, 4680)))
    assert find_calibration(load_settings()) is not None
