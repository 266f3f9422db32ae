"""Advises users before anything is sent: whether a size fits the context, and which size would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.sizes import CATEGORIES, UNBOUNDED, AspectRatio, Bound, Size
from backend.tokens.budget import OVERHEAD, Budget, Verdict
from backend.tokens.sizing import fit
from backend.tokens.vision import LINEAR, PIXTRAL, VisionRule


@dataclass(frozen=True, slots=True)
class SizeCheck:
    """How many tokens frames of one size cost."""

    size: Size
    frames: int
    linear: int
    """Vision tokens by the users' rule of thumb, for comparison."""
    budget: Budget
    """Tokens by the model's own rule."""

    @property
    def verdict(self) -> Verdict:
        """Whether the size fits by the model's own rule."""
        return self.budget.verdict


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One of the sizes that Cosmos is trained on, and what it costs."""

    category: int
    aspect: AspectRatio
    check: SizeCheck


@dataclass(frozen=True, slots=True)
class Validation:
    """Whether a video can be sent as it is, and what to do when it cannot."""

    video: Path
    source: SizeCheck
    """The check of the video's own size."""
    largest: SizeCheck | None
    """The check of the largest size that fits and that the bound allows: `source` when its own size does,
    None when no size does."""

    @property
    def verdict(self) -> Verdict:
        """Whether the video's own size fits."""
        return self.source.verdict

    @property
    def advice(self) -> str:
        """The advice to the user, in one sentence."""
        budget = self.source.budget
        has = f"{self.source.size} takes {budget.prompt_tokens:,} of {budget.limit:,} tokens"
        kept = f"{budget.reserve:,} kept for the answer"
        if self.largest is None:
            return (
                f"{has}, and no size leaves room for the prompt and the answer: send fewer frames."
            )
        best = self.largest
        send = f"send it as {best.size} ({best.budget.prompt_tokens:,} tokens)"
        if self.verdict is Verdict.EXCEEDS:
            return f"{has}, which is {-budget.free:,} too many with {kept}: {send}."
        if best.size != self.source.size:
            return f"{has}, but is above the greatest resolution: {send}."
        if self.verdict is Verdict.NEAR:
            return f"{has} with {kept}: it fits, with {budget.free:,} to spare."
        return f"{has} with {kept}: send it as it is."


def check_size(
    size: Size,
    *,
    text: int,
    limit: int,
    reserve: int,
    frames: int = 2,
    rule: VisionRule = PIXTRAL,
    overhead: int = OVERHEAD,
) -> SizeCheck:
    """Compute what `frames` pictures of this size cost, with `text` tokens of prompt."""
    budget = Budget(limit, reserve, text, rule.vision_tokens(size, frames), overhead)
    return SizeCheck(size, frames, LINEAR.vision_tokens(size, frames), budget)


def category_matrix(
    *,
    text: int,
    limit: int,
    reserve: int,
    frames: int = 2,
    rule: VisionRule = PIXTRAL,
    overhead: int = OVERHEAD,
) -> tuple[CategoryRow, ...]:
    """Check each Cosmos size, largest category first: 5 categories × 5 aspect ratios = 25 rows."""
    return tuple(
        CategoryRow(
            category,
            aspect,
            check_size(
                size,
                text=text,
                frames=frames,
                limit=limit,
                reserve=reserve,
                rule=rule,
                overhead=overhead,
            ),
        )
        for category, sizes in CATEGORIES.items()
        for aspect, size in sizes.items()
    )


def validate_resolution(
    video: str | Path,
    max_tokens: int = 4096,
    *,
    text: int = 0,
    frames: int = 2,
    reserve: int = 300,
    rule: VisionRule = PIXTRAL,
    bound: Bound = UNBOUNDED,
) -> Validation:
    """Check whether the video or image fits a context of `max_tokens`, and find the largest size that does.

    `text` is how many tokens the prompt has, and `reserve` how many are kept free for the answer. An image
    counts as one frame. Raises MediaError when the file cannot be read as media.
    """
    from backend.video.probe import probe

    media = probe(Path(video))
    # A still picture gives one frame, however many are requested.
    shown = min(frames, media.frames)
    source = check_size(
        media.size, text=text, frames=shown, limit=max_tokens, reserve=reserve, rule=rule
    )
    best = fit(
        media.size,
        text=text,
        limit=max_tokens,
        reserve=reserve,
        frames=shown,
        rule=rule,
        bound=bound,
    )
    largest = best and check_size(
        best, text=text, frames=shown, limit=max_tokens, reserve=reserve, rule=rule
    )
    return Validation(Path(video), source, largest or None)
