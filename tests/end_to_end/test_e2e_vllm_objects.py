"""Real vLLM holds a model of random weights to JSON schemas: Cosmos 3 specs of four modes in one batch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.video.clips import Clip, draw_clips
from tests.support.daemons import end_daemons
from tests.support.json_profile import write_small_profile
from tests.support.laptop import Laptop
from tests.support.specs import write_spec
from tests.support.sshd import running_sshd
from tests.support.tiny_pixtral import make_tiny_pixtral

pytestmark = [pytest.mark.vllm, pytest.mark.xdist_group("vllm"), pytest.mark.timeout(600)]

_CONTEXT = 32_768
_NO_WHITE_SPACE = '{"backend": "xgrammar", "disable_any_whitespace": true}'
"""Between any two words of JSON, noise else writes hundreds of spaces."""
_DRAWS = 20
"""Noise writes times that run backwards more often than not, which no schema forbids."""


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    """A user with a box of the tiny model, and with a profile of small schemas."""
    made, tiny = Laptop(tmp_path / "home", tmp_path / "work"), make_tiny_pixtral(tmp_path / "tiny")
    write_small_profile(
        made.config.parent / "profiles", context=_CONTEXT, reserve=2000, draws=_DRAWS
    )
    command = [*tiny.command, "--structured-outputs-config", _NO_WHITE_SPACE]
    with running_sshd(tmp_path / "sshd", made.public_key) as server:
        made.trust(server.port, server.host_key)
        made.add_host("gpu-box", server.port)
        # JSON's strings and lists are TOML's.
        made.configure(
            '[upsampling]\nprofile = "small"\n'
            f'[boxes.tiny]\nhost = "gpu-box"\nroot = "{tmp_path / "box"}"\nengine = "vllm"\n'
            f'model = "{tiny.model}"\n'
            f"[boxes.tiny.vllm]\ncommand = {json.dumps(command)}\nmax_num_seqs = 4\n"
            f'env = {{ PYTHONPATH = "{tiny.site}", HF_HUB_OFFLINE = "1" }}\n'
        )
        try:
            yield made
        finally:
            assert made.run("box", "stop", "tiny").returncode == 0
            end_daemons(tmp_path)


def _write_specs(folder: Path) -> None:
    clips = [
        Clip("edge.mp4", "testsrc2=s=320x192:r=10", 4.0),
        Clip("depth.mp4", "mandelbrot=s=320x192:r=10", 4.0),
        Clip("start.png", "rgbtestsrc=s=544x736", 0),
    ]
    draw_clips(clips, folder)
    specs: dict[str, dict[str, object]] = {
        "transfer": {
            "edge": {"control_path": "edge.mp4", "weight": 0.5},
            "depth": {"control_path": "depth.mp4"},
        },
        "film": {
            "model_mode": "text2video",
            "resolution": "256",
            "aspect_ratio": "9,16",
            "fps": 16,
            "num_frames": 80,
        },
        "from_picture": {
            "model_mode": "image2video",
            "vision_path": "start.png",
            "resolution": "480",
            "num_frames": 61,
        },
        "picture": {"model_mode": "text2image", "resolution": "768", "aspect_ratio": "1,1"},
    }
    for name, spec in specs.items():
        write_spec(folder / f"{name}.json", {"name": name, "prompt": f"a {name} of tea", **spec})


def _check_paths(value: Any, result: Path, originals: Path) -> int:
    """Return how many paths are in a written result, of which each must lead to its file from there."""
    if not isinstance(value, dict):
        return 0
    found = 0
    for key, inner in value.items():
        found += _check_paths(inner, result, originals)
        if key.endswith("_path"):
            file = result.parent / inner
            assert file.samefile(originals / file.name)
            found += 1
    return found


def test_noise_held_to_a_schema_is_taken_for_each_mode_with_what_its_spec_decides(
    laptop: Laptop,
) -> None:
    specs = laptop.cwd / "specs"
    _write_specs(specs)
    with laptop.started("--box", "tiny", "--seed", "3", specs) as run:
        assert run.end() == 0, [*run.events[-4:], run.errors]

    written = {file.stem: file for file in (laptop.cwd / "outputs").glob("*.json")}
    results = {name: json.loads(file.read_text()) for name, file in written.items()}
    prompts = {name: json.loads(result["prompt"]) for name, result in results.items()}
    pins = ("resolution", "aspect_ratio", "duration", "fps")
    assert {name: [prompt.get(pin) for pin in pins] for name, prompt in prompts.items()} == {
        "transfer": [{"H": 192, "W": 320}, "16,9", "4s", 10],
        "film": [{"H": 320, "W": 192}, "9,16", "5s", 16],
        "from_picture": [{"H": 736, "W": 544}, "3,4", "2s", 24],
        "picture": [{"H": 1024, "W": 1024}, "1,1", None, None],
    }
    for name, prompt in prompts.items():
        assert prompt["mood"] in ("calm", "busy")
        assert ("actions" in prompt) is (name != "picture")
    paths = {name: _check_paths(results[name], written[name], specs) for name in written}
    assert paths == {"transfer": 2, "film": 0, "from_picture": 1, "picture": 0}

    redrawn = [event["name"] for event in run.events if event["type"] == "drawn again"]
    for name in written:
        sidecar = laptop.cwd / "outputs" / ".upsample" / f"{name}.upsample.json"
        (told,) = json.loads(sidecar.read_text())["results"]
        assert told["engine"] == "vllm 0.32.0"
        assert told["finish_reason"] == "stop"
        assert [draw["seed"] for draw in told.get("draws", [])] == [
            3 + 100 * n for n in range(redrawn.count(name))
        ]
        assert told["seed"] == 3 + 100 * redrawn.count(name)
