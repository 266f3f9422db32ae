"""Collects what an engine writes in one attempt into an Answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from remote.engines import Completion, Engine, EngineError, Hold
from remote.jobs.board import EngineAttempt
from remote.jobs.spending import Spending
from remote.protocol import Answer


async def collect_answer(
    engine: Engine,
    attempt: EngineAttempt,
    images: Sequence[bytes],
    runner: str,
    spending: Spending,
    hear_text: Callable[[int, str], None],
    hear_hold: Callable[[Hold], None],
) -> Answer:
    """Let the engine answer. `hear_text` gets each piece with its offset, and `hear_hold` each Hold.

    Raises what `Engine.generate` raises.
    """
    started = time.time()
    text = ""
    end: Completion | None = None
    async for piece in engine.generate(attempt.request, images):
        if isinstance(piece, Completion):
            end = piece
        elif isinstance(piece, Hold):
            hear_hold(piece)
        else:
            hear_text(len(text), piece)
            text += piece
    if end is None:
        raise EngineError("the answer broke off")
    return Answer(
        text=text,
        finish_reason=end.finish_reason,
        engine=engine.name,
        prompt_tokens=end.prompt_tokens,
        completion_tokens=end.completion_tokens,
        runner=runner,
        notice=engine.notice,
        attempt=attempt.number,
        started=started,
        ended=time.time(),
        cost=spending.cost(end.usage),
    )
