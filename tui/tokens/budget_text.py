"""A budget in words and as a bar, and lines of facts. The parts of a bar have different glyphs, so that they
differ without colour too.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from backend.tokens import Budget
from tui.tokens.verdicts import Standing

VISION, TEXT, RESERVE, FREE, BEYOND = "█", "▓", "░", "·", "▶"
_LONGEST_BAR = 96
_LABEL = 10
_BAR_COLOURS = {
    VISION: "$primary",
    TEXT: "$accent",
    RESERVE: "$foreground-muted",
    FREE: "$foreground-disabled",
    BEYOND: "$text-error",
}


def budget_lines(budget: Budget, stands: Standing, width: int) -> list[Content]:
    """Return the verdict with its sum, the bar, and the parts of the bar."""
    verdict = Content.assemble((stands.text, f"bold {stands.colour}"), f"  {sum_text(budget)}")
    if verdict.cell_length > width:
        brief = sum_text(budget).replace(" tokens", "")
        verdict = Content.assemble((stands.text, f"bold {stands.colour}"), f"  {brief}")
    return [
        *verdict.wrap(width),
        bar(budget, min(width, _LONGEST_BAR)),
        *_legend(budget, width),
    ]


def sum_text(budget: Budget) -> str:
    """ "4,084 of 4,096 tokens, 12 free"; with ≈ where the count is an estimate, and told where measured."""
    rest = f"{budget.free:,} free" if budget.fits else f"{-budget.free:,} too many"
    measured = ", measured" if budget.measured else ""
    return (
        f"{about(budget.estimated)}{budget.needed:,} of {budget.limit:,} tokens, {rest}{measured}"
    )


def about(estimated: bool) -> str:
    """Return the sign before a number that is an upper estimate."""
    return "≈" if estimated else ""


def bar(budget: Budget, width: int) -> Content:
    """Draw the bar, each part with its glyph and colour."""
    parts = budget_bar(budget, width)
    return Content.assemble(*((glyph * count, _BAR_COLOURS[glyph]) for glyph, count in parts))


def frames_text(count: int) -> str:
    """ "1 frame", "2 frames"."""
    return "1 frame" if count == 1 else f"{count} frames"


def fact_lines(label: str, value: str | Content, width: int) -> list[Content]:
    """Return a label and its value, which is wrapped below itself."""
    content = value if isinstance(value, Content) else Content(value)
    lines = content.wrap(max(10, width - _LABEL))
    labels = [label] + [""] * (len(lines) - 1)
    return [
        Content.assemble((f"{name[: _LABEL - 1]:<{_LABEL}}", "$foreground-muted"), line)
        for name, line in zip(labels, lines, strict=True)
    ]


def _legend(budget: Budget, width: int) -> list[Content]:
    named = [
        (VISION, f"vision {budget.vision:,}"),
        (TEXT, f"text {about(budget.estimated)}{budget.text + budget.overhead:,}"),
        (RESERVE, f"reserve {budget.reserve:,}"),
    ]
    parts = [Content.assemble((glyph, _BAR_COLOURS[glyph]), f" {what}") for glyph, what in named]
    lines, row = [], parts[0]
    for part in parts[1:]:
        # A part stays whole: its glyph says nothing without its number.
        if row.cell_length + 2 + part.cell_length > width:
            lines.append(row)
            row = part
        else:
            row = Content("  ").join([row, part])
    return [*lines, row]


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

    The parts are vision, text, reserve and free. If the budget is exceeded, the bar is as long as the need,
    and BEYOND marks what lies over the limit.
    """
    parts = [budget.vision, budget.overhead + budget.text, budget.reserve, max(0, budget.free)]
    cells = _shares(parts, width)
    bar = list(zip((VISION, TEXT, RESERVE, FREE), cells, strict=True))
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
