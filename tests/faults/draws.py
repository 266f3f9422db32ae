"""Answers that are not as the profile wants them: kills between two draws, and what must hold after."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.batch import Batch
from tests.faults.engine import SEEDS_APART, wrong_draws
from tests.faults.field import JsonObject
from tests.faults.kind import Act, Hit
from tests.faults.waiting import comes_true

_SECONDS = 3.0
"""That the next draw is waited for."""


@dataclass(frozen=True)
class KillBetweenDraws:
    """Something is killed when an answer was not taken, and before the next one is there."""

    kill: Act

    async def do(self, hit: Hit, number: int) -> bool:
        before = hit.drawn_again
        if not await comes_true(lambda: hit.drawn_again > before, _SECONDS):
            return False
        return await self.kill.do(hit, number)


def judge_draws(batch: Batch, told: Sequence[JsonObject]) -> list[str]:
    """Each wrong draw was asked for, counted and told, in order. `told` is the server's account.

    That none is asked for twice without need is judged with all other repeats.
    """
    if batch.house.engine != "objects" or batch.troubles:
        return []
    troubles = []
    for prompt, (file, entry) in batch.prompts.items():
        wrong = wrong_draws(prompt)
        sidecar = file.parent / ".upsample" / f"{file.stem}.upsample.json"
        results = json.loads(sidecar.read_text())["results"]
        (result,) = (it for it in results if it["entry"] == entry)
        seeds = [draw["seed"] for draw in result.get("draws", [])] + [result["seed"]]
        wanted = [SEEDS_APART * draw for draw in range(wrong + 1)]
        if seeds != wanted:
            troubles.append(f"WRONG: {prompt!r} counts the draws {seeds}, and had {wanted}")
        completed = {it["seed"] for it in told if it["prompt"] == prompt and "text" in it}
        if completed != set(wanted):
            troubles.append(f"WRONG: {prompt!r} was drawn with {sorted(completed)}, not {wanted}")
    return troubles + _judge_news(batch)


def _judge_news(batch: Batch) -> list[str]:
    """Where no run was disturbed, each draw is told once."""
    if batch.injected or len(batch.lives) > 1:
        return []
    events = [event for life in batch.lives for _, event in life.events]
    draws = Counter(event["name"] for event in events if event["type"] == "drawn again")
    wanted = sum(map(wrong_draws, batch.prompts))
    return (
        []
        if draws.total() == wanted
        else [f"WRONG: {draws.total()} draws were told, and there were {wanted}"]
    )
