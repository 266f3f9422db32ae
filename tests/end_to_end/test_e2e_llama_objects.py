"""A real llama.cpp server holds a small model with real weights to JSON schemas: a film and a picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.json_profile import write_small_profile
from tests.support.laptop import Laptop
from tests.support.llama_server import CONTEXT, llama_server
from tests.support.model_servers import model_server
from tests.support.specs import write_spec
from tests.support.sshd import Sshd

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers"), pytest.mark.timeout(180)]

_DRAWS = 20
"""A small model writes times that run backwards as it likes, which no schema forbids."""


def test_a_small_model_writes_a_film_and_a_picture_as_objects_with_what_their_specs_decide(
    trusted: Sshd, laptop: Laptop, box_root: Path, tmp_path: Path
) -> None:
    write_small_profile(
        laptop.config.parent / "profiles",
        context=CONTEXT,
        reserve=400,
        draws=_DRAWS,
        family="other",
        files="auto",
    )
    frames = {"resolution": "480", "fps": 10, "num_frames": 60}
    film = {"model_mode": "text2video", "prompt": "a red car in the rain", **frames}
    picture = {"model_mode": "text2image", "prompt": "a harbour", "aspect_ratio": "1,1"}
    specs = [
        write_spec(laptop.cwd / f"{name}.json", spec)
        for name, spec in (("film", film), ("picture", picture))
    ]
    with llama_server(tmp_path / "llama") as llama:
        llama.start()
        llama.wait_until_loaded()
        engine = model_server("llama.cpp", llama, None).engine()
        laptop.configure(
            'box = "test"\n[upsampling]\nprofile = "small"\n'
            f'[boxes.test]\nhost = "testbox"\nroot = "{box_root}"\n{engine}'
        )
        with laptop.started(*specs) as run:
            assert run.end() == 0, run.errors

    written = [json.loads((laptop.cwd / "outputs" / spec.name).read_text()) for spec in specs]
    made = [json.loads(it["prompt"]) for it in written]
    pins = ("resolution", "aspect_ratio", "duration", "fps")
    assert [[it.get(pin) for pin in pins] for it in made] == [
        [{"H": 480, "W": 832}, "16,9", "6s", 10],
        [{"H": 960, "W": 960}, "1,1", None, None],
    ]
    begins = [action["time"].partition("-")[0] for action in made[0]["actions"]]
    assert begins == sorted(begins)
    reasons = [event["reason"] for event in run.events if event["type"] == "drawn again"]
    assert all("runs backwards" in reason for reason in reasons)
