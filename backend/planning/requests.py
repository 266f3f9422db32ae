"""Makes the request that a box is sent for a plan."""

from __future__ import annotations

import math
from collections.abc import Sequence

from backend.planning.answer_schema import narrowed
from backend.planning.plan import Plan, Planner
from backend.video import Frame
from remote.protocol import FrameInfo, Request, Sampling


def make_request(
    plan: Plan, frames: Sequence[Frame], planner: Planner, model: str, seed: int, candidate: int
) -> Request:
    """Make the request that is sent to a box for this plan; `frames` is empty for a prompt without a video.

    Candidates differ by their seed: candidate `c` has `seed + c`.
    """
    profile, made = planner.profile, plan.generation
    schema = profile.schema_for(made.mode, made.source) if profile.answer.enforce else ""
    return Request(
        profile=profile.name,
        model=model,
        system=planner.system,
        prompt=planner.message(plan),
        frames=tuple(
            FrameInfo(f.sha256, f.width, f.height, f.time, f.webp, f.times) for f in frames
        ),
        sampling=Sampling(
            max_tokens=planner.settings.reserve,
            seed=seed + candidate,
            **profile.sampling.model_dump(),
        ),
        candidate=candidate,
        schema=narrowed(schema, math.ceil(made.seconds)),
    )
