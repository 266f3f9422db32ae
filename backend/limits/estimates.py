"""Estimates the tokens of each size, and finds the largest size that fits at each aspect ratio."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.limits.sampled_sizes import BOUNDS, NamedSize
from backend.planning.plan import Planner
from backend.sizes import AspectRatio, Size
from backend.tokens import LINEAR, Budget, next_size, sizes_worth_sending


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """The tokens of some frames of one size."""

    name: str
    """The name of the size, as in `NamedSize`."""
    size: Size
    frames: int
    exact: int
    """Vision tokens by the model's own rule."""
    linear: int
    """Vision tokens by the rule of thumb."""
    budgets: tuple[Budget, ...]
    """One budget for each context length, in order, by the estimator that the settings choose."""


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest size that fits one context length, for videos of one aspect ratio."""

    aspect: AspectRatio
    frames: int
    max_model_len: int
    size: Size | None
    """None when not even the smallest one fits."""
    prompt_tokens: int
    """The prompt tokens at that size; 0 when none fits."""
    above: Size | None
    """The next larger size, which does not fit; None when the video fits at its full size."""


class LimitsLab:
    """Makes estimates for one set of settings and one prompt. It reads no file but the vocabulary."""

    def __init__(
        self, planner: Planner, prompt: str, contexts: Sequence[int], text: int | None = None
    ) -> None:
        """`text` is the number of the prompt's tokens. With None, they are counted.

        Raises ConfigError.
        """
        self.planner = planner
        self.prompt = prompt
        self.text = planner.text_tokens(prompt) if text is None else text
        self.contexts = tuple(contexts)

    def rows(
        self, sizes: Iterable[NamedSize], frame_counts: Sequence[int]
    ) -> tuple[EstimateRow, ...]:
        """Estimate each size with each number of frames."""
        return tuple(self._row(named, frames) for named in sizes for frames in frame_counts)

    def largest(self, frame_counts: Sequence[int]) -> tuple[Largest, ...]:
        """Find the largest size for each number of frames, context length and aspect ratio."""
        return tuple(
            self.largest_of(aspect, frames, limit)
            for frames in frame_counts
            for limit in self.contexts
            for aspect in AspectRatio
        )

    def largest_of(self, aspect: AspectRatio, frames: int, limit: int) -> Largest:
        """Find the largest size that fits, by bisection among the sizes that are worth sending."""
        sizes = self.sizes(aspect, frames)

        def exceeds(size: Size) -> bool:
            return not self.planner.weigh(self.text, size, frames, limit).fits

        fitting = bisect_left(sizes, True, key=exceeds)
        size = sizes[fitting - 1] if fitting else None
        tokens = self.planner.weigh(self.text, size, frames).prompt_tokens if size else 0
        above = self.above(aspect, size) if size else sizes[0]
        return Largest(aspect, frames, limit, size, tokens, above)

    def above(self, aspect: AspectRatio, size: Size) -> Size | None:
        """Return the next larger size; None where this is the video's full size."""
        return next_size(BOUNDS[aspect], size)

    def sizes(self, aspect: AspectRatio, frames: int) -> tuple[Size, ...]:
        """Return the sizes that are worth sending for a video of this aspect ratio, smallest first."""
        return sizes_worth_sending(BOUNDS[aspect], frames=frames, rule=self.planner.rule)

    def most_frames(self, size: Size, limit: int) -> int:
        """Return how many frames of this size fit together with the prompt."""
        one = self.planner.weigh(self.text, size, 1, limit)
        return max(0, (one.free + one.vision) // one.vision)

    def _row(self, named: NamedSize, frames: int) -> EstimateRow:
        size = named.size
        return EstimateRow(
            name=named.name,
            size=size,
            frames=frames,
            exact=self.planner.family.rule.vision_tokens(size, frames),
            linear=LINEAR.vision_tokens(size, frames),
            budgets=tuple(
                self.planner.weigh(self.text, size, frames, limit) for limit in self.contexts
            ),
        )
