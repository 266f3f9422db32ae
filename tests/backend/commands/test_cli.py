"""The command line: what goes to stdout, what it exits with, and how soon."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import IO

import pytest

from backend import __version__
from backend.cli import run
from backend.commands import exact_counts
from backend.commands import upsample as upsample_command
from backend.config import user_file
from backend.errors import BoxUnreachable, BoxUntrusted
from backend.events import Event, JobDone
from backend.exit_codes import ExitCode
from backend.results.review import deliver
from backend.results.writing import is_own_result
from backend.store import Job, State, Store, Written, default_path
from backend.store.decision import Decision
from backend.video import Video, probe, video_index
from remote.protocol import Json
from tests.support.finished_jobs import Finisher
from tests.support.queued_jobs import new_job

RunFfmpeg = Callable[..., None]
BY_SKETCH = (
    "The engine sketch wrote 1 from what it measured in the frames; it is no language model. "
    "`upsample box add` sets up a box with one."
)
Capsys = pytest.CaptureFixture[str]

PROMPT = "a robotic arm hand over a coffee cup to a woman in a modern office."
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; 80 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def put(name: str, text: str) -> Path:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def put_spec(name: str, video: Path | str, prompt: str = PROMPT) -> Path:
    spec = {"prompt": prompt, "input_video_path": str(video), "edge": {"control_weight": 1.0}}
    return put(name, json.dumps(spec))


def data(capsys: Capsys, *arguments: str | Path) -> Json:
    """The JSON that a command prints."""
    assert run([str(argument) for argument in arguments]) == ExitCode.OK
    value: Json = json.loads(capsys.readouterr().out)
    return value


def rows(capsys: Capsys, *arguments: str | Path) -> list[dict[str, Json]]:
    value = data(capsys, "estimate", *arguments, "--format", "json")
    assert isinstance(value, list)
    return [row for row in value if isinstance(row, dict)]


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a fresh interpreter that finds what this one finds."""
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": path} | environment,
    )


MAIN = "from backend.cli import main; main()"


# --- version, help and mistakes ------------------------------------------------------------------


def test_the_version_is_data(capsys: Capsys) -> None:
    assert run(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    "command",
    [
        "",
        "estimate",
        "fit",
        "hint",
        "config",
        "config set",
        "queue",
        "queue list",
        "queue cancel",
        "queue retry",
        "queue clear",
        "demo",
    ],
)
def test_help_fits_80_columns(capsys: Capsys, command: str) -> None:
    assert run([*command.split(), "--help"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: upsample {command}".rstrip())
    assert max(map(len, text.splitlines())) <= 80
    assert "default: False" not in text
    assert "default: ()" not in text


def test_help_names_the_commands_and_options(capsys: Capsys) -> None:
    run(["--help"])
    text = capsys.readouterr().out
    for word in ("estimate", "fit", "hint", "config", "queue", "demo", "--no-ui", "--save-dir"):
        assert word in text
    for word in ("[default: outputs]", "[default: 1]", "[default: 0]"):
        assert word in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["--colour"],
        ["fit"],
        ["fit", "640x480", "--frames", "two"],
        ["fit", "nothing.mp4"],
        ["fit", "640x480", "--frames", "0"],
        ["fit", "640x480", "--frames", "-1"],
        ["estimate", "--resolution", "big"],
        ["estimate", "--frames", "0"],
        ["estimate", "--max-model-len", "0"],
        ["estimate", "--format", "xml"],
        ["hint", "nothing.mp4"],
        ["config", "get", "upsampling.colour"],
        ["config", "set", "upsampling.max_tokens", "few"],
        ["config", "set", "box", "nowhere"],
        ["--no-ui", "nothing"],
        ["--no-ui", "--box", "nowhere"],
        ["--no-ui", "--candidates", "0"],
        ["--no-ui", "--candidates", "100"],
        ["--no-ui", "--num-frames", "0"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_told_on_stderr_and_exits_with_2(capsys: Capsys, arguments: list[str]) -> None:
    assert run(arguments) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err
    assert "Traceback" not in shown.err


def test_a_mistake_in_the_config_exits_with_2_and_names_the_file(capsys: Capsys) -> None:
    put("config.toml", "[upsampling]\nmax_token = 1\n")
    assert run(["fit", "640x480"]) == ExitCode.USAGE
    assert "config.toml: upsampling.max_token is no setting" in capsys.readouterr().err


def test_the_app_needs_a_terminal(capsys: Capsys) -> None:
    assert run([]) == ExitCode.USAGE
    assert "--no-ui" in capsys.readouterr().err


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: Sequence[str], **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backend.cli.verbs.app", interrupted)
    assert run(["queue", "list"]) == ExitCode.INTERRUPTED


# --- estimate ------------------------------------------------------------------------------------


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


# --- fit and hint --------------------------------------------------------------------------------


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


def test_profiles_are_listed_with_ones_own(capsys: Capsys) -> None:
    folder = user_file().parent / "profiles"
    folder.mkdir(parents=True)
    shipped = resources.files("backend.config.profiles").joinpath("generic.toml").read_text("utf-8")
    (folder / "mine.toml").write_text(shipped)
    listed = data(capsys, "config", "profiles", "--json")
    assert isinstance(listed, list)
    by_name = {row["name"]: row for row in listed if isinstance(row, dict)}
    assert {"cosmos3", "generic", "transfer1"} < by_name.keys()
    assert list(by_name)[-1] == "mine"
    assert (by_name["reason1"]["family"], by_name["reason1"]["source"]) == ("qwen2-vl", "shipped")
    assert (by_name["mine"]["family"], by_name["mine"]["source"]) == (
        "other", str(folder / "mine.toml"),
    )  # fmt: skip
    assert [name for name, row in by_name.items() if row["chosen"]] == ["cosmos3", "transfer1"]
    assert (by_name["cosmos3"]["fits"], by_name["cosmos3"]["auto"]) == (["cosmos3"], ["cosmos3"])
    assert (by_name["transfer1"]["auto"], by_name["reason1"]["auto"]) == (["*"], [])


def test_the_profiles_that_auto_takes_are_marked_ones_own_first(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = user_file().parent / "profiles"
    folder.mkdir(parents=True)
    shipped = resources.files("backend.config.profiles").joinpath("generic.toml").read_text("utf-8")
    (folder / "mine.toml").write_text('fits = ["cosmos3"]\n' + shipped)
    listed = data(capsys, "config", "profiles", "--json")
    assert isinstance(listed, list)
    rows = [row for row in listed if isinstance(row, dict)]
    assert [row["name"] for row in rows if row["chosen"]] == ["transfer1", "mine"]
    assert [row["name"] for row in rows if row["fits"]] == ["cosmos3", "mine"]
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["config", "profiles"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "cosmos3 (auto)" in next(it for it in shown.splitlines() if it.startswith("mine"))
    assert "the rest (auto)" in shown


def test_a_broken_profile_is_told_and_the_others_are_listed(capsys: Capsys) -> None:
    folder = user_file().parent / "profiles"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("[vision]\nfamily = 3\n")
    assert run(["config", "profiles"]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert "reason1" in shown.out
    assert "mine.toml: description is missing" in shown.err
    assert max(map(len, shown.out.splitlines())) <= 80


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


# --- config --------------------------------------------------------------------------------------


@pytest.mark.parametrize("boxes", ["nowhere", '["local", "nowhere"]'])
def test_a_box_that_is_not_there_is_not_chosen(capsys: Capsys, boxes: str) -> None:
    assert run(["config", "set", "box", boxes]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert "no box is named 'nowhere'; there are: local" in told
    assert "config set box NAME. Or add it: upsample box add nowhere" in told
    assert run(["config", "set", "box", "all"]) == ExitCode.OK


def test_what_is_set_is_what_one_gets(capsys: Capsys) -> None:
    assert run(["config", "set", "upsampling.max_tokens", "8192"]) == ExitCode.OK
    assert str(user_file()) in capsys.readouterr().err
    assert data(capsys, "config", "get", "upsampling.max_tokens") == 8192
    assert run(["config", "get", "box"]) == ExitCode.OK
    assert capsys.readouterr().out == "local\n"


def test_a_long_value_is_shown_on_one_line(capsys: Capsys) -> None:
    model = "/models" * 30
    run(["config", "set", "boxes.h100.model", model])
    capsys.readouterr()
    run(["config", "get", "boxes.h100.model"])
    assert capsys.readouterr().out == f"{model}\n"
    run(["config", "show"])
    assert f'model = "{model}"\n' in capsys.readouterr().out


def test_config_show_can_be_read_back(capsys: Capsys) -> None:
    before = data(capsys, "config", "show", "--json")
    run(["config", "show"])
    put(str(user_file()), capsys.readouterr().out)
    assert data(capsys, "config", "show", "--json") == before


@pytest.mark.parametrize(
    ("editor", "code", "made"),
    [
        ("true", ExitCode.OK, True),
        ("false", ExitCode.USAGE, True),
        ("'", ExitCode.USAGE, False),
    ],
)
def test_an_editor_that_does_not_work_is_told(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch, editor: str, code: ExitCode, made: bool
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    assert run(["config", "edit"]) == code
    assert user_file().is_file() is made


def test_the_paths_are_told_the_strongest_first(capsys: Capsys, folder: Path) -> None:
    assert run(["config", "path"]) == ExitCode.OK
    assert capsys.readouterr().out.splitlines() == [str(folder / "config.toml"), str(user_file())]


# --- dry run, queue ------------------------------------------------------------------------------


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(
    capsys: Capsys, counted_clip: Path
) -> None:
    spec = put_spec("dock.json", counted_clip)
    planned = data(capsys, "--dry-run", "--json", spec)
    assert isinstance(planned, dict)
    assert (planned["size_sent"], planned["frames"], planned["prompt_tokens"]) == ("64x36", 2, 49)
    assert not Path("outputs").exists()
    assert not default_path().exists()


@pytest.mark.parametrize("line", [["--dry-run", "--json"], ["estimate", "--format", "json"]])
def test_a_video_is_opened_once_however_often_it_is_asked_for(
    capsys: Capsys, counted_clip: Path, monkeypatch: pytest.MonkeyPatch, line: list[str]
) -> None:
    clip = Path("clip.mp4")
    clip.write_bytes(counted_clip.read_bytes())
    os.utime(clip, (1e9, 1e9))  # what was written just now is looked at anew
    put_spec("a.json", clip)
    put_spec("b.json", clip)
    opened: list[Path] = []

    def open_it(path: Path) -> Video:
        opened.append(path)
        return probe(path)

    monkeypatch.setattr(video_index, "probe", open_it)
    said = set()
    for _ in range(2):
        assert run([*line, "a.json", "b.json"]) == ExitCode.OK
        said.add(capsys.readouterr().out)
    assert (len(opened), len(said)) == (1, 1)


def test_a_dry_run_tells_how_frames_are_chosen(
    capsys: Capsys, counted_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = put_spec("dock.json", counted_clip)
    monkeypatch.setenv("UPSAMPLE_FRAME_SAMPLING", "keyframes")
    planned = data(capsys, "--dry-run", "--json", spec)
    assert isinstance(planned, dict)
    assert planned["frame_sampling"] == "keyframes"
    assert run(["--dry-run", str(spec)]) == ExitCode.OK
    assert "a video that has fewer shows fewer" in capsys.readouterr().err


def test_a_dry_run_shows_the_profile_of_each_spec_where_another_than_the_usual_one_is_taken(
    capsys: Capsys,
) -> None:
    put("a.json", '{"model_mode": "text2video", "prompt": "tea"}')
    put("b.txt", "a red car")
    assert run(["--dry-run", "a.json", "b.txt"]) == ExitCode.OK
    assert "transfer1" not in capsys.readouterr().out
    planned = data(capsys, "--dry-run", "--json", "a.json")
    assert isinstance(planned, dict)
    assert (planned["profile"], planned["mode"]) == ("transfer1", "text2video")
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text('box = "gpu"\n[boxes.gpu]\nhost = "gpu"\nengine = "openai"\n')
    assert run(["--dry-run", "a.json", "b.txt"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["name", "profile"], ["a", "cosmos3"], ["b", "transfer1"],
    ]  # fmt: skip


def test_a_dry_run_that_is_to_be_exact_says_why_it_is_not(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("b.txt", "a red car")
    monkeypatch.setenv("UPSAMPLE_PROFILE", "reason1")
    told: list[int | None] = [None]

    async def count(_box: object, _asker: object, texts: list[object]) -> list[int | None]:
        if not told:
            raise BoxUnreachable("the box is down")
        return told[: len(texts)]

    monkeypatch.setattr(exact_counts, "count_on_box", count)
    cases: list[list[int | None]] = [[None], [240], []]
    words = ["the model server of local counted 0 of 1 texts", "", "the box is down"]
    for tokens, said in zip(cases, words, strict=True):
        told[:] = tokens
        assert run(["--dry-run", "--exact", "--json", "b.txt"]) == ExitCode.OK
        shown = capsys.readouterr()
        planned = json.loads(shown.out)
        assert (planned["estimated"], planned["prompt_tokens"] == 240) == (bool(said), not said)
        assert said in shown.err


def test_a_dry_run_that_would_refuse_exits_with_1(capsys: Capsys) -> None:
    spec = put_spec("dock.json", "gone.mp4")
    assert run(["--dry-run", str(spec)]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert "gone.mp4 does not exist" in shown.out
    assert "1 prompt, 1 refused; nothing was sent." in shown.err


def test_a_batch_in_which_all_is_left_alone_exits_with_0(capsys: Capsys) -> None:
    put("template.json", '{"input_video_path": "v.mp4", "depth": {"control_weight": 0.9}}')
    put("done.json", '{"prompt": "{\\"subjects\\": []}"}')
    put("requirements.txt", "numpy==1.26.4\n")
    put("far.json", "version https://git-lfs.github.com/spec/v1\nsize 671\n")
    for arguments in (["--dry-run", "."], ["--no-ui", "."]):
        assert run(arguments) == ExitCode.OK
        told = capsys.readouterr().err
        assert "template.json: skipped, a template: it has no prompt" in told
        assert "done.json: skipped, its prompt is upsampled already: it is a JSON object" in told
        assert "requirements.txt: skipped, a list of packages, not a prompt" in told
        assert "far.json: skipped, a Git LFS pointer" in told
    assert isinstance(data(capsys, "--dry-run", "--json", "--include-upsampled", "."), dict)
    put("broken.json", "{")
    assert run(["--no-ui", "."]) == ExitCode.USAGE


def test_the_columns_of_a_table_can_be_named(capsys: Capsys) -> None:
    put("t.csv", "Kurztext;Jahr\na red car;1967\n")
    for named, code in (("t.csv", ExitCode.USAGE), (".", ExitCode.OK)):
        assert run(["--dry-run", named]) == code
        assert "t.csv: skipped, no table of prompts" in capsys.readouterr().err
    assert run(["--dry-run", "t.csv", "--columns", "prompt=Kurztext,id=Jahr"]) == ExitCode.OK
    assert "1967" in capsys.readouterr().out
    assert run(["t.csv", "--columns", "prompt=Kurztext"]) == ExitCode.USAGE
    assert "the app needs a terminal" in capsys.readouterr().err
    for batch in ([], ["--no-ui"]):
        assert run([*batch, "t.csv", "--columns", "words=Kurztext"]) == ExitCode.USAGE
        assert "--columns does not understand" in capsys.readouterr().err


def test_an_empty_queue_is_told(capsys: Capsys) -> None:
    assert run(["queue", "list"]) == ExitCode.OK
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "The queue is empty.\n")


# --- upsampling, with a dispatcher that only pretends ---------------------------------------------


class Pretender:
    """Stands in for the dispatcher: ends every job, or raises what it was told to."""

    trouble: Exception | None = None

    def __init__(
        self,
        store: Store,
        box: object,
        asker: object,
        watch: Callable[[Event], None],
        *,
        force: bool,
        hand_over: bool = False,
        fetcher: object = None,
        alone: bool = True,
        member: object = None,
    ) -> None:
        self.store, self.watch = store, watch

    async def run(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if self.trouble is not None:
                raise self.trouble
            self.store.set_state(job.number, State.DONE)
            self.watch(JobDone(job.number, job.name, "long", "stop", "sketch", 0.1, None, None))


@pytest.fixture
def pretender(monkeypatch: pytest.MonkeyPatch) -> type[Pretender]:
    monkeypatch.setattr(upsample_command, "Dispatcher", Pretender)
    monkeypatch.setattr(Pretender, "trouble", None)
    return Pretender


def queued(capsys: Capsys) -> list[str]:
    run(["queue", "list", "--all", "--json"])
    lines = capsys.readouterr().out.splitlines()
    return [f"{json.loads(line)['name']} {json.loads(line)['state']}" for line in lines]


@pytest.mark.usefixtures("pretender")
def test_a_run_warns_of_a_video_that_is_found_from_another_folder(
    capsys: Capsys, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("specs/c.mp4", "")
    put_spec("specs/a.json", "specs/c.mp4")
    monkeypatch.chdir(folder / "specs")
    run(["--no-ui", "a.json"])
    told = f"! a: a video does not exist; it is there when upsample is started in {folder}\n"
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("pretender")
def test_all_done_exits_with_0(capsys: Capsys, counted_clip: Path) -> None:
    spec = put_spec("dock.json", counted_clip)
    assert run(["--no-ui", str(spec)]) == ExitCode.OK
    assert capsys.readouterr().err.splitlines() == ["1 done.", BY_SKETCH]
    assert queued(capsys) == ["dock done"]


@pytest.mark.parametrize("trouble", [BoxUnreachable("no route"), BoxUntrusted("another key")])
def test_a_box_that_cannot_be_used_exits_with_3_and_tells_what_stays(
    capsys: Capsys, counted_clip: Path, pretender: type[Pretender], trouble: Exception
) -> None:
    pretender.trouble = trouble
    assert run(["--no-ui", str(put_spec("dock.json", counted_clip))]) == ExitCode.BOX
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "1 queued."
    assert said[1].startswith("1 stays in the queue")
    assert said[2] == f"upsample: {trouble}"


def test_without_paths_the_queue_goes_on_and_json_is_heeded(
    capsys: Capsys, counted_clip: Path, pretender: type[Pretender]
) -> None:
    pretender.trouble = BoxUnreachable("no route")
    run(["--no-ui", str(put_spec("dock.json", counted_clip))])
    pretender.trouble = None
    capsys.readouterr()
    event = data(capsys, "--no-ui", "--json")
    assert isinstance(event, dict)
    assert (event["type"], event["name"]) == ("done", "dock")


@pytest.mark.parametrize(
    "option",
    [
        "--save-dir=x",
        "--save-dir=outputs",
        "--seed=3",
        "--candidates=2",
        "--num-frames=1",
        "--max-resolution=480",
        "--resize=off",
        "--media=both",
        "--filter=rain",
        "--ignore-budget",
        "--review",
    ],
)
def test_an_option_that_cannot_change_what_is_queued_is_bad_usage(
    capsys: Capsys, option: str
) -> None:
    assert run(["--no-ui", option]) == ExitCode.USAGE
    assert f"{option.partition('=')[0]} cannot change what is queued" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spec", "started_in", "told"),
    [
        ({"input_video_path": "specs/c.mp4", "edge": {}}, "specs", "started in {root}."),
        ({"video_path": "specs/c.mp4", "edge": {}}, "", "It is at {root}/specs/c.mp4: "),
        ({"video_path": "specs/c.mp4", "edge": {}}, "", "so write c.mp4."),
        ({"input_video_path": "specs/d.mp4", "edge": {}}, "specs", "Check the path"),
        ({"video_path": "specs/d.mp4", "edge": {}}, "specs", "Check the path"),
    ],
)
def test_a_video_that_is_found_from_another_folder_is_told_with_that(
    capsys: Capsys, folder: Path, spec: dict[str, Json], started_in: str, told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (folder / "specs").mkdir()
    put("specs/c.mp4", "")
    file = folder / put("specs/a.json", json.dumps({"prompt": "a car"} | spec))
    monkeypatch.chdir(folder / started_in)
    assert run(["--dry-run", os.path.relpath(file)]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr().out
    assert "does not exist" in shown
    assert told.format(root=folder) in shown.splitlines()[-1]


def test_a_dry_run_of_nothing_is_bad_usage(capsys: Capsys) -> None:
    assert run(["--no-ui", "--dry-run"]) == ExitCode.USAGE
    assert "upsample queue list" in capsys.readouterr().err


def test_what_is_paused_is_not_sent_by_going_on_and_said(
    capsys: Capsys, counted_clip: Path
) -> None:
    with closing(Store(default_path())) as store:
        store.queue([new_job()])
        store.set_state(1, State.PAUSED)
        assert run(["--no-ui"]) == ExitCode.OK
        assert "Paused: 1." in capsys.readouterr().err
        assert store.jobs()[0].state is State.PAUSED


@pytest.mark.usefixtures("pretender")
def test_a_result_that_never_became_a_file_is_taken_up_again(
    capsys: Capsys, counted_clip: Path
) -> None:
    # A crash between the answer and the file: the job is done, and nothing was written.
    run(["--no-ui", str(put_spec("dock.json", counted_clip))])
    capsys.readouterr()
    run(["--no-ui"])
    assert "1 done." in capsys.readouterr().err


# --- results that a killed run left unwritten, with the real dispatcher ----------------------------


@pytest.fixture
def retried(folder: Path) -> Path:
    """The file of a batch of two. It was written when one job had failed; then that one was tried again,
    answered, and the program was killed before it wrote the file again."""
    file = put("batch.txt", "dusk\ndawn\n").absolute()
    with closing(Store(default_path())) as store:
        finisher = Finisher(store, folder / "outputs")
        dusk, dawn = finisher.queue(file, review=False)
        finisher.answer([dusk], ["A long dusk."])
        store.set_state(dawn.number, State.FAILED, "the model server failed")
        deliver(store, dusk.destination)
        assert dusk.destination.read_text() == "A long dusk.\ndawn\n"
        finisher.answer(store.queue([dawn]), ["A long dawn."])
    return dusk.destination


def test_a_result_that_did_not_reach_its_written_file_is_written_by_going_on(
    capsys: Capsys, retried: Path
) -> None:
    assert run(["--no-ui"]) == ExitCode.OK
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (f"{retried}\n", "1 done.\n")
    assert retried.read_text() == "A long dusk.\nA long dawn.\n"
    assert run(["--no-ui"]) == ExitCode.OK
    assert "Nothing is left to do on local." in capsys.readouterr().err


def test_a_result_for_a_file_that_the_user_changed_is_told_and_not_written_until_it_is_forced(
    capsys: Capsys, retried: Path
) -> None:
    retried.write_text("mine")
    for _ in range(2):
        assert run(["--no-ui"]) == ExitCode.SOME_FAILED
        shown = capsys.readouterr()
        assert "not a result that was left as it was written" in shown.err
        assert "Nothing is left" not in shown.err
        assert retried.read_text() == "mine"
    assert run(["--no-ui", "--force"]) == ExitCode.OK
    assert retried.read_text() == "A long dusk.\nA long dawn.\n"


def test_an_accepted_candidate_that_did_not_reach_its_file_is_written_or_its_file_is_named(
    capsys: Capsys, folder: Path
) -> None:
    with closing(Store(default_path())) as store:
        finisher = Finisher(store, folder / "outputs")
        jobs = finisher.finish(put("dusk.txt", "dusk\n").absolute(), review=False, candidates=2)
        for job in jobs:
            deliver(store, job.destination)
        store.note_decision(jobs[1].number, Decision.ACCEPTED)  # killed before it wrote the file
    result = put("outputs/dusk.txt", "mine")
    assert run(["--no-ui"]) == ExitCode.SOME_FAILED
    assert "dusk.txt exists already" in " ".join(capsys.readouterr().err.split())
    result.unlink()
    assert run(["--no-ui"]) == ExitCode.OK
    assert result.read_text() == "A long, warm dusk over the docks.\n"


def test_a_result_that_a_box_without_work_left_unwritten_is_named(
    capsys: Capsys, retried: Path
) -> None:
    with closing(sqlite3.connect(default_path())) as db:
        db.execute("UPDATE jobs SET box = 'h100'")
        db.commit()
    assert run(["--no-ui"]) == ExitCode.OK
    assert "There is work left on h100: upsample --no-ui --box h100" in capsys.readouterr().err


def test_neither_a_result_that_did_not_reach_its_file_is_cleared_nor_the_others_of_the_file(
    capsys: Capsys, retried: Path
) -> None:
    assert run(["queue", "clear"]) == ExitCode.OK
    shown = " ".join(capsys.readouterr().out.split())
    assert "kept: its result was never written" in shown
    assert "kept: other results for" in shown
    assert queued(capsys) == ["batch-1 done", "batch-2 done"]
    assert run(["--no-ui"]) == ExitCode.OK
    assert retried.read_text() == "A long dusk.\nA long dawn.\n"


# --- what counts as a result of ours ----------------------------------------------------------------


@pytest.mark.usefixtures("pretender")
def test_a_result_of_ours_is_not_upsampled_again_unless_it_is_forced(
    capsys: Capsys, counted_clip: Path
) -> None:
    put_spec("dock.json", counted_clip)
    result = put_spec("outputs/dock.json", counted_clip, "a long prompt").absolute()
    digest = hashlib.sha256(result.read_bytes()).hexdigest()
    store = Store(default_path())
    store.note_written({result: Written(digest, Path("dock.json").absolute())})
    assert is_own_result(store, result)
    store.close()
    run(["--no-ui", ".", "--save-dir", "new"])
    assert "outputs/dock.json: skipped, it is a result of upsample" in capsys.readouterr().err
    assert queued(capsys) == ["dock done"]
    run(["--no-ui", ".", "--save-dir", "new", "--force"])
    capsys.readouterr()
    assert len(queued(capsys)) == 2


@pytest.mark.usefixtures("pretender")
def test_a_file_that_may_not_be_replaced_is_refused_before_any_work(
    capsys: Capsys, counted_clip: Path
) -> None:
    specs = [str(put_spec(f"{name}.json", counted_clip)) for name in "ab"]
    put("outputs/a.json", "mine")
    assert run(["--no-ui", *specs]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert "a.json exists already" in shown.err
    assert "1 done, 1 refused." in shown.err
    assert queued(capsys) == ["b done"]


# --- terminals and pipes -------------------------------------------------------------------------


def test_no_color_gives_no_colours(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch, counted_clip: Path
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    for arguments in (["estimate"], ["--dry-run", str(put_spec("a.json", "x.mp4"))], ["fit", "?"]):
        run(arguments)
        shown = capsys.readouterr()
        assert re.search(r"\x1b\[[0-9;]*3[0-9]", shown.out + shown.err) is None


@pytest.mark.parametrize("style", ["table", "csv", "json"])
def test_control_characters_in_names_are_shown_harmlessly(
    capsys: Capsys, counted_clip: Path, style: str
) -> None:
    put("nasty.json", json.dumps([
        {"name": "a\x1b[2J[/x]", "prompt": "p", "video_path": str(counted_clip), "spec_id": "ps_1"},
        {"name": "b", "prompt": "p", "video_path": "gone\x1b[2J.mp4", "spec_id": "ps_2"},
    ]))  # fmt: skip
    Path("nasty.json").rename("na\x07sty.json")
    run(["estimate", "na\x07sty.json", "--format", style])
    run(["--dry-run", "na\x07sty.json"])
    run(["fit", "gone\x1b[2J.mp4"])
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "\x07" not in shown.out + shown.err
    assert "[/x]" in shown.out


@pytest.mark.parametrize(
    "arguments", [["estimate"], ["estimate", "--format", "json"], ["config", "show"], ["--help"]]
)
def test_a_reader_that_has_enough_ends_the_command(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = with_streams(arguments, stdout=closed, stderr=subprocess.PIPE)
    assert done.stderr == b"upsample: nobody reads stdout any more\n"
    assert done.returncode == ExitCode.OUTPUT


def with_streams(
    arguments: Sequence[str], *, stdout: int | IO[bytes], stderr: int | IO[bytes]
) -> subprocess.CompletedProcess[bytes]:
    """Run a command line whose output goes there."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        stdout=stdout,
        stderr=stderr,
        timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
    )


def test_output_on_a_full_disk_is_told_in_one_line_and_by_the_exit_code() -> None:
    put("a.txt", "A car.\n")
    arguments = ["--dry-run", "a.txt"]
    full = "cannot be written: No space left on device"
    with Path("/dev/full").open("wb") as disk:
        told = with_streams(arguments, stdout=disk, stderr=subprocess.PIPE)
        shown = with_streams(arguments, stdout=subprocess.PIPE, stderr=disk)
    assert told.stderr.decode() == f"upsample: stdout {full}\n"
    assert shown.stdout.decode().endswith(f" fits \nupsample: stderr {full}\n")
    assert told.returncode == shown.returncode == ExitCode.OUTPUT


def test_a_mistake_keeps_its_exit_code_when_nothing_can_be_said_at_all() -> None:
    with Path("/dev/full").open("wb") as disk:
        mute = with_streams(["nosuch.json", "--no-ui"], stdout=disk, stderr=disk)
    assert mute.returncode == ExitCode.USAGE


def test_a_terminal_that_lacks_a_character_gets_an_escape_for_it() -> None:
    done = python(MAIN, "estimate", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2717 exceeds" in done.stdout


# --- the cold start ------------------------------------------------------------------------------

SLOW = ["av", "textual", "asyncssh", "mistral_common", "tiktoken", "numpy", "pydantic"]
SLOW += ["remote.protocol", "backend.tokens"]


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_nothing_slow(option: str) -> None:
    done = python(
        "import sys; from backend.cli import run; run([sys.argv[1]])\n"
        f"print([name for name in {SLOW} if name in sys.modules], file=sys.stderr)",
        option,
    )
    assert done.stderr == "[]\n"


NOT_FOR_SPECS = [
    "asyncssh",
    "av",
    "jsonschema",
    "PIL",
    "tiktoken",
    "backend.dispatch",
    "backend.results.lints",
]
NOT_FOR_SPECS += ["backend.results.writing", "backend.store.tables", "tui.review", "tui.settings"]


def test_the_page_of_specs_is_drawn_without_what_other_pages_and_runs_need() -> None:
    done = python(
        "import sys; sys.modules['textual_image'] = None\n"
        "import backend.commands.open_app, tui.shell.opening, tui.specs.screen\n"
        f"print([name for name in {NOT_FOR_SPECS} if name in sys.modules])"
    )
    assert done.stdout == "[]\n"


NOT_IMPORTED = ("__main__", "ray.driver", "ray.replica")
"""Programs of their own; the last two run where Ray is installed."""


def test_backend_imports_no_screen_and_remote_nothing_of_ours() -> None:
    every_module = (
        "import importlib, pkgutil, sys\n"
        "room = importlib.import_module(sys.argv[1])\n"
        "for module in pkgutil.walk_packages(room.__path__, sys.argv[1] + '.'):\n"
        f"    if not module.name.endswith({NOT_IMPORTED}): importlib.import_module(module.name)\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}\n"
        "    & {'textual', 'tui', 'backend', 'remote'}))\n"
    )
    assert python(every_module, "backend").stdout == "['backend', 'remote']\n"
    assert python(every_module, "remote").stdout == "['remote']\n"


def test_a_dry_run_tells_what_a_batch_costs_at_most_where_the_box_has_prices(
    capsys: Capsys,
) -> None:
    Path("prompts.txt").write_text("a harbour at dusk\n")
    free = data(capsys, "--dry-run", "--json", "prompts.txt")
    assert isinstance(free, dict)
    assert free["most_cost"] is None
    for key, value in (
        ("boxes.net.engine", "openai"),
        ("box", "net"),
        ("boxes.net.openai.price_in", "1"),
        ("boxes.net.openai.price_out", "2.5"),
    ):
        assert run(["config", "set", key, value]) == ExitCode.OK
    capsys.readouterr()
    planned = data(capsys, "--dry-run", "--json", "--candidates", "2", "prompts.txt")
    assert isinstance(planned, dict)
    tokens = planned["prompt_tokens"]
    assert isinstance(tokens, int)
    assert planned["most_cost"] == pytest.approx(2 * (tokens + 2.5 * 300) / 1e6)
    assert run(["--dry-run", "prompts.txt"]) == ExitCode.OK
    assert "costs at most 0.0008 for 1 request" in " ".join(capsys.readouterr().err.split())
