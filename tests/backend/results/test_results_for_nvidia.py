"""Results of Cosmos 3 and Transfer2.5 specs are taken by strict models of NVIDIA's arguments."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from backend.results.decisions import deliver
from backend.store import Store, default_path
from tests.support.finished_jobs import Finisher
from tests.support.nvidia_arguments import (
    Cosmos3,
    Plenoptic,
    Transfer25,
    Transfer25Views,
    accepted,
)

NEW = 'A "long" prompt: é 漢 🌧 \u2028 \\ #no, on two lines.\nThe second.'
SHORT = {"prompt": "a car"}
IN_FILE = {"prompt_path": "../assets/p.txt"}
VIDEO = "../assets/v.mp4"
EDGE = {"control_path": "../assets/edge/e.mp4", "preset_edge_threshold": "low"}
SIZE = {"resolution": "720", "aspect_ratio": "16,9", "num_frames": 121, "fps": 30, "shift": 10.0}

COSMOS3: dict[str, dict[str, object]] = {
    "t2i": {"model_mode": "text2image", "prompt": "{}", "extra": {"prompt": "a car", "n": [1]}},
    "t2v": {**SHORT, **SIZE, "negative_prompt": "", "enable_sound": True},
    "i2v": {"model_mode": "image2video", **IN_FILE, "vision_path": "../assets/i.jpg", "edge": None},
    "v2v": {"model_mode": "video2video", **SHORT, "vision_path": "https://example.com/v.mp4"},
    "edge": {**IN_FILE, "edge": EDGE, "guidance": 3.0, "control_guidance": 1.5, **SIZE},
    "wsm": {
        "prompt_path": "../assets/p.json",
        "wsm": {"control_path": "../assets/w.mp4", "weight": 0.5},
        "negative_prompt_file": "../assets/neg.json",
        "defaults_file": "defaults.json",
    },
    "both": {**SHORT, "vision_path": VIDEO, "blur": {"preset_blur_strength": "high"}, "depth": {}},
    "away": {**SHORT, "seg": {"control_path": "https://example.com/s.mp4"}},
}
TRANSFER25: dict[str, dict[str, object]] = {
    "one": {**IN_FILE, "video_path": VIDEO, "guidance": 3, "edge": EDGE},
    "many": {
        **SHORT,
        "video_path": VIDEO,
        "guided_generation_mask": "../assets/mask",
        "depth": {"control_weight": 0.5, "mask_path": "../assets/w.mp4"},
        "seg": {"control_prompt": "robot table"},
        "vis": {},
    },
    "image": {
        **SHORT,
        "video_path": VIDEO,
        "image_context_path": "../assets/i.jpg",
        "max_frames": 1,
        "edge": {},
    },
}
VIEWS: dict[str, dict[str, object]] = {
    "car": {
        **IN_FILE,
        "fps": 10,
        **{
            name: {"input_path": VIDEO, "control_path": "../assets/w.mp4"}
            for name in ("front_wide", "rear", "rear_left", "rear_right", "cross_left")
        },
    },
    "robot": {**SHORT, "num_conditional_frames": 0, "hand_left": {"control_path": VIDEO}},
}
PLENOPTIC: dict[str, dict[str, object]] = {
    "camera": {**SHORT, "input_path": VIDEO, "camera_sequence": ["static", "rot_left"]}
}
ALL: dict[type[BaseModel], dict[str, dict[str, object]]] = {
    Cosmos3: COSMOS3,
    Transfer25: TRANSFER25,
    Transfer25Views: VIEWS,
    Plenoptic: PLENOPTIC,
}
IN_YAML = ("i2v", "edge", "wsm")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spec files of every kind, and the files that they name."""
    folder = tmp_path_factory.mktemp("nvidia")
    for name in ("v.mp4", "w.mp4", "i.jpg", "edge/e.mp4", "mask/0.png"):
        (folder / "assets" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "assets" / name).write_bytes(b"x")
    (folder / "assets/p.txt").write_text("a car\n")
    (folder / "assets/p.json").write_text('{"subjects": []}')
    (folder / "assets/neg.json").write_text('{"subjects": []}')
    specs = folder / "specs"
    specs.mkdir()
    (specs / "defaults.json").write_text('{"num_steps": 35}')
    for kind, entries in ALL.items():
        named = [{"name": name, **entry} for name, entry in entries.items()]
        for entry in named:
            (specs / f"{entry['name']}.json").write_text(json.dumps(entry, indent=4))
            if entry["name"] in IN_YAML:
                text = "".join(
                    f"{key}: {json.dumps(value)}  # kept\n" for key, value in entry.items()
                )
                (specs / f"{entry['name']}.yaml").write_text(f"# kept\n{text}")
        lines = "".join(f"{json.dumps(entry)}\n\n" for entry in named)
        (specs / f"all-{kind.__name__}.jsonl").write_text(lines.removesuffix("\n"))
    return folder


def test_results_are_accepted_and_every_path_leads_to_its_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    out = folder / "results" / "of" / "today"
    checked = 0
    with closing(Store(default_path())) as store:
        finisher = Finisher(store, out)
        for kind, entries in ALL.items():
            names = [f"{name}.json" for name in entries]
            names += [f"{name}.yaml" for name in entries if name in IN_YAML]
            for name in (*names, f"all-{kind.__name__}.jsonl"):
                file = Path("specs", name)
                jobs = finisher.finish(file, NEW, review=False)
                written = deliver(store, jobs[0].destination)
                without_blank_lines = folder / "specs" / f"source{file.suffix}"
                text = file.read_text().replace("\n\n", "\n")
                without_blank_lines.write_text(text)
                before, after = accepted(kind, without_blank_lines), accepted(kind, written[0])
                expected = [each.model_copy(update={"prompt": NEW}) for each in before]
                assert after == expected, file
                checked += len(after)
    assert checked == 2 * sum(map(len, ALL.values())) + len(IN_YAML)
    # Nothing else lies there under a name that a pattern for specs finds.
    found = {file.name for file in out.glob("*.json")}
    assert found == {f"{name}.json" for entries in ALL.values() for name in entries}


def test_the_models_are_strict(folder: Path) -> None:
    spec = folder / "specs" / "strict.json"
    for wrong in ({"made_by": "us"}, {"vision_path": "gone.mp4"}, {"edge": {"input_control": "e"}}):
        spec.write_text(json.dumps({"name": "a", "prompt": "p", **wrong}))
        with pytest.raises(ValidationError):
            accepted(Cosmos3, spec)
    spec.unlink()
