"""Orders, requests and answers of made-up jobs, for tests of the queue alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backend.store import Order
from remote.protocol import Answer, FrameInfo, Request, Sampling

REQUEST = Request(
    profile="transfer1",
    model="m",
    system="",
    prompt="dusk",
    frames=(FrameInfo("ab" * 32, 640, 480, 1.25),),
    sampling=Sampling(0.6, 300, 7),
)
ANSWER = Answer(
    text="A long dusk.",
    finish_reason="stop",
    engine="vllm 0.32.0",
    prompt_tokens=2479,
    completion_tokens=5,
    runner="0123456789ab",
    notice="",
    attempt=1,
    started=100.0,
    ended=102.5,
)


def new_job(key: str = "k", **changes: object) -> Order:
    job = Order(
        key=key,
        box="local",
        file=Path("/specs/a.json"),
        entry=0,
        name="dusk",
        prompt="Warm dusk",
        video=Path("/videos/a.mp4"),
        candidate=0,
        seed=7,
        settings="{}",
        destination=Path("/out/a.json"),
    )
    return replace(job, **changes)  # type: ignore[arg-type]
