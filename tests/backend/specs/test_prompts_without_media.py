"""Prompts in a folder that belong to pictures or videos which they do not name are not sent without them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.catalog.catalog import Catalog
from backend.specs.model import Skipped
from backend.specs.no_prompts import why_instructions
from backend.specs.reading import Finding, read_file
from backend.specs.scan import scan, scan_files


def put(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    file.write_text(text)


SKIPPED: dict[str, tuple[object, str]] = {
    # --- the name says it, in the file's or a folder's name
    "prompts_i2v.txt": ("A car stops.\nA robot cleans.\n", 'its name says "i2v"'),
    "i2v_prompts.json": (
        [{"name": "a", "prompt": "p", "negative_prompt": "n"}, {"name": "b", "prompt": "{}"}],
        'its name says "i2v"',
    ),
    "video2world/example_prompt.txt": (
        "A car stops.\n",
        'the name of its folder says "video2world"',
    ),
    "image2video/a.jsonl": (
        '{"prompt": "p"}\n{"prompt": "q"}\n',
        'the name of its folder says "image2video"',
    ),
    # --- captions of a training set
    "set/captions/head/1_2.txt": ("A robot grasps.\n", 'the name of its folder says "captions"'),
    "metas/clip.json": ({"prompt": "A robot grasps."}, 'the name of its folder says "metas"'),
    # --- the picture or video lies beside it
    "kitchen.txt": ("Use the left arm.\n", "kitchen.jpg"),
    "out/robot_depth.txt": ("A robot.\n", "robot_depth.MP4"),
    "out/pour.json": ({"prompt": "It pours."}, "pour.mov"),
}
MEDIA = ("kitchen.jpg", "out/robot_depth.MP4", "out/pour.mov", "out/other.mp4", "dusk.jpg.bak")
TAKEN: dict[str, object] = {
    "prompts_t2v.txt": "A car stops.\nA robot cleans.\n",
    "t2v_and_i2v.txt": "A car stops.\n",
    "dusk.txt": "Dusk.\n",
    "i2v/spec.json": {"model_mode": "image2video", "prompt": "p", "vision_path": "https://x/i.jpg"},
    "i2v/lines.jsonl": '{"prompt": "p", "visual_input": "v.mp4"}\n',
    "v2v/spec.json": {"prompt_path": "spec.txt", "vision_path": "v.mp4"},
    "out/many.json": [{"prompt": "p"}, {"prompt": "q"}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, (content, _) in SKIPPED.items():
        put(tmp_path / name, content)
    for name, content in TAKEN.items():
        put(tmp_path / name, content)
    for name in (*MEDIA, "out/many.mp4"):
        put(tmp_path / name, "")
    put(tmp_path / "v2v" / "spec.txt", "Shared.\n")
    return tmp_path


def test_prompts_that_belong_to_media_they_do_not_name_are_skipped(folder: Path) -> None:
    found = scan([Path()], folder)
    skipped = {str(each.file): each.reason for each in found.skipped}
    assert skipped.pop("v2v/spec.txt") == "the prompt of spec.json"
    assert skipped.keys() == SKIPPED.keys()
    for name, (_, why) in SKIPPED.items():
        assert why in skipped[name], name
        assert skipped[name].endswith("; to have it sent without, name the file itself"), name
    assert {str(spec.file) for spec in found.specs} == TAKEN.keys()


def test_one_that_is_named_is_sent_as_it_is(folder: Path) -> None:
    found = scan([Path(name) for name in SKIPPED], folder)
    assert {str(spec.file) for spec in found.specs} == SKIPPED.keys()
    assert found.skipped == ()


def test_the_folder_that_is_named_does_not_count(folder: Path) -> None:
    found = scan([Path("video2world"), Path("metas")], folder)
    assert len(found.specs) == 2


def test_the_app_judges_a_changed_file_as_the_scan_does(folder: Path) -> None:
    catalog = Catalog([Path()], folder)
    list(catalog.scan(watched=False))
    read = catalog._read([folder / name for name in SKIPPED]).files
    assert {str(name) for name in read} == SKIPPED.keys()
    assert all(isinstance(findings[0], Skipped) for findings in read.values())


INSTRUCTIONS = {
    "a.txt": "You are an expert prompt engineer for a text-to-video model.\n\nRewrite it.\n",
    "b.txt": "<instructions>\nBe a prompt upsampler.\n\n</instructions>\n",
    "c.txt": "Given the request below, write JSON.\n\n$nl_description\n",
    "d.txt": "$intro, generate a dense JSON that follows $json_template and nothing else.\n",
    "e.txt": "You are a helpful assistant who describes videos.\n",
}


def test_instructions_to_a_model_are_no_prompts(tmp_path: Path) -> None:
    for name, text in INSTRUCTIONS.items():
        put(tmp_path / name, text)
    found = scan([Path()], tmp_path)
    assert {each.reason.partition(",")[0] for each in found.skipped} == {"instructions to a model"}
    assert len(found.skipped) == len(INSTRUCTIONS)
    assert len(scan([tmp_path / "a.txt"], tmp_path).specs) == 1
    for prose in (
        "You are walking through a forest.",
        "It costs $5 and $HOME is far.",
        "<b>A car</b>",
    ):
        assert why_instructions(prose) == ""


def test_a_long_list_is_told_once_however_it_is_read(folder: Path) -> None:
    lines = [{"prompt": f"p{n}"} for n in range(4)]
    put(folder / "i2v.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    def in_parts(file: Path, cwd: Path) -> list[tuple[Finding, ...]]:
        return [(finding,) for finding in read_file(file, cwd)]

    files = scan_files([Path()], folder, in_parts)
    found = [finding for each in files for finding in each.findings]
    assert [each.file.name for each in found].count("i2v.jsonl") == 1
