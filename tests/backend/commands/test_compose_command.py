"""`upsample compose`: what it says, and that it can be interrupted and undone."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from backend.cli import run
from backend.commands import compose as compose_command
from backend.compose.composition import Composition
from backend.compose.making import Made, make
from backend.config import user_file
from backend.exit_codes import ExitCode

Capsys = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "clips" / name).touch()
    (tmp_path / "p.txt").write_text("a car in rain\na harbour at dusk\n")
    return tmp_path


def made() -> list[str]:
    return (
        sorted(file.name for file in Path("composed").iterdir())
        if Path("composed").exists()
        else []
    )


def test_each_prompt_is_written_with_each_video(capsys: Capsys) -> None:
    assert run(["compose", "--prompts", "p.txt", "--videos", "clips"]) == ExitCode.OK
    said = capsys.readouterr()
    assert said.out == f"{Path('composed').absolute()}\n"
    assert "4 specs as transfer2.5." in said.err
    assert "upsample compose --undo" in said.err
    assert made() == [
        "a_a-car-in-rain_001.json",
        "a_a-harbour-at-dusk_002.json",
        "b_a-car-in-rain_003.json",
        "b_a-harbour-at-dusk_004.json",
    ]
    assert run(["compose", "--undo"]) == ExitCode.OK
    assert "4 files removed" in capsys.readouterr().err
    assert made() == []
    assert run(["compose", "--undo"]) == ExitCode.USAGE


def test_a_dry_run_shows_the_first_ten_and_the_count_and_writes_nothing(capsys: Capsys) -> None:
    arguments = ["compose", *(f"prompt {n}" for n in range(12)), "--videos", "clips/a.mp4"]
    assert run([*arguments, "--dry-run"]) == ExitCode.OK
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 11
    assert "… and 2 more: 12 specs as transfer2.5 in" in said.err
    assert run([*arguments, "--dry-run", "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["count"], len(told["first"])) == (12, 10)
    assert told["first"][0]["file"] == "a_prompt-0_001.json"
    assert made() == []


def test_styles_of_the_config_multiply(capsys: Capsys) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text('[compose]\nstyles = ["night, rain", "golden hour"]\n')
    line = ["compose", "a car", "--format", "cosmos3", "--json"]
    assert run([*line, "--styles", "all", "plain"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["specs"] == 3
    assert made() == [
        "a-car_golden-hour_002.json",
        "a-car_night-rain_001.json",
        "a-car_plain_003.json",
    ]
    assert run(["compose", "a car", "--style", "fog"]) == ExitCode.USAGE
    assert "There are: night-rain, golden-hour, plain; or all." in capsys.readouterr().err
    user_file().write_text('[compose]\nstyles = { wet = "night, rain" }\n')
    assert run(["compose", "a car", "--style", "wet", "--pattern", "{style}"]) == ExitCode.OK
    assert "wet.json" in made()


@pytest.mark.parametrize(
    ("styles", "problem"),
    [('["a\\u0007"]', "words on one line"), ('{ all = "x" }', "a style cannot be named 'all'")],
)
def test_a_wrong_style_in_the_config_is_told(styles: str, problem: str, capsys: Capsys) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text(f"[compose]\nstyles = {styles}\n")
    assert run(["compose", "a car"]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert str(user_file()) in said
    assert problem in said


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--videos", "clips"], "there are no prompts"),
        (["rain", "--pattern", "{video}"], "the pattern has {video}, and no videos are given"),
        (["rain", "--pattern", "../{n}"], "Leave the ending out"),
        (["rain", "--format", "transfer1"], "transfer1 takes a video"),
        (["--prompts", "none.txt"], "no prompts: none.txt"),
        (["rain", "--videos", "none"], "there is no none"),
    ],
)
def test_what_cannot_be_composed_is_refused(
    arguments: list[str], problem: str, capsys: Capsys
) -> None:
    assert run(["compose", *arguments]) == ExitCode.USAGE
    assert problem in capsys.readouterr().err
    assert made() == []


def test_rows_that_cannot_be_used_are_told_and_the_others_made(
    folder: Path, capsys: Capsys
) -> None:
    (folder / "t.csv").write_text("prompt,video\nred,clips/a.mp4\nblue,x,y\n")
    assert run(["compose", "--prompts", "t.csv"]) == ExitCode.SOME_FAILED
    assert "left out: t.csv:3" in capsys.readouterr().err
    assert made() == ["a_red_001.json"]


def test_an_interruption_leaves_whole_files_and_says_how_to_undo(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(composition: Composition, *, force: bool, go_on: object) -> Made:
        def hear(done: int) -> bool:
            if done == 3:
                os.kill(os.getpid(), signal.SIGINT)
            assert callable(go_on)
            return bool(go_on(done))

        return make(composition, force=force, go_on=hear)

    monkeypatch.setattr(compose_command, "make", interrupted)
    line = ["compose", "--prompts", "p.txt", "--videos", "clips"]
    assert run(line) == ExitCode.INTERRUPTED
    said = capsys.readouterr().err
    assert "Stopped: 3 of 4 specs are written." in said
    assert "upsample compose --undo" in said
    assert all(json.loads(Path("composed", name).read_text()) for name in made())
    assert run(["compose", "--undo", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["removed"] == 3
