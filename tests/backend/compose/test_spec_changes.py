"""A prompt is edited in its place and a spec copied; nothing else changes, and both can be undone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.compose.changes import Changed, duplicate, edit_prompt, why_not_edited
from backend.compose.record import latest_record, undo
from backend.errors import InputError
from backend.specs.model import Spec
from backend.specs.reading import read_file

FILES = {
    "spec.json": '{"id": "ps_1", "prompt": "old", "is_upsampled": false, "metadata": {}}\n',
    "cosmos.json": '{\r\n  "name": "c",\r\n  "model_mode": "text2video",\r\n  "prompt": "old"\r\n}',
    "view.yaml": "inference_type: text2world  # a remark\nprompt: old\n",
    "batch.jsonl": (
        '{"visual_input": "a.mp4", "prompt": "other"}\n\n'
        '{"visual_input": "b.mp4", "prompt": "old"}\n'
    ),
    "list.json": '[{"prompt": "other", "video_path": "a.mp4"}, {"prompt": "old", "video_path": "b.mp4"}]',
    "db.json": '{"id": "x", "prompt_text": "old", "inputs": {}}',
    "lines.txt": "other\nold\n",
    "beside.json": '{"prompt_path": "p/short.txt", "video_path": "v.mp4", "edge": {}}',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, newline="")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "short.txt").write_text("\n old \n")
    return tmp_path.resolve()


def spec_in(folder: Path, name: str, prompt: str = "old") -> Spec:
    found = read_file(Path(name), folder)
    return next(it for it in found if isinstance(it, Spec) and it.prompt == prompt)


@pytest.mark.parametrize("name", FILES)
def test_only_the_prompt_changes_and_undo_brings_it_back(name: str, folder: Path) -> None:
    before = (folder / name).read_bytes()
    spec = spec_in(folder, name)
    changed = edit_prompt(spec, 'a "new" prompt: é', folder)
    again = spec_in(folder, name, 'a "new" prompt: é')
    assert (again.entry, again.video, again.is_upsampled) == (spec.entry, spec.video, False)
    if name == "beside.json":
        assert (folder / name).read_bytes() == before
        assert (folder / "p" / "short.txt").read_text() == '\n a "new" prompt: é \n'
    else:
        after = (folder / name).read_bytes()
        assert after.split(b"old")[0].startswith(before.split(b"old")[0].rstrip(b'"'))
        assert len(after.splitlines()) == len(before.splitlines())
    assert undo(changed.record).restored == 1
    assert (folder / name).read_bytes() == before
    assert spec_in(folder, name) == spec


@pytest.mark.parametrize("name", FILES)
def test_a_copy_is_the_same_spec_in_a_file_of_its_own(name: str, folder: Path) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    spec = spec_in(folder, name)
    made: list[Changed] = [duplicate(spec, folder), duplicate(spec, folder)]
    assert made[0].file != made[1].file
    for each in made:
        (copy,) = (it for it in read_file(each.file, folder) if isinstance(it, Spec))
        assert (copy.format, copy.prompt) == (spec.format, "old")
        assert (copy.video and copy.video.name) == (spec.video and spec.video.name)
        assert undo(each.record).removed == 1
    assert {it.name: it.read_bytes() for it in folder.iterdir() if it.is_file()} == before


def test_the_copy_is_named_after_its_file(folder: Path) -> None:
    copy = duplicate(spec_in(folder, "cosmos.json"), folder).file
    assert (copy.name, json.loads(copy.read_bytes())["name"]) == ("cosmos-2.json", "cosmos-2")
    assert duplicate(spec_in(folder, "batch.jsonl"), folder).file.name == "batch-2-2.jsonl"


def test_what_was_changed_meanwhile_is_not_written_over(folder: Path) -> None:
    spec = spec_in(folder, "cosmos.json")
    (folder / "cosmos.json").write_text('{"model_mode": "text2video", "prompt": "theirs"}')
    with pytest.raises(InputError, match="changed meanwhile"):
        edit_prompt(spec, "mine", folder)
    (folder / "cosmos.json").unlink()
    with pytest.raises(InputError, match="changed meanwhile"):
        edit_prompt(spec, "mine", folder)
    with pytest.raises(InputError, match="changed meanwhile"):
        duplicate(spec, folder)


def test_an_edit_that_was_edited_again_is_not_undone(folder: Path) -> None:
    changed = edit_prompt(spec_in(folder, "cosmos.json"), "mine", folder)
    assert latest_record(folder) is None  # `upsample compose --undo` is not about edits
    (folder / "cosmos.json").write_text("theirs")
    assert undo(changed.record).changed == ("cosmos.json",)
    assert (folder / "cosmos.json").read_text() == "theirs"


def test_what_cannot_be_edited_in_its_place_is_left_to_the_editor(folder: Path) -> None:
    (folder / "t.csv").write_text("prompt\nold\n")
    row = spec_in(folder, "t.csv")
    (folder / "o.json").write_text('{"a": 1}')
    (folder / "w.json").write_text('{"model_mode": "text2video", "prompt_path": "o.json"}')
    (whole,) = (it for it in read_file(Path("w.json"), folder) if isinstance(it, Spec))
    short = json.dumps({"model_mode": "text2video", "prompt": "{}", "extra": {"prompt": "old"}})
    (folder / "u.json").write_text(short)
    steering = json.dumps({"model_mode": "text2video", "prompt": "a \x1b[2J b"})
    (folder / "e.json").write_text(steering)
    for spec, why in (
        (row, "table"),
        (whole, "JSON"),
        (spec_in(folder, "u.json"), "short one"),
        (spec_in(folder, "e.json", "a \x1b[2J b"), "steer a terminal"),
    ):
        assert why in why_not_edited(spec)
        with pytest.raises(InputError, match=why):
            edit_prompt(spec, "mine", folder)
    with pytest.raises(InputError, match="a row of a table"):
        duplicate(row, folder)
    with pytest.raises(InputError, match="has words"):
        edit_prompt(spec_in(folder, "cosmos.json"), " \n", folder)
