"""What a spec file says of the picture or video that is to be made with its prompt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.specs.model import UNSAID, Mode, Spec, Target
from backend.specs.reading import read_file

EDGE = {"edge": {"control_path": "e.mp4"}}
SIZE = {"fps": 24, "num_frames": 189, "resolution": "720", "aspect_ratio": "16,9"}


def spec_of(folder: Path, name: str, content: object) -> Spec:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (spec,) = read_file(folder / name, folder)
    assert isinstance(spec, Spec)
    return spec


@pytest.mark.parametrize(
    ("name", "content", "target"),
    [
        # --- Cosmos 3: all of it, and the mode that follows from the media and the frames
        (
            "s.json",
            {"model_mode": "text2video", "prompt": "p", "negative_prompt": "", **SIZE},
            Target(Mode.TEXT2VIDEO, 24, 189, "720", "16,9", ""),
        ),
        ("s.json", {"prompt": "p", "num_frames": 1}, Target(Mode.TEXT2IMAGE, num_frames=1)),
        ("s.json", {"prompt": "p", "vision_path": "https://x/i.PNG?a=1"}, Target(Mode.IMAGE2VIDEO)),
        ("s.json", {"prompt": "p", "vision_path": "v.mp4"}, Target(Mode.VIDEO2VIDEO)),
        (
            "s.json",
            {"prompt": "p", "vision_path": "i.jpg", "num_frames": 1},
            Target(Mode.IMAGE2IMAGE, num_frames=1),
        ),
        # --- Cosmos 3: any control makes it a transfer; a world scenario alone has its own length
        (
            "s.json",
            {"model_mode": "video2video", "prompt": "p", "vision_path": "v.mp4", "blur": {}},
            Target(Mode.TRANSFER),
        ),
        (
            "s.json",
            {"prompt": "p", "wsm": {"control_path": "w.mp4"}},
            Target(Mode.TRANSFER, 10, 101),
        ),
        (
            "s.json",
            {"prompt": "p", "wsm": {"control_path": "w.mp4"}, "fps": 12, "num_frames": None},
            Target(Mode.TRANSFER, 12, 101),
        ),
        (
            "s.json",
            {"prompt": "p", "wsm": {"control_path": "w.mp4"}, **EDGE},
            Target(Mode.TRANSFER),
        ),
        # --- Transfer2.5
        (
            "s.json",
            {"prompt": "p", "video_path": "v.mp4", "resolution": "480", **EDGE},
            Target(Mode.TRANSFER, resolution="480"),
        ),
        (
            "s.json",
            {"prompt": "p", "fps": 10, "front_wide": {"input_path": "f.mp4"}},
            Target(Mode.TRANSFER, 10),
        ),
        (
            "s.json",
            {"prompt": "p", "input_path": "i.mp4", "camera_sequence": ["static"]},
            Target(Mode.VIDEO2VIDEO),
        ),
        # --- Predict2.5, also where the samples share what stands around them
        (
            "s.json",
            {"inference_type": "text2world", "prompt": "p", "num_output_frames": 77},
            Target(Mode.TEXT2VIDEO, num_frames=77),
        ),
        (
            "s.json",
            {
                "inference_type": "image2world",
                "resolution": "432,768",
                "num_output_frames": 77,
                "samples": {"a": {"prompt": "p", "input_path": "i.jpg", "num_output_frames": 9}},
            },
            Target(Mode.IMAGE2VIDEO, num_frames=9, resolution="432,768"),
        ),
        (
            "s.json",
            {
                "inference_type": "video2world",
                "input_path": "v.mp4",
                "prompt": "p",
                "resolution": "none",
            },
            Target(Mode.VIDEO2VIDEO),
        ),
        # --- Predict2, Transfer1, Predict1
        ("s.json", [{"prompt": "p", "output_image": "o.jpg"}], Target(Mode.TEXT2IMAGE)),
        (
            "s.json",
            [{"prompt": "p", "input_video": "i.jpg", "output_video": "o.mp4"}],
            Target(Mode.IMAGE2VIDEO),
        ),
        (
            "s.json",
            {"prompt": "p", "input_video_path": "v.mp4", "edge": {}, "negative_prompt": "no é"},
            Target(Mode.TRANSFER, negative_prompt="no é"),
        ),
        ("s.jsonl", {"prompt": "p", "visual_input": "v.mp4"}, UNSAID),
        ("s.jsonl", {"prompt": "p", "resolution": 720}, Target(resolution="720")),
        # --- the pipeline's own
        (
            "s.json",
            {
                "id": "ps_1",
                "prompt": "p",
                "negative_prompt": "blur",
                "control_inputs": {"edge": "e.mp4"},
            },
            Target(Mode.TRANSFER, negative_prompt="blur"),
        ),
        ("s.json", {"id": "ps_1", "prompt_text": "p", "inputs": {"video": "v.mp4"}}, UNSAID),
        # --- numbers in quotes, and values that no generator takes
        (
            "s.json",
            {"prompt": "p", "aspect_ratio": 1, "fps": "23.976", "num_frames": "61"},
            Target(Mode.TEXT2VIDEO, 23.976, 61, aspect_ratio="1"),
        ),
        (
            "s.json",
            {
                "prompt": "p",
                "shift": 1,
                "fps": True,
                "num_frames": 2.5,
                "resolution": [],
                "aspect_ratio": "",
            },
            Target(Mode.TEXT2VIDEO),
        ),
        (
            "s.json",
            {"prompt": "p", "shift": 1, "fps": -1, "num_frames": 1e300},
            Target(Mode.TEXT2VIDEO),
        ),
    ],
)
def test_a_spec_says_what_is_to_be_made(
    tmp_path: Path, name: str, content: object, target: Target
) -> None:
    assert spec_of(tmp_path, name, content).target == target


def test_a_whole_number_is_written_without_a_point(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "s.json", {"prompt": "p", "shift": 1, **SIZE})
    assert f"{spec.target.fps} {spec.target.num_frames}" == "24 189"


def test_controls_of_cosmos_3_are_in_the_order_in_which_it_takes_them(tmp_path: Path) -> None:
    names = ("wsm", "seg", "depth", "blur", "edge")
    controls = {name: {"control_path": f"{name}.mp4"} for name in names}
    spec = spec_of(tmp_path, "s.json", {"prompt": "p", **controls})
    assert list(spec.controls.items()) == [
        (name, tmp_path / f"{name}.mp4") for name in ("edge", "blur", "depth", "seg", "wsm")
    ]
