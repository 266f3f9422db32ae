"""The largest size whose frames fit the context."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

from backend.sizes import UNBOUNDED, Bound, Size
from backend.tokens.budget import OVERHEAD, Budget
from backend.tokens.vision_tokens import PIXTRAL, VisionRule


def fit(
    source: Size,
    *,
    text: int,
    limit: int,
    reserve: int,
    frames: int = 2,
    rule: VisionRule = PIXTRAL,
    bound: Bound = UNBOUNDED,
    overhead: int = OVERHEAD,
) -> Size | None:
    """The largest size that can be sent, or None when not even the smallest one fits.

    `text`, `limit`, `reserve` and `overhead` are in tokens. The source itself, odd sides and all, when
    it fits and lies within the bound. Otherwise the largest area over the even heights, each with the
    even width nearest to the source's aspect, that is no larger than the source or the bound.

    The cost is not always monotone in the height (above the model's longest side, rounding moves it by
    a row; Qwen enlarges small pictures), so nothing is bisected by height: the sizes worth sending are
    listed once per source.
    """
    budget = Budget(limit, reserve, text, rule.vision_tokens(source, frames), overhead)
    if budget.fits and bound.allows(source) and rule.accepts(source):
        return source
    frontier = _frontier(source, rule, frames, bound)
    fitting = bisect_right(frontier.tokens, budget.free + budget.vision)
    return frontier.sizes[fitting - 1] if fitting else None


def sizes_worth_sending(
    source: Size, *, frames: int = 2, rule: VisionRule = PIXTRAL, bound: Bound = UNBOUNDED
) -> tuple[Size, ...]:
    """The sizes among which `fit` chooses for a source that does not fit itself, the smallest first.

    Each costs more tokens than the one before, and no larger size costs as little.
    """
    return _frontier(source, rule, frames, bound).sizes


def next_size(source: Size, size: Size) -> Size | None:
    """The size two pixels higher in the source's aspect; None when the source is no higher than that."""
    height = (size.height & ~1) + 2
    return (
        Size(min(_even_width(height, source), source.width), height)
        if height <= source.height
        else None
    )


class _Frontier(NamedTuple):
    """The sizes that no other one beats: each costs more than the one before, and is larger."""

    tokens: tuple[int, ...]
    sizes: tuple[Size, ...]


# One entry takes some kilobytes and a few ms; a folder of specs has a handful of different sizes.
@lru_cache(maxsize=512)
def _frontier(source: Size, rule: VisionRule, frames: int, bound: Bound) -> _Frontier:
    best: list[tuple[int, Size]] = []
    for height in range(source.height & ~1, 0, -2):
        size = Size(_even_width(height, source), height)
        if size.width > source.width or not bound.allows(size) or not rule.accepts(size):
            continue
        tokens = rule.vision_tokens(size, frames)
        if not best or tokens < best[-1][0]:
            best.append((tokens, size))
    best.reverse()
    return _Frontier(tuple(tokens for tokens, _ in best), tuple(size for _, size in best))


def _even_width(height: int, source: Size) -> int:
    """The even width nearest to height × aspect, the smaller one at a tie, at least 2."""
    return max(2, (height * source.width + source.height - 1) // (2 * source.height) * 2)
