"""Finds the largest size at which frames fit the context."""

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
    """Return the largest size that can be sent, or None when not even the smallest one fits.

    `text`, `limit`, `reserve` and `overhead` are in tokens. Returns the source's own size, which may be odd,
    when it fits and is within the bound. Otherwise the candidates have an even height and the even width
    nearest to the source's aspect, and are not larger than the source or the bound; the candidate with the
    largest area is returned.

    The tokens do not always grow with the height: above the model's longest side, rounding changes them by a
    row, and Qwen enlarges small pictures. So a bisection by height would be wrong, and the sizes worth
    sending are listed once for each source.
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
    """Return the sizes that `fit` chooses from when the source itself does not fit, smallest first.

    Each takes more tokens than the one before, and no larger size takes as few tokens.
    """
    return _frontier(source, rule, frames, bound).sizes


def next_size(source: Size, size: Size) -> Size | None:
    """Return the size two pixels higher, in the source's aspect; None where the source is not that high."""
    height = (size.height & ~1) + 2
    return (
        Size(min(_even_width(height, source), source.width), height)
        if height <= source.height
        else None
    )


class _Frontier(NamedTuple):
    """The sizes worth sending, with their tokens. Each size is larger and takes more tokens than the last."""

    tokens: tuple[int, ...]
    sizes: tuple[Size, ...]


# An entry takes some kilobytes and a few ms to compute. A folder of specs has few different sizes.
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
    """Return the even width nearest to height × aspect: the smaller one at a tie, and at least 2."""
    return max(2, (height * source.width + source.height - 1) // (2 * source.height) * 2)
