"""Folders laid out as NVIDIA's repositories are: what is read from them, and what is left alone, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from backend.specs.model import Mode, Spec
from backend.specs.scan import scan

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:1111111111111111111111111111111111111111111111111111111111111111\nsize 671\n"
)
CARS = ("front_wide", "rear", "rear_left", "rear_right", "cross_left", "cross_right", "front_tele")
ROBOT = ("head_color", "hand_left", "hand_right")
INPUT = "robot_example/robot_input.mp4"
CAMERA = {
    "input_path": "videos/input.mp4",
    "prompt": "p",
    "camera_sequence": ["static", "rot_left"],
}


def lay_out(folder: Path, files: Mapping[str, object]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content, indent=4)
        (folder / name).write_text(text, encoding="utf-8")


def robot(kind: str) -> dict[str, object]:
    control = {"control_path": f"robot_{kind}.mp4", "control_weight": 1.0}
    paths = {"prompt_path": "../robot_prompt.txt", "video_path": "../robot_input.mp4"}
    return {"name": f"robot_{kind}", **paths, "guidance": 3, kind: control}


def line(number: int) -> str:
    paths = {"prompt_path": "robot_example/robot_prompt.txt", "video_path": INPUT}
    entry = {"name": f"n{number}", **paths, "edge": {"control_weight": 1.0}}
    return json.dumps(entry) + "\n"


def read(folder: Path) -> tuple[dict[str, Spec], dict[str, str]]:
    """The specs by name, and the reasons by file, without the folder that was named."""
    found = scan([Path()], folder)
    assert found.broken == ()
    reasons = {str(each.file): each.reason for each in found.skipped}
    return {f"{spec.file}:{spec.entry}": spec for spec in found.specs}, reasons


TRANSFER25: dict[str, object] = {
    **{f"robot_example/{k}/robot_{k}_spec.json": robot(k) for k in ("depth", "edge", "seg", "vis")},
    "robot_example/robot_prompt.txt": "A robot.\n",
    INPUT: "",
    "car_example/car_prompt.txt": POINTER,
    "car_example/edge/car_edge_spec.json": POINTER,
    "edge.jsonl": line(0) + line(1),
    "multiview_example/prompt.txt": "A drive.\n",
    "multiview_example/multiview_spec.json": {
        "name": "auto_multiview",
        "prompt_path": "prompt.txt",
        "fps": 10,
        **{c: {"input_path": f"input/{c}.mp4", "control_path": f"world/{c}.mp4"} for c in CARS},
    },
    "plenoptic_example/sample.json": {"name": "sample", **CAMERA},
    "plenoptic_example/batch.jsonl": json.dumps({"name": "s0", **CAMERA}) + "\n",
    "plenoptic_example/cameras/static.txt": "1 0 0 0\n0 1 0 0\n",
    "agibot/depth_test.json": {
        "name": "t2v_depth",
        "num_conditional_frames": 0,
        "prompt": "An arm.",
        **{name: {"control_path": f"depth/{name}.mp4"} for name in ROBOT},
    },
    "agibot/captioned.json": {
        "name": "captioned",
        **{name: {"input_path": f"videos/{name}.mp4"} for name in ROBOT},
    },
    "agibot/captions/1_head_color.txt": "A robot grasps.\n",
    "set/captions/head_color/1.json": {"caption": "A robot."},
    "outputs/test_0/robot_depth.txt": "A robot.",
    "outputs/test_0/robot_depth.mp4": "",
}


def test_transfer25_is_read_with_its_media_or_left_alone(tmp_path: Path) -> None:
    lay_out(tmp_path, TRANSFER25)
    specs, reasons = read(tmp_path)
    kinds = ("depth", "edge", "seg", "vis")
    shown = {
        name: str(spec.video.resolve().relative_to(tmp_path))
        for name, spec in specs.items()
        if spec.video
    }
    assert shown == {
        **{f"robot_example/{k}/robot_{k}_spec.json:0": INPUT for k in kinds},
        **{f"edge.jsonl:{n}": INPUT for n in (0, 1)},
        "multiview_example/multiview_spec.json:0": "multiview_example/input/front_wide.mp4",
        "plenoptic_example/sample.json:0": "plenoptic_example/videos/input.mp4",
        "plenoptic_example/batch.jsonl:0": "plenoptic_example/videos/input.mp4",
        "agibot/depth_test.json:0": "agibot/depth/head_color.mp4",
    }
    assert shown.keys() == specs.keys()
    assert specs["edge.jsonl:0"].prompt == "A robot."
    assert specs["edge.jsonl:0"].target.mode is Mode.TRANSFER
    starts = {
        "robot_example/robot_prompt.txt": "the prompt of edge.jsonl",
        "multiview_example/prompt.txt": "the prompt of multiview_spec.json",
        "car_example/car_prompt.txt": "a Git LFS pointer",
        "car_example/edge/car_edge_spec.json": "a Git LFS pointer",
        "plenoptic_example/cameras/static.txt": "numbers",
        "agibot/captioned.json": "a template: it has no prompt",
        "agibot/captions/1_head_color.txt": 'the name of its folder says "captions"',
        "set/captions/head_color/1.json": "not a prompt spec: the keys of it belong to no format: 'caption'",
        "outputs/test_0/robot_depth.txt": "the prompt of robot_depth.mp4 beside it",
    }
    assert reasons.keys() == starts.keys()
    assert {name for name in starts if not reasons[name].startswith(starts[name])} == set()


def action(mode: str) -> dict[str, object]:
    return {"model_mode": mode, "prompt": "Drive.", "vision_path": "https://x/v.mp4", "fps": 10}


COSMOS3: dict[str, object] = {
    "inputs/omni/t2v.json": {"model_mode": "text2video", "prompt": '{"subjects": []}'},
    "inputs/omni/v2v.json": {
        "model_mode": "video2video",
        "prompt": "An arm.",
        "vision_path": "https://x/v.mp4",
    },
    "inputs/omni/action.jsonl": json.dumps(action("wam")) + "\n",
    "inputs/reasoner/reasoner.json": action("reasoner"),
    "inputs/prompt_upsampler/prompts_t2v.txt": "A car.\nA robot arm.\n",
    "inputs/prompt_upsampler/prompts_i2v.txt": "A car.\nA robot arm.\n",
    "inputs/prompt_upsampler/images.txt": "images/car.jpg\nimages/robot.jpg\n",
    "defaults/text2video/sample_args.json": {"num_steps": 35, "aspect_ratio": "16,9", "fps": 24},
    "defaults/neg_prompts.json": {"subjects": [], "lighting": {}},
    "templates/t2v_prompt.txt": "Given the request below, write JSON.\n\n$nl_description\n",
    "evaluation/i2v_prompts.json": [{"name": "a", "prompt": "{}", "negative_prompt": "n"}],
    "transfer/specs/edge.json": {
        "name": "edge",
        "model_mode": "video2video",
        "prompt_path": "../assets/prompt.json",
        "negative_prompt_file": "../assets/negative_prompt.json",
        "edge": {"control_path": "../assets/control_edge.mp4"},
    },
    "transfer/assets/prompt.json": {"subjects": []},
    "transfer/assets/negative_prompt.json": {"subjects": []},
}


def test_cosmos_3_is_read_with_its_media_or_left_alone(tmp_path: Path) -> None:
    lay_out(tmp_path, COSMOS3)
    specs, reasons = read(tmp_path)
    assert {name: spec.target.mode for name, spec in specs.items()} == {
        "inputs/omni/t2v.json:0": Mode.TEXT2VIDEO,
        "inputs/omni/v2v.json:0": Mode.VIDEO2VIDEO,
        "inputs/prompt_upsampler/prompts_t2v.txt:0": None,
        "inputs/prompt_upsampler/prompts_t2v.txt:1": None,
        "transfer/specs/edge.json:0": Mode.TRANSFER,
    }
    edge = specs["transfer/specs/edge.json:0"]
    assert (edge.prompt, edge.is_upsampled) == ('{"subjects": []}', True)
    assert edge.video == tmp_path / "transfer/specs/../assets/control_edge.mp4"
    assert specs["inputs/omni/v2v.json:0"].video is not None
    assert reasons["inputs/omni/action.jsonl"].startswith("line 1: the mode 'wam'")
    assert reasons["templates/t2v_prompt.txt"].startswith("instructions to a model")
    assert reasons["evaluation/i2v_prompts.json"].startswith('its name says "i2v"')
    assert reasons["inputs/prompt_upsampler/images.txt"].startswith("a list of files")
    assert len(reasons) == 10
