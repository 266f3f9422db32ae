"""Asking an engine: requests around made-up frames, and what comes back. For any chat server, real or not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from remote.engines import Completion, Engine, Piece
from remote.engines.http import Server
from remote.engines.openai import Limits, OpenAIEngine
from remote.protocol import FrameInfo, Request, Sampling

MODEL = "a-model"
QUICK = Limits(connect=0.5, first=0.3, between=0.3, question=0.3)
"""For tests in which a limit is to be met."""


def request(
    prompt: str = "a harbour at dusk",
    images: Sequence[bytes] = (),
    system: str = "",
    max_tokens: int = 300,
    seed: int = 7,
) -> Request:
    frames = tuple(
        FrameInfo(hashlib.sha256(image).hexdigest(), 16, 9, number)
        for number, image in enumerate(images)
    )
    return Request("transfer1", MODEL, system, prompt, frames, Sampling(0.6, max_tokens, seed))


def engine_of(server: Server, limits: Limits | None = None) -> OpenAIEngine:
    return OpenAIEngine(server, MODEL, slots=4, limits=limits)


async def pieces_of(
    engine: Engine, asked: Request | None = None, images: Sequence[bytes] = ()
) -> list[Piece]:
    return [piece async for piece in engine.generate(asked or request(), images)]


async def answer_of(
    engine: Engine, asked: Request | None = None, images: Sequence[bytes] = ()
) -> tuple[str, Completion]:
    """The text and how it ended."""
    *text, end = await pieces_of(engine, asked, images)
    assert isinstance(end, Completion)
    assert all(isinstance(piece, str) and piece for piece in text)
    return "".join(map(str, text)), end
