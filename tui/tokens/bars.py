"""Budgets as bars. The parts of a bar have different glyphs, so that they differ without colour too."""

from __future__ import annotations

from collections.abc import Sequence

from backend.tokens import Budget

VISION, TEXT, ANSWER, FREE, BEYOND = "█", "▓", "░", "·", "▶"


def small_bar(budget: Budget, width: int) -> tuple[str, str]:
    """Return the filled and the empty part of a bar of `width` cells: the prompt's tokens against the
    limit.
    """
    if not budget.fits:
        return "━" * (width - 1) + BEYOND, ""
    halves = min(width * 2, max(1, round(budget.prompt_tokens * width * 2 / budget.limit)))
    filled, half = divmod(halves, 2)
    return "━" * filled + "╸" * half, "─" * (width - filled - half)


def budget_bar(budget: Budget, width: int) -> list[tuple[str, int]]:
    """Return the glyphs of a bar and how often each stands, `width` cells together.

    The parts are vision, text, answer and free. If the budget is exceeded, the bar is as long as the need,
    and BEYOND marks what lies over the limit.
    """
    parts = [budget.vision, budget.overhead + budget.text, budget.reserve, max(0, budget.free)]
    cells = _shares(parts, width)
    bar = list(zip((VISION, TEXT, ANSWER, FREE), cells, strict=True))
    return bar if budget.fits else _beyond(bar, round(width * budget.limit / budget.needed))


def _beyond(bar: list[tuple[str, int]], within: int) -> list[tuple[str, int]]:
    """Cut the bar at the limit, and put BEYOND into the cells behind it."""
    width = sum(count for _, count in bar)
    within = min(within, width - 1)
    kept: list[tuple[str, int]] = []
    for glyph, count in bar:
        kept.append((glyph, min(count, within - sum(n for _, n in kept))))
    return [*kept, (BEYOND, width - within)]


def _shares(parts: Sequence[int], width: int) -> list[int]:
    """Divide `width` cells in proportion to `parts`; each part above zero has one at least."""
    total = sum(parts) or 1
    cells = [max(1, part * width // total) if part else 0 for part in parts]
    # Rounding is settled by the largest part, where a cell more or less shows least.
    cells[cells.index(max(cells))] += width - sum(cells)
    return cells
