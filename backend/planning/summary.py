"""What a batch comes to before it is queued: jobs, tokens, bytes and time. Decides and never prints."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from backend.config import BoxSettings, EngineName
from backend.planning.admission import (
    AdmittedSpec,
    Assessment,
    Ground,
    RefusedSpec,
    refused_by_plan,
)
from backend.planning.orders import Batch
from backend.planning.plan import Plan
from backend.sizes import Size
from backend.specs.model import Spec
from backend.store import Order
from backend.video import DrawnFrames, Video

BYTES_PER_PIXEL = 1.1
"""Of a PNG of a street or workshop video; measured 0.9 to 1.5, and 0.4 for a segmentation."""
_SKETCH_SLOTS = 4


@dataclass(frozen=True, slots=True)
class Summary:
    """What would be queued, and what it costs."""

    box: str
    engine: str
    orders: tuple[Order, ...]
    """What is to be queued, in order."""
    prompts: int
    """Specs that these are for."""
    prompt_tokens: int
    """Of all requests together."""
    answer_tokens: int
    """The most that may come back, all together."""
    bytes: int
    """Of all frames together, as they are sent (in base64). Those that jobs share count once."""
    bytes_are_exact: bool
    """False when some frames are not drawn yet, so that their size is a guess."""
    refused: tuple[RefusedSpec, ...]
    """Everything that is not queued."""
    seconds_an_answer: float | None
    """Median of earlier answers of this engine; None when there are none."""
    slots: int
    """Answers that the engine writes at once."""

    @property
    def seconds(self) -> float | None:
        """About how long the engine will take; None when nothing is known of it."""
        if self.seconds_an_answer is None or not self.orders:
            return None
        at_once = min(self.slots, len(self.orders))
        return self.seconds_an_answer * len(self.orders) / at_once

    def refused_by_ground(self) -> dict[Ground, list[RefusedSpec]]:
        """The refused ones in groups, the largest first."""
        groups: dict[Ground, list[RefusedSpec]] = {}
        for refused in self.refused:
            groups.setdefault(refused.ground, []).append(refused)
        return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


@dataclass(slots=True)
class _Sums:
    orders: list[Order] = field(default_factory=list)
    refused: list[RefusedSpec] = field(default_factory=list)
    prompts: int = 0
    prompt_tokens: int = 0
    bytes: int = 0
    bytes_are_exact: bool = True
    shown: set[tuple[Video, Video | None, Size, int]] = field(default_factory=set)
    """Frames whose bytes are counted: the videos that they are of, their size and how many there are."""


def summarise(
    assessment: Assessment,
    plan: Callable[[Spec], Plan],
    batch: Batch,
    durations: Sequence[float],
    weighed: Callable[[int], object] = lambda count: None,
) -> Summary:
    """What the assessed specs come to. Blocks for as long as `plan` does, once for each spec.

    `durations`: seconds of earlier answers of this engine. `weighed` is told after each spec how many
    are weighed; what it raises ends the work.
    """
    sums = _Sums(refused=list(assessment.refused))
    drawn = DrawnFrames(batch.settings.hint_video_dir, batch.settings.frame_sampling)
    for count, accepted in enumerate(assessment.accepted, 1):
        _add(sums, accepted, plan(accepted.spec), drawn)
        weighed(count)
    return Summary(
        box=batch.box,
        engine=batch.box_settings.engine,
        orders=tuple(sums.orders),
        prompts=sums.prompts,
        prompt_tokens=sums.prompt_tokens,
        answer_tokens=len(sums.orders) * batch.settings.reserve,
        bytes=sums.bytes,
        bytes_are_exact=sums.bytes_are_exact,
        refused=tuple(sums.refused),
        seconds_an_answer=statistics.median(durations) if durations else None,
        slots=slots(batch.box_settings),
    )


def slots(box: BoxSettings) -> int:
    """Answers that the box's engine writes at once, as it is set up."""
    match box.engine:
        case EngineName.VLLM:
            return box.vllm.max_num_seqs
        case EngineName.OPENAI:
            return box.openai.slots
        case EngineName.SKETCH:
            return _SKETCH_SLOTS


def _add(sums: _Sums, accepted: AdmittedSpec, plan: Plan, drawn: DrawnFrames) -> None:
    if refused := refused_by_plan(accepted.spec, plan):
        sums.refused.append(refused)
        return
    count = len(accepted.orders)
    sums.orders += accepted.orders
    sums.prompts += 1
    sums.prompt_tokens += count * (plan.budget.prompt_tokens if plan.budget else 0)
    if plan.video is None or plan.size is None:
        return
    frames = (plan.video, plan.control, plan.size, plan.frames)
    if frames in sums.shown:
        return
    sums.shown.add(frames)
    image_bytes = _drawn_bytes(plan, plan.video, plan.size, drawn)
    if image_bytes is None:
        sums.bytes_are_exact = False
        pixels = plan.size.width * plan.size.height * plan.frames
        image_bytes = round(pixels * BYTES_PER_PIXEL)
    sums.bytes += -(-image_bytes // 3) * 4


def _drawn_bytes(plan: Plan, video: Video, size: Size, drawn: DrawnFrames) -> int | None:
    own = drawn.image_bytes(video, size, plan.frames - plan.control_frames)
    if own is None or plan.control is None:
        return own
    second = drawn.image_bytes(plan.control, size, plan.control_frames)
    return None if second is None else own + second
