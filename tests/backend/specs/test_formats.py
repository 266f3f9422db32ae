"""The kinds of prompt files in docs/formats.md: what each is read as, or why it is left alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.specs.model import BrokenSpec, Skipped, Spec, SpecFormat
from backend.specs.reading import Finding, read_file

CWD = Path("/work/project")
EDGE = {"edge": {"control_path": "e.mp4"}}


@dataclass(frozen=True)
class Read:
    """A prompt that is read; `video` is relative to the spec file's folder, or begins with CWD."""

    format: SpecFormat
    prompt: str
    video: str | None
    is_upsampled: bool = False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("A car at noon.\n")
    (tmp_path / "a.json").write_text('{"prompt": "A car at night.", "seed": 3}')
    return tmp_path


def found_in(folder: Path, name: str, content: object) -> list[object]:
    """The findings for a file of this content, in the words of the tables below."""
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return [in_words(finding, folder) for finding in read_file(folder / name, CWD)]


def in_words(finding: Finding, folder: Path) -> object:
    if isinstance(finding, Skipped):
        return f"skipped: {finding.reason}"
    if isinstance(finding, BrokenSpec):
        return f"line {finding.line}: {finding.problem}"
    video = finding.video
    if video is not None and video.is_relative_to(folder):
        video = video.relative_to(folder)
    shown = None if video is None else video.as_posix()
    return Read(finding.format, finding.prompt, shown, finding.is_upsampled)


def lines(*entries: object) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


COSMOS3, TRANSFER25 = SpecFormat.COSMOS3, SpecFormat.TRANSFER25
PREDICT25, PREDICT2, PROMPT = SpecFormat.PREDICT25, SpecFormat.PREDICT2, SpecFormat.PROMPT
BATCH, TRANSFER1 = SpecFormat.TRANSFER1_BATCH, SpecFormat.TRANSFER1

NO_MEDIA = "a transfer needs a video, or a control with one, and none is named"
BLIND: Sequence[dict[str, object]] = (
    {"edge": {"preset_edge_threshold": "low"}, "aspect_ratio": "16,9"},
    {"wsm": {}},
    {"edge": {"control_path": None}},
    {"video_path": "", "edge": {}},
    {"hand_left": {"input_path": None}},
)

TABLE: list[tuple[str, object, Sequence[object]]] = [
    # --- what the pipeline's database exports
    (
        "s.json",
        {"id": "ps_1", "prompt_text": "p", "inputs": {"video": "v.mp4", "depth": "d.mp4"}},
        [Read(SpecFormat.PIPELINE_PROMPT, "p", "/work/project/v.mp4")],
    ),
    (
        "s.jsonl",
        lines(
            {
                "id": 7,
                "prompt_text": "p",
                "inputs": {"video": None, "seg": "s.mp4"},
                "parameters": {},
            },
            {"id": "x", "prompt_text": "q", "inputs": None},
        ),
        [
            Read(SpecFormat.PIPELINE_PROMPT, "p", "/work/project/s.mp4"),
            Read(SpecFormat.PIPELINE_PROMPT, "q", None),
        ],
    ),
    (
        "s.json",
        [{"id": "x", "prompt_text": "q", "inputs": {"first": 3}}],
        ["line 1: 'first' must be a path, not a number"],
    ),
    # --- Cosmos 3: five modes, and the mode that follows from the media
    *(
        ("s.json", {"model_mode": mode, "prompt": "p"}, [Read(COSMOS3, "p", None)])
        for mode in ("text2image", "text2video")
    ),
    *(
        (
            "s.json",
            {"model_mode": mode, "prompt": "p", "vision_path": "in.mp4"},
            [Read(COSMOS3, "p", "in.mp4")],
        )
        for mode in ("image2image", "image2video", "video2video")
    ),
    ("s.json", {"prompt": "p", "vision_path": "i.jpg"}, [Read(COSMOS3, "p", "i.jpg")]),
    ("s.json", {"prompt": "p", "aspect_ratio": "16,9"}, [Read(COSMOS3, "p", None)]),
    (
        "s.jsonl",
        lines({"prompt": "p", "num_frames": 1}, {"prompt": "q", "vision_path": "/v.mp4"}),
        [Read(COSMOS3, "p", None), Read(COSMOS3, "q", "/v.mp4")],
    ),
    # --- Cosmos 3: transfer with any control; a source is shown before a control
    *(
        (
            "s.json",
            {"model_mode": "video2video", "prompt": "p", name: {"control_path": "c.mp4"}},
            [Read(COSMOS3, "p", "c.mp4")],
        )
        for name in ("edge", "blur", "depth", "seg", "wsm")
    ),
    (
        "s.json",
        {"name": "n", "prompt": "p", "edge": {"control_path": "c.mp4", "weight": 1.0}},
        [Read(COSMOS3, "p", "c.mp4")],
    ),
    (
        "s.json",
        {"name": "n", "prompt": "p", "edge": {"control_path": "c.mp4", "control_weight": 1.0}},
        [Read(TRANSFER25, "p", "c.mp4")],
    ),
    (
        "s.json",
        {"model_mode": "video2video", "prompt": "p", "vision_path": "v.mp4", **EDGE},
        [Read(COSMOS3, "p", "v.mp4")],
    ),
    (
        "s.json",
        {"prompt_path": "a.json", "blur": {"control_path": "../c.mp4"}},
        [Read(COSMOS3, '{"prompt": "A car at night.", "seed": 3}', "../c.mp4", True)],
    ),
    # --- Cosmos 3: keys without a value, as its own programs write them
    (
        "s.json",
        {"prompt": "p", "prompt_path": None, "vision_path": "v.mp4", "edge": None, "extra": None},
        [Read(COSMOS3, "p", "v.mp4")],
    ),
    (
        "s.json",
        {"prompt": None, "prompt_path": "a.txt", "vision_path": None, "model_mode": "text2video"},
        [Read(COSMOS3, "A car at noon.", None)],
    ),
    (
        "s.json",
        {"prompt": None, "prompt_path": None, "vision_path": "v.mp4"},
        ["skipped: a template: it has no prompt"],
    ),
    (
        "s.json",
        {"prompt": "p", "prompt_path": "a.txt", "vision_path": "v.mp4"},
        ['line 1: only one of "prompt" and "prompt_path" may be given'],
    ),
    # --- Cosmos 3: upsampled already, with the short prompt beside it
    (
        "s.json",
        {"model_mode": "text2image", "prompt": '{"subjects": []}', "extra": {"prompt": "short"}},
        [Read(COSMOS3, "short", None, True)],
    ),
    (
        "s.json",
        {"model_mode": "text2video", "prompt": "```json\n{}\n```"},
        [Read(COSMOS3, "```json\n{}\n```", None, True)],
    ),
    # --- Cosmos 3: what is left alone
    (
        "s.json",
        {"model_mode": "wam", "prompt": "p", "vision_path": "v.mp4"},
        ["skipped: the mode 'wam' makes no picture or video of a prompt alone"],
    ),
    (
        "s.json",
        {"model_mode": "image2video", "prompt": "p"},
        ["line 1: image2video needs a picture or video, and none is named"],
    ),
    # --- Transfer2.5
    (
        "s.jsonl",
        lines(
            {"name": "a", "prompt_path": "a.txt", "video_path": "v.mp4", "edge": {}},
            {"name": "b", "prompt": "At dusk.", "video_path": "v.mp4", "edge": {}},
        ),
        [Read(TRANSFER25, "A car at noon.", "v.mp4"), Read(TRANSFER25, "At dusk.", "v.mp4")],
    ),
    (
        "s.json",
        {"prompt_path": "a.json", "video_path": "v.mp4", "guided_generation_mask": "m.mp4"},
        [Read(TRANSFER25, "A car at night.", "v.mp4")],
    ),
    (
        "s.json",
        {
            "prompt": "p",
            "rear": {"input_path": "r.mp4", "control_path": "rc.mp4"},
            "front_wide": {"input_path": "f.mp4", "control_path": "fc.mp4"},
        },
        [Read(TRANSFER25, "p", "f.mp4")],
    ),
    (
        "s.json",
        {"prompt": "p", "input_root": ".", "hand_left": {"control_path": "l.mp4"}},
        [Read(TRANSFER25, "p", "l.mp4")],
    ),
    (
        "s.json",
        {"name": "n", "input_path": "i.mp4", "prompt": "p", "camera_sequence": ["static"]},
        [Read(TRANSFER25, "p", "i.mp4")],
    ),
    (
        "s.json",
        {"prompt": "p", "prompt_path": "a.txt", "video_path": "v.mp4", "edge": {}},
        [Read(TRANSFER25, "p", "v.mp4")],
    ),
    (
        "s.json",
        {"prompt": None, "input_root": ".", "hand_left": {"control_path": "l.mp4"}},
        ["skipped: a template: it has no prompt"],
    ),
    (
        "s.json",
        {"video_path": "v.mp4", "depth": {"control_weight": 1}},
        ["skipped: a template: it has no prompt"],
    ),
    # --- Predict2.5
    (
        "s.json",
        {"inference_type": "video2world", "input_path": "v.mp4", "prompt_path": "a.txt"},
        [Read(PREDICT25, "A car at noon.", "v.mp4")],
    ),
    (
        "s.jsonl",
        lines({"inference_type": "text2world", "name": "n", "prompt": "p"}),
        [Read(PREDICT25, "p", None)],
    ),
    (
        "s.json",
        {
            "inference_type": "image2world",
            "samples": {
                "one": {"prompt": "p", "input_path": "i.jpg"},
                "two": {"prompt_path": "a.txt", "input_path": "j.jpg"},
            },
        },
        [Read(PREDICT25, "p", "i.jpg"), Read(PREDICT25, "A car at noon.", "j.jpg")],
    ),
    (
        "s.json",
        {"inference_type": "image2world", "prompt": "p"},
        ["line 1: 'image2world' needs an \"input_path\", and none is named"],
    ),
    (
        "s.json",
        {"prompt_path": "a.txt", "front_wide": {"video_path": "f.mp4"}},
        [Read(PREDICT25, "A car at noon.", "f.mp4")],
    ),
    (
        "s.json",
        {"inference_type": "text2world", "prompt": "p", "prompt_path": "a.txt"},
        ['line 1: only one of "prompt" and "prompt_path" may be given'],
    ),
    # --- Predict2 and Predict1
    (
        "s.json",
        [{"prompt": "A broom.", "output_image": "out/broom.jpg"}],
        [Read(PREDICT2, "A broom.", None)],
    ),
    (
        "s.jsonl",
        lines({"prompt": "p", "visual_input": "v.mp4"}, {"visual_input": "v.mp4"}),
        [Read(BATCH, "p", f"{CWD}/v.mp4"), Read(BATCH, "", f"{CWD}/v.mp4")],
    ),
    ("s.jsonl", lines({"prompt": "p"}, {"prompt": "q"}), [Read(PROMPT, x, None) for x in "pq"]),
    ("s.json", {"prompt": "p"}, [Read(PROMPT, "p", None)]),
    ("s.json", [{"prompt": "p", "name": "n"}], [Read(PROMPT, "p", None)]),
    # --- Transfer1: views in a list, and a template
    (
        "s.json",
        {"prompt": "p", "hdmap": {"input_control": ["front.mp4", "left.mp4"]}},
        [Read(TRANSFER1, "p", f"{CWD}/front.mp4")],
    ),
    (
        "s.json",
        {"input_video_path": "v.mp4", "depth": {"control_weight": 0.9}},
        ["skipped: a template: it has no prompt"],
    ),
    # --- each line by itself, whatever the file is called
    (
        "s.jsonl",
        lines(
            {"visual_input": "v.mp4", "prompt": "one"},
            {"input_video_path": "w.mp4", "prompt": "two", "edge": {}},
            {"prompt": "three", "footage": "x.mp4"},
        ),
        [
            Read(BATCH, "one", f"{CWD}/v.mp4"),
            Read(TRANSFER1, "two", f"{CWD}/w.mp4"),
            "line 3: the keys of it belong to no format: 'prompt', 'footage'",
        ],
    ),
    (
        "s.json",
        lines({"visual_input": "v.mp4", "prompt": "p"}, {"visual_input": "v.mp4"}, [1]),
        [
            Read(BATCH, "p", f"{CWD}/v.mp4"),
            Read(BATCH, "", f"{CWD}/v.mp4"),
            "line 3: it is a list, not an object",
        ],
    ),
    # --- never without a picture in silence
    (
        "s.json",
        {"prompt": "p", "aspect_ratio": "1,1", "refs": [{"shot": "deep.mp4"}]},
        ["line 1: 'shot' of 'refs' names 'deep.mp4', which would not be looked at"],
    ),
    (
        "s.json",
        {"id": "p", "prompt": "p", "control_inputs": {"sketch": "s"}, "guide_video_path": "g"},
        ["line 1: 'guide_video_path' names 'g', which would not be looked at"],
    ),
    *(("s.json", {"prompt": "p", **entry}, [f"line 1: {NO_MEDIA}"]) for entry in BLIND),
    (
        "s.json",
        {"prompt": " ", "wsm": {}},
        ["skipped: a template: its prompt is empty, and no video is named"],
    ),
    ("s.json", {"prompt_path": "a.txt", "seed": 1}, [Read(TRANSFER25, "A car at noon.", None)]),
    # --- nothing to upsample
    (
        "s.jsonl",
        lines({"prompt": "p"}, {"prompt": " "}),
        [
            Read(PROMPT, "p", None),
            "skipped: line 2: a template: its prompt is empty, and no video is named",
        ],
    ),
]


@pytest.mark.parametrize(("name", "content", "expected"), TABLE)
def test_a_file_is_read_by_what_its_entries_mean(
    folder: Path, name: str, content: object, expected: Sequence[object]
) -> None:
    assert found_in(folder, name, content) == list(expected)


def test_a_sample_is_named_after_its_key(folder: Path) -> None:
    text = json.dumps({"samples": {"robot": {"prompt": "p", "input_path": "i.jpg"}}})
    (folder / "s.json").write_text(text)
    (spec,) = read_file(folder / "s.json", CWD)
    assert isinstance(spec, Spec)
    assert spec.name == "robot"
