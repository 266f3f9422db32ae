"""What the doctor keeps while it waits for the first token."""

from __future__ import annotations

from backend.box.links.link import Box
from backend.config import load_settings
from backend.doctor import first_token
from backend.doctor.first_token import _make_request, _Probe
from remote.protocol import EngineStage, Setup


async def test_a_box_that_tells_stages_without_end_fills_no_memory() -> None:
    box = Box("h100", "gpu", Setup("/root", "sketch", "", 1.0))
    probe = _Probe(box, _make_request(box.setup.model, load_settings()), lambda _: None)
    for number in range(500):
        await probe.hear_of_moment(EngineStage(float(number), f"stage {number}"))
    assert len(probe._stages) == first_token._MOST_STAGES
    assert probe._stages[-1].stage == "stage 499"
