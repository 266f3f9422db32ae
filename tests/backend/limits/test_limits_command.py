"""`upsample limits` without a box: what it prints, and the files that it writes."""

from __future__ import annotations

import csv
import json
import struct
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from backend.cli import run
from backend.exit_codes import ExitCode
from backend.limits.sampled_sizes import all_sizes, quick_sizes
from backend.video import probe

Capsys = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def test_the_quick_table_fits_into_80_columns_and_holds_the_limits(capsys: Capsys) -> None:
    assert run(["limits", "--quick"]) == ExitCode.OK
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:2] == ["1280×704", "720"] and "4,699" in line for line in lines)
    assert any("910×512" in line and line.startswith("4,096") for line in lines)
    assert any("0.62 GiB" in line and "10.0 GiB" in line for line in lines)
    assert "drawing test videos" in told.err
    assert list(Path.cwd().iterdir()) == []


def test_the_files_are_whole_and_the_videos_are_of_the_sizes_that_they_are_named_after(
    capsys: Capsys,
) -> None:
    assert run(["limits", "--quick", "--output-dir", "out", "--json"]) == ExitCode.OK
    printed = json.loads(capsys.readouterr().out)

    assert json.loads(Path("out/limits.json").read_text()) == printed
    assert len(printed["sizes"]) == len(quick_sizes())
    rows = list(csv.DictReader(Path("out/limits.csv").read_text().splitlines()))
    assert [row["prompt_tokens"] for row in rows] == [
        str(row["prompt_tokens"]) for row in printed["sizes"]
    ]
    assert "| 1280×704 | 720 16:9 | 4,699 |" in Path("out/limits.md").read_text()
    picture = ElementTree.fromstring(Path("out/limits.svg").read_text())  # noqa: S314 - our own
    assert picture.tag.endswith("svg")
    width, height = struct.unpack_from(">II", Path("out/limits.png").read_bytes(), 16)
    assert width > height > 500
    for named in quick_sizes():
        assert probe(Path(f"out/videos/{named.size}.mp4")).size == named.size


def test_without_matplotlib_the_tables_are_written_and_the_missing_extra_is_named(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(["limits", "--quick", "--output-dir", "out"]) == ExitCode.OK
    assert {file.name for file in Path("out").iterdir()} == {
        "limits.csv", "limits.json", "limits.md", "videos",
    }  # fmt: skip
    told = " ".join(capsys.readouterr().err.split())
    assert "limits.svg and limits.png are not drawn: matplotlib is not installed" in told
    assert "pip install matplotlib" in told


def test_equal_reports_give_equal_files(capsys: Capsys) -> None:
    for folder in ("one", "two"):
        assert run(["limits", "--quick", "--output-dir", folder]) == ExitCode.OK
    for file in Path("one").glob("limits.*"):
        assert file.read_bytes() == (Path("two") / file.name).read_bytes(), file


def test_frames_contexts_and_the_prompt_can_be_chosen(capsys: Capsys) -> None:
    arguments = ["--frames", "3", "--max-model-len", "6000", "--prompt", "dusk", "--json"]
    assert run(["limits", "--quick", *arguments]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert {row["frames"] for row in told["sizes"]} == {3}
    assert told["max_model_len"] == [6000]
    assert told["text_tokens"] < 5
    assert {each["max_model_len"] for each in told["largest"]} == {6000}


def test_all_sizes_come_with_three_numbers_of_frames(capsys: Capsys) -> None:
    assert run(["limits", "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert len(told["sizes"]) == 3 * len(all_sizes()) == 105
    assert told["max_model_len"] == [4096, 8192, 16384, 32768]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--frames", "0"], "0 frames cannot be sent"),
        (["--max-model-len", "0"], "holds nothing"),
        (["--box", "h200"], "no box is named 'h200'"),
        (["--measure"], "its engine is sketch"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[str], words: str, capsys: Capsys) -> None:
    assert run(["limits", "--quick", *arguments]) == ExitCode.USAGE
    assert words in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(capsys: Capsys) -> None:
    Path("file").write_text("")
    assert run(["limits", "--quick", "--output-dir", "file/out"]) != ExitCode.OK
    assert "Choose another --output-dir." in capsys.readouterr().err
