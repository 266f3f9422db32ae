"""How a box does, in a few words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.box.status_text import LINK_SIGNS, away_words, gpus_text, link_words, status_parts
from backend.events import BoxStatus, LinkState
from remote.protocol import EngineLoad, Gpu

GIB = 1 << 30
H100 = Gpu(0, "NVIDIA H100 80GB HBM3", 63488 << 20, 81559 << 20, 71.0)
IDLE = Gpu(1, "NVIDIA H100 80GB HBM3", 0, 81559 << 20, 0.0)


@pytest.mark.parametrize(
    ("gpus", "text"),
    [
        ((), ""),
        ((H100,), "GPU 71 % 62/80 GB"),
        ((H100, IDLE), "2 GPUs 36 % 62/159 GB"),
        ((Gpu(0, "GB10", None, None, 3.0),), "GPU 3 %"),
        ((Gpu(0, "MIG", 2 * GIB, 40 * GIB),), "GPU 2/40 GB"),
        ((H100, Gpu(1, "lost")), "2 GPUs"),
    ],
)
def test_gpus_are_told_as_one(gpus: tuple[Gpu, ...], text: str) -> None:
    assert gpus_text(gpus) == text


def test_a_box_that_is_ready_tells_of_its_gpu_its_jobs_and_its_speed() -> None:
    status = BoxStatus("h100", 1.0, "ready", 12, 3, EngineLoad(3, 0, 1.0, 1312.4, 0.1), (H100,))
    assert status_parts(status) == ["GPU 71 % 62/80 GB", "3 running 12 waiting", "1,312 tok/s"]
    assert status_parts(status, jobs=False) == ["GPU 71 % 62/80 GB", "1,312 tok/s"]
    assert status_parts(replace(status, slots=8))[1] == "3 of 8 running 12 waiting"


def test_a_box_that_starts_tells_how_far_it_is() -> None:
    status = BoxStatus("h100", 1.0, "loading weights", 2, 0, None, ())
    assert status_parts(status) == ["loading weights", "0 running 2 waiting"]


def test_a_box_that_knows_nothing_says_nothing() -> None:
    assert status_parts(BoxStatus("h100", 1.0, "", 0, 0, EngineLoad(), ())) == []


def test_every_state_of_a_link_has_a_glyph_and_a_word_of_its_own() -> None:
    assert set(LINK_SIGNS) == set(LinkState)
    assert len({sign.glyph for sign in LINK_SIGNS.values()}) == len(LinkState)
    assert len({sign.word for sign in LINK_SIGNS.values()}) == len(LinkState)


@pytest.mark.parametrize(
    ("state", "seconds", "words"),
    [
        (LinkState.RETRYING, 12.4, "retrying in 12 s"),
        (LinkState.RETRYING, -0.3, "retrying in 0 s"),
        (LinkState.STALE, 14.0, "stale for 14 s"),
        (LinkState.WAITING, None, "waiting for you"),
        (LinkState.LIVE, None, "live"),
    ],
)
def test_a_link_says_how_long_it_has_been_or_will_be_so(
    state: LinkState, seconds: float | None, words: str
) -> None:
    assert link_words(state, seconds) == words


def test_a_stage_says_why_a_model_server_is_away() -> None:
    assert away_words("away: it loads; trying again in 2 s") == "it loads; trying again in 2 s"
    assert [away_words(stage) for stage in ("", "ready", "starting", "away")] == [""] * 4
