"""Sums up what a batch costs before it is queued: jobs, tokens, bytes and time. It never prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backend.config import Send
from backend.config.profiles import AUTO, OTHERWISE
from backend.planning.admission import (
    AdmittedSpec,
    Assessment,
    Ground,
    RefusedSpec,
    refused_by_plan,
)
from backend.planning.clips import is_clip
from backend.planning.costs import most_draws, token_cost
from backend.planning.frame_format import planned_format
from backend.planning.orders import Batch
from backend.planning.pace import Pace
from backend.planning.plan import Plan
from backend.sizes import Size
from backend.specs.model import Spec
from backend.store import Order
from backend.video import DrawnFrames, FrameFormat, Video
from backend.video.packing import packed_bytes
from backend.video.sent_clips import clip_bytes

BYTES_PER_PIXEL = {FrameFormat.PNG: 1.1, FrameFormat.WEBP: 0.7, FrameFormat.JPEG: 0.25}
"""Bytes for each pixel, for a street or workshop video; measured 0.9 to 1.5 of a PNG, and 0.4 for a
segmentation."""
_CLIP_BYTES_PER_PIXEL = 0.15
"""The same for a clip, by estimate."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What would be queued, and what it costs."""

    box: str
    engine: str
    orders: tuple[Order, ...]
    """The orders to be queued, in their order."""
    prompts: int
    """How many specs the orders are for."""
    prompt_tokens: int
    """Prompt tokens of all requests together."""
    answer_tokens: int
    """The most answer tokens of all requests together."""
    bytes: int
    """Size of all frames in bytes, as they are sent (in base64). Frames that jobs share count once."""
    bytes_are_exact: bool
    """False when some frames are not drawn yet, so that their size is estimated."""
    refused: tuple[RefusedSpec, ...]
    """The specs that are not queued."""
    pace: Pace
    cost: float | None = None
    """What all of it costs at most, if no attempt fails; None where the box's settings have no prices."""
    spend_limit: float = 0.0
    """The most that the box spends in 24 hours; 0 for no limit."""
    profiles: Mapping[str, int] = field(default_factory=dict)
    """How many of the prompts are asked about with each profile, in the order of the specs. Empty where the
    settings name one profile for all, or where none is taken because it fits."""
    draws: int = 1
    """How often an answer is drawn at most, where a profile wants JSON."""
    replaced: tuple[int, ...] = ()
    """The jobs whose accepted results make way for these."""

    @property
    def seconds(self) -> float | None:
        """About how long the engine will take; None without earlier answers."""
        return self.pace.seconds_for(len(self.orders))

    def refused_by_ground(self) -> dict[Ground, list[RefusedSpec]]:
        """Group the refused specs by their ground, the largest group first."""
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
    answer_tokens: int = 0
    bytes: int = 0
    bytes_are_exact: bool = True
    shown: set[tuple[tuple[tuple[Video, int], ...], Size]] = field(default_factory=set)
    """Frames whose bytes are counted already, by video, control video, size and number of frames."""
    profiles: dict[str, int] = field(default_factory=dict)


def summarise(
    assessment: Assessment,
    plan: Callable[[Spec], Plan],
    batch: Batch,
    pace: Pace,
    weighed: Callable[[int], object] = lambda count: None,
) -> Summary:
    """Sum up what the assessed specs cost. Blocks, because it calls `plan` for each spec.

    `pace` is that of the batch's box. `weighed` is a callback that is called after each spec with the number
    of planned specs; an error that it raises ends the work.
    """
    sums = _Sums(refused=list(assessment.refused))
    settings = batch.settings
    form = planned_format(settings, batch.box_settings)
    per_pixel = BYTES_PER_PIXEL[form]
    if settings.send is Send.CLIP:
        per_pixel = _CLIP_BYTES_PER_PIXEL
    drawn = DrawnFrames(
        settings.hint_video_dir,
        settings.frame_sampling,
        lambda folder, count: (
            clip_bytes(folder)
            if is_clip(settings, count)
            else packed_bytes(folder, count, form, settings.jpeg_quality)
        ),
    )
    for count, accepted in enumerate(assessment.accepted, 1):
        _add(sums, accepted, plan(accepted.spec), drawn, per_pixel)
        weighed(count)
    is_by_spec = batch.settings.profile == AUTO
    return Summary(
        box=", ".join(batch.fleet) or batch.box,
        engine=batch.box_settings.engine,
        orders=tuple(sums.orders),
        prompts=sums.prompts,
        prompt_tokens=sums.prompt_tokens,
        answer_tokens=sums.answer_tokens,
        bytes=sums.bytes,
        bytes_are_exact=sums.bytes_are_exact,
        refused=tuple(sums.refused),
        pace=pace,
        cost=token_cost(batch.box_settings, sums.prompt_tokens, sums.answer_tokens),
        draws=most_draws(sums.profiles),
        spend_limit=batch.box_settings.openai.spend_limit,
        profiles=sums.profiles if is_by_spec and set(sums.profiles) != {OTHERWISE} else {},
    )


def _add(
    sums: _Sums, accepted: AdmittedSpec, plan: Plan, drawn: DrawnFrames, per_pixel: float
) -> None:
    if refused := refused_by_plan(accepted.spec, plan):
        sums.refused.append(refused)
        return
    sums.profiles[plan.profile] = sums.profiles.get(plan.profile, 0) + 1
    count = len(accepted.orders)
    sums.orders += accepted.orders
    sums.prompts += 1
    if plan.budget:
        sums.prompt_tokens += count * plan.budget.prompt_tokens
        sums.answer_tokens += count * plan.budget.reserve
    if plan.video is None or plan.size is None:
        sums.bytes_are_exact = sums.bytes_are_exact and not plan.to_fetch
        return
    frames = (plan.shown, plan.size)
    if frames in sums.shown:
        return
    sums.shown.add(frames)
    image_bytes = _drawn_bytes(plan, plan.size, drawn)
    if image_bytes is None:
        sums.bytes_are_exact = False
        pixels = plan.size.width * plan.size.height * plan.frames
        image_bytes = round(pixels * per_pixel)
    sums.bytes += -(-image_bytes // 3) * 4


def _drawn_bytes(plan: Plan, size: Size, drawn: DrawnFrames) -> int | None:
    """Return the bytes of the plan's frames; None where some are not drawn yet."""
    of_each = [drawn.image_bytes(video, size, frames) for video, frames in plan.shown]
    known = [size for size in of_each if size is not None]
    return sum(known) if len(known) == len(of_each) else None
