"""Every path of a result leads to the same file as in its source, at any depth and under any key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.specs.model import Spec
from backend.specs.reading import read_file
from backend.specs.render import OutputFile, Replacement, render


def written(
    folder: Path,
    name: str,
    content: dict[str, object] | list[dict[str, object]],
    entries: tuple[int, ...] = (0,),
) -> list[OutputFile]:
    """What is written into the folder `out` for new prompts of these entries."""
    file = folder / "specs" / name
    file.parent.mkdir(exist_ok=True)
    text = "\n".join(map(json.dumps, content)) if isinstance(content, list) else json.dumps(content)
    file.write_text(text)
    old = {spec.entry: spec.prompt for spec in read_file(file, folder) if isinstance(spec, Spec)}
    new = {entry: Replacement("new", old[entry]) for entry in entries}
    return list(render(file, new, folder / "out" / name))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "specs" / "masks").mkdir(parents=True)
    for name in ("clip.mp4", "mask.mp4", "masks/m.bin", "a.txt", "data.json"):
        (tmp_path / "specs" / name).write_text("a car")
    return tmp_path


@pytest.mark.parametrize("name", ["f_%04d.png", "$F4.exr", "${F}.exr", "f.####.exr", "frames"])
def test_a_sequence_of_pictures_is_moved_as_a_video_is(folder: Path, name: str) -> None:
    (out,) = written(folder, "s.json", {"prompt": "a", "video_path": name, "edge": {}})
    assert json.loads(out.text)["video_path"] == f"../specs/{name}"


def test_paths_under_any_key_at_any_depth_are_moved(folder: Path) -> None:
    before: dict[str, object] = {
        "name": "clip.mp4",
        "prompt": "masks/m.bin",
        "video_path": "clip.mp4",
        "guided_generation_mask": "mask.mp4",
        "front_wide": {"input_path": "gone.mp4", "control_path": "..\\far.mp4"},
        "list": ["mask.mp4", {"deep": "masks/m.bin"}, "no.file", 7],
        "extra": {"golden": "data.json", "id": "data.json"},
        "resolution": "720",
    }
    (out,) = written(folder, "s.json", before)
    assert json.loads(out.text) == {
        **before,
        "prompt": "new",
        "video_path": "../specs/clip.mp4",
        "guided_generation_mask": "../specs/mask.mp4",
        "front_wide": {"input_path": "../specs/gone.mp4", "control_path": "../far.mp4"},
        "list": ["../specs/mask.mp4", {"deep": "../specs/masks/m.bin"}, "no.file", 7],
        "extra": {"golden": "../specs/data.json", "id": "data.json"},
    }


@pytest.mark.parametrize(
    "stays",
    ["/abs/v.mp4", "C:\\v.mp4", "https://host/v.mp4", "s3://b/v.mp4", "~/v.mp4", "$D/v.mp4"],
)
def test_what_is_no_relative_path_stays(folder: Path, stays: str) -> None:
    (out,) = written(
        folder, "s.json", {"model_mode": "video2video", "prompt": "p", "vision_path": stays}
    )
    assert json.loads(out.text)["vision_path"] == stays


def test_entries_without_a_new_prompt_have_their_paths_moved_too(folder: Path) -> None:
    line: dict[str, object] = {"prompt_path": "a.txt", "video_path": "clip.mp4", "seg": {}}
    spec, prompt = written(folder, "s.jsonl", [line, line], (1,))
    first, second = map(json.loads, spec.text.split("\n"))
    assert first == {**first, "prompt_path": "../specs/a.txt", "video_path": "../specs/clip.mp4"}
    assert second == {**first, "prompt_path": "s-2.txt"}
    assert (prompt.path, prompt.text) == (folder / "out" / "s-2.txt", "new")


def test_samples_have_their_paths_moved_and_prompts_of_their_own(folder: Path) -> None:
    sample: dict[str, object] = {"prompt_path": "a.txt", "input_path": "clip.mp4"}
    before: dict[str, object] = {"samples": {"a": sample, "b": {**sample}}, "mask": "mask.mp4"}
    spec, *prompts = written(folder, "s.json", before, (0, 1))
    after = json.loads(spec.text)
    assert after["mask"] == "../specs/mask.mp4"
    assert [after["samples"][name]["prompt_path"] for name in "ab"] == ["s-1.txt", "s-2.txt"]
    assert [prompt.path.name for prompt in prompts] == ["s-1.txt", "s-2.txt"]
    assert {each["input_path"] for each in after["samples"].values()} == {"../specs/clip.mp4"}


def test_a_prompt_in_a_json_file_is_written_as_text_beside_the_result(folder: Path) -> None:
    (folder / "specs" / "data.json").write_text('{"prompt": "a car"}')
    spec, prompt = written(folder, "s.json", {"prompt_path": "data.json", "video_path": "clip.mp4"})
    assert json.loads(spec.text)["prompt_path"] == "s.txt"
    assert (prompt.path.name, prompt.text) == ("s.txt", "new\n")


def test_a_missing_prompt_that_was_made_of_a_video_is_added(folder: Path) -> None:
    (out,) = written(folder, "s.jsonl", [{"visual_input": "clip.mp4"}])
    assert json.loads(out.text) == {"visual_input": "clip.mp4", "prompt": "new"}


def test_nothing_is_added_to_a_cosmos3_spec(folder: Path) -> None:
    before: dict[str, object] = {
        "model_mode": "text2video",
        "prompt": "p",
        "extra": {"prompt": "q"},
    }
    (out,) = written(folder, "s.json", before)
    assert json.loads(out.text) == {**before, "prompt": "new"}


def test_the_upsampled_prompt_of_cosmos3_is_replaced_and_its_short_one_stays(folder: Path) -> None:
    before: dict[str, object] = {
        "model_mode": "text2video",
        "prompt": '{"a": 1}',
        "extra": {"prompt": "q"},
    }
    (out,) = written(folder, "s.json", before)
    assert json.loads(out.text) == {**before, "prompt": "new"}
