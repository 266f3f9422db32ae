"""A dry run shows what a batch would send, and what it costs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from backend.cli import run
from backend.commands import exact_counts
from backend.config import user_file
from backend.errors import BoxUnreachable
from backend.exit_codes import ExitCode
from backend.store import default_path
from backend.video import Video, probe, video_index
from tests.backend.commands.running_commands import Capsys, data, put, put_spec

pytestmark = pytest.mark.usefixtures("folder")


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
