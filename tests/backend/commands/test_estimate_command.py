"""What videos, specs and texts cost in tokens, and the size that fits."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli import run
from backend.exit_codes import ExitCode
from tests.backend.commands.running_commands import PROMPT, Capsys, data, put, put_spec, rows

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize(
    ("size", "prompt", "exact", "linear"),
    [
        ("1280x704", PROMPT, 4699, 31_178),
        ("320x180", "", 507, 1992),
        ("940x529", "", 4083, 17_205),
    ],
)
def test_estimates_are_the_measured_numbers(
    capsys: Capsys, size: str, prompt: str, exact: int, linear: int
) -> None:
    (row,) = rows(capsys, "--resolution", size, "--prompt", prompt)
    assert (row["prompt_tokens"], row["linear_tokens"]) == (exact, linear)


def test_the_vision_tokens_of_320x180_are_504(capsys: Capsys) -> None:
    (row,) = rows(capsys, "--resolution", "320x180")
    assert (row["vision_tokens"], row["linear_tokens"], row["text_tokens"]) == (504, 1992, 0)


def test_an_estimate_tells_the_verdict_for_every_context_length(capsys: Capsys) -> None:
    (row,) = rows(
        capsys, "--resolution", "1280x704", "--max-model-len", "4096", "--max-model-len", "8192"
    )
    assert row["limits"] == [
        {"max_model_len": 4096, "verdict": "exceeds", "free": 4096 - 300 - 4683},
        {"max_model_len": 8192, "verdict": "fits", "free": 8192 - 300 - 4683},
    ]
    assert row["largest_fit"] == "928x510"


def test_without_arguments_the_sizes_of_transfer1_and_of_cosmos3_are_shown(capsys: Capsys) -> None:
    found = rows(capsys)
    assert len(found) == 45
    assert sum(str(row["name"]).startswith("C3 ") for row in found) == 20
    assert found[5]["name"] == "720 16:9"
    assert (found[5]["width"], found[5]["height"]) == (1280, 704)


def test_csv_agrees_with_json(capsys: Capsys) -> None:
    found = rows(capsys)
    assert run(["estimate", "--format", "csv"]) == ExitCode.OK
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert len(lines) == 45
    for line, row in zip(lines, found, strict=True):
        verdict = line.pop("verdict_4096")
        assert line == {key: "" if row[key] is None else str(row[key]) for key in line}
        assert isinstance(row["limits"], list)
        assert isinstance(row["limits"][0], dict)
        assert verdict == row["limits"][0]["verdict"]


def test_the_table_fits_80_columns_and_breaks_no_line(capsys: Capsys) -> None:
    run(["estimate"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 45 + 4
    assert max(map(len, lines)) <= 80
    assert "4,683" in lines[6]
    assert "✗ exceeds" in lines[6]


def test_a_sequence_of_pictures_is_weighed_as_a_video_is(
    capsys: Capsys, picture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / f"f_{number}.png").write_bytes(picture.read_bytes())
    one, two = rows(capsys, folder, folder / "f_%d.png")
    assert [row["frames"] for row in (one, two)] == [2, 2]
    assert one["prompt_tokens"] == two["prompt_tokens"]
    assert run(["estimate", str(folder / "g_%d.png")]) != ExitCode.OK
    assert "a numbered sequence of pictures, and there is none" in capsys.readouterr().err


def test_a_video_a_spec_and_a_text_are_weighed(
    capsys: Capsys, counted_clip: Path, picture: Path
) -> None:
    spec = put_spec("dock.json", counted_clip)
    text = put("dusk.txt", PROMPT)
    video, image, dock, dusk = rows(capsys, counted_clip, picture, spec, text)
    assert (video["name"], video["frames"], video["prompt_tokens"]) == ("counted.mp4", 2, 33)
    assert (image["frames"], image["prompt_tokens"]) == (1, 18)
    assert (dock["name"], dock["prompt_tokens"]) == ("dock", 49)
    assert (dusk["width"], dusk["frames"], dusk["prompt_tokens"]) == (None, 0, 19)


def test_a_spec_costs_what_the_dry_run_says_even_if_its_prompt_is_empty(
    capsys: Capsys, counted_clip: Path
) -> None:
    spec = put(
        "empty.json", json.dumps({"id": "p", "prompt": "", "input_video_path": str(counted_clip)})
    )
    (row,) = rows(capsys, spec)
    planned = data(capsys, "--dry-run", "--json", spec)
    assert isinstance(planned, dict)
    assert row["prompt_tokens"] == planned["prompt_tokens"]
    assert row["text_tokens"] == planned["text_tokens"] != 0


def test_the_estimator_that_is_set_decides(capsys: Capsys) -> None:
    run(["config", "set", "upsampling.estimator", "linear"])
    capsys.readouterr()
    (row,) = rows(capsys, "--resolution", "640x480")
    assert isinstance(row["limits"], list)
    assert isinstance(row["limits"][0], dict)
    assert row["limits"][0]["verdict"] == "exceeds"


def test_what_cannot_be_weighed_is_told_and_the_others_go_on(
    capsys: Capsys, counted_clip: Path
) -> None:
    notes = put("notes.md", "no video")
    other = put("other.json", '{"some": "thing"}')
    dock = put_spec("dock.json", "gone.mp4")
    arguments = ["estimate", "gone", notes, other, dock, counted_clip, "--format", "json"]
    assert run([str(argument) for argument in arguments]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert len(json.loads(shown.out)) == 1
    for words in ("gone: there is no such file", "notes.md is not a video", "belong to no format"):
        assert words in shown.err
    assert "dock.json: " in shown.err


def test_a_folder_with_nothing_to_weigh_is_told_and_no_heading_is_printed(capsys: Capsys) -> None:
    Path("empty").mkdir()
    assert run(["estimate", "empty"]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "empty: no prompt spec is in it" in shown.err


@pytest.mark.parametrize(("media", "frames"), [("rgb", 2), ("control", 1), ("both", 3)])
def test_the_command_line_says_which_videos_are_looked_at(
    capsys: Capsys, counted_clip: Path, picture: Path, media: str, frames: int
) -> None:
    spec = {"prompt": PROMPT, "input_video_path": str(counted_clip)}
    file = put("a.json", json.dumps(spec | {"seg": {"input_control": str(picture)}}))
    planned = data(capsys, "--dry-run", "--json", "--media", media, file)
    assert isinstance(planned, dict)
    assert planned["frames"] == frames
    assert planned["video"] == str(picture if media == "control" else counted_clip)
    assert planned["control"] == (str(picture) if media == "both" else None)
    run(["config", "set", "upsampling.media", media])
    capsys.readouterr()
    (row,) = rows(capsys, file)
    assert (row["frames"], row["prompt_tokens"]) == (frames, planned["prompt_tokens"])


def test_fit_prints_the_size_and_narrates_the_cost(capsys: Capsys) -> None:
    assert run(["fit", "1280x720", "--prompt", PROMPT]) == ExitCode.OK
    shown = capsys.readouterr()
    assert shown.out == "910x512\n"
    assert "3,731 prompt tokens of 4,096" in shown.err


def test_fit_tells_the_whole_of_what_the_model_looks_at(capsys: Capsys) -> None:
    assert run(["fit", "4032x3024", "--frames", "1"]) == ExitCode.OK
    shown = capsys.readouterr()
    assert shown.out == "1024x768\n"
    assert "the model looks at no more" in shown.err


def test_fit_tells_what_fits_as_it_is(capsys: Capsys, counted_clip: Path) -> None:
    assert run(["fit", str(counted_clip)]) == ExitCode.OK
    shown = capsys.readouterr()
    assert shown.out == "64x36\n"
    assert "it fits as it is" in shown.err


def test_a_line_of_paths_is_not_parsed_and_says_the_same(capsys: Capsys) -> None:
    """What parses a line takes longer to import than the app to be drawn."""
    said = []
    for line in (["specs/"], ["--box", "local", "specs/"]):
        assert run(line) == ExitCode.USAGE
        said.append(capsys.readouterr().err)
    assert said[0] == said[1]
    program = (
        "import sys; from backend.cli import run; run(['specs/']); print('cyclopts' in sys.modules)"
    )
    shown = subprocess.check_output([sys.executable, "-c", program], stdin=subprocess.DEVNULL)
    assert shown.split() == [b"False"]


@pytest.mark.parametrize("line", [["queue", "list"], ["estimate"], ["./specs", "--dry-run"]])
def test_verbs_and_options_are_parsed(line: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[list[str]] = []

    def note(arguments: list[str], **_: object) -> ExitCode:
        heard.append(arguments)
        return ExitCode.OK

    monkeypatch.setattr("backend.cli.verbs.app", note)
    assert run(line) == ExitCode.OK
    assert heard == [line]


def test_fit_as_json(capsys: Capsys) -> None:
    assert data(capsys, "fit", "1280x720", "--prompt", PROMPT, "--json") == {
        "source": "1280x720",
        "fit": "910x512",
        "frames": 2,
        "prompt_tokens": 3731,
        "limit": 4096,
        "reserve": 300,
        "free": 65,
        "estimated": False,
        "measured": False,
        "measured_tokens": None,
    }


def test_fit_and_estimate_count_a_system_prompt(capsys: Capsys) -> None:
    run(["config", "set", "upsampling.system_prompt", PROMPT])
    capsys.readouterr()
    fitted = data(capsys, "fit", "320x180", "--json")
    (row,) = rows(capsys, "--resolution", "320x180")
    assert isinstance(fitted, dict)
    # Its last full stop and the empty line after it are one token.
    assert fitted["prompt_tokens"] == row["prompt_tokens"] == 507 + 16
    assert row["text_tokens"] == 16


def test_an_estimate_is_marked_where_the_tokenizer_is_not_known(capsys: Capsys) -> None:
    run(["config", "set", "upsampling.profile", "reason1"])
    capsys.readouterr()
    (row,) = rows(capsys, "--resolution", "1280x704")
    assert (row["estimated"], row["vision_tokens"]) == (True, 4 * (46 * 25 + 2))
    run(["estimate", "--resolution", "1280x704"])
    shown = capsys.readouterr().out
    assert "≈" in shown
    assert "prompt: 13 + text" in shown
    run(["fit", "1280x704"])
    assert "about " in capsys.readouterr().err


def test_hint_prints_the_video_that_it_made(capsys: Capsys, counted_clip: Path) -> None:
    assert run(["hint", str(counted_clip), "-o", "hint.mp4"]) == ExitCode.OK
    assert capsys.readouterr().out == "hint.mp4\n"
    assert Path("hint.mp4").stat().st_size > 0
    assert run(["hint", str(counted_clip), "-o", "hint.mp4"]) == ExitCode.USAGE
    assert "--force" in capsys.readouterr().err


def test_hints_of_videos_with_one_name_do_not_replace_each_other(
    capsys: Capsys, counted_clip: Path, uneven_clip: Path
) -> None:
    made = set()
    for name, clip in (("a", counted_clip), ("b", uneven_clip)):
        Path(name).mkdir()
        video = Path(name, "color.mp4")
        video.write_bytes(clip.read_bytes())
        assert run(["hint", str(video)]) == ExitCode.OK
        made.add(capsys.readouterr().out.strip())
    assert len(made) == 2
    assert all(Path(path).is_file() for path in made)


def test_an_image_has_no_hint_video(capsys: Capsys, picture: Path) -> None:
    assert run(["hint", str(picture)]) == ExitCode.USAGE
    assert "is an image" in capsys.readouterr().err
