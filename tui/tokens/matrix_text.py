"""The sizes that a generator makes as a table, with a row for each category and a column for each
aspect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from textual.content import Content

from backend.planning.size_costs import CategoryRow, SizeCheck
from backend.sizes import AspectRatio, Size, detect_aspect_ratio
from backend.tokens import NEAR_MEANS
from tui.tokens.verdicts import Standing

_LABEL = 6
_MUTED = "$foreground-muted"


@dataclass(frozen=True, slots=True)
class _Style:
    """How much is shown of each size."""

    sizes: bool = False
    """With its pixels before its tokens."""
    linear: bool = False
    """With the tokens by the rule of thumb behind the exact ones."""
    below: bool = False
    """With the tokens by the rule of thumb on a line of their own."""


_STYLES = (_Style(sizes=True, linear=True), _Style(linear=True), _Style(below=True))
_EXACT_ALONE = _Style()


def matrix_lines(
    rows: Sequence[CategoryRow], width: int, source: Size | None = None, *, linear: bool = True
) -> list[Content]:
    """Lay out as much of each size as fits into `width` cells, with the column of the source's aspect in
    bold.

    If not even the exact counts have room, there are no lines.
    """
    styles = _STYLES if linear else (_EXACT_ALONE,)
    digits = max(len(f"{row.check.budget.prompt_tokens:,}") for row in rows)
    other = max(len(f"{row.check.linear:,}") for row in rows) if linear else 0
    for style in styles:
        cell = _cell_width(style, digits, other)
        gap = min(4, (width - _LABEL) // len(AspectRatio) - cell)
        if gap >= 2 or (gap >= 1 and style is styles[-1]):
            return _table(rows, style, digits, other, gap, source)
    return []


def matrix_legend(width: int) -> list[Content]:
    """Explain the signs of the table."""
    signs = [
        Content.styled(Standing.FITS.text, Standing.FITS.colour),
        Content.styled(f"{Standing.NEAR.text}: {NEAR_MEANS}", Standing.NEAR.colour),
        Content.styled(Standing.EXCEEDS.text, Standing.EXCEEDS.colour),
    ]
    return Content("  ").join(signs).wrap(width)


def _cell_width(style: _Style, digits: int, other: int) -> int:
    if style.below:
        return 2 + max(digits, other)
    return 2 + digits + 10 * style.sizes + (4 + other) * style.linear


def _table(
    rows: Sequence[CategoryRow],
    style: _Style,
    digits: int,
    other: int,
    gap: int,
    source: Size | None,
) -> list[Content]:
    if style.below:
        digits = other = max(digits, other)
    width = gap + _cell_width(style, digits, other)
    own = detect_aspect_ratio(source.width, source.height) if source else None
    heads = [(f"{aspect:>{width}}", "bold" if aspect is own else _MUTED) for aspect in AspectRatio]
    lines = [Content.assemble(" " * _LABEL, *heads)]
    for category, of_category in groupby(rows, key=lambda row: row.category):
        checks = [row.check for row in of_category]
        cells = [_cell(check, style, digits, other) for check in checks]
        lines.append(_line(f"{category}", cells, width))
        if style.below:
            lines.append(_line("", [_linear(check, other) for check in checks], width))
    return lines


def _line(label: str, cells: Sequence[Content], width: int) -> Content:
    padded = [Content(" " * (width - cell.cell_length)) + cell for cell in cells]
    return Content.assemble((f"{label:<{_LABEL}}", "bold"), *padded)


def _cell(check: SizeCheck, style: _Style, digits: int, other: int) -> Content:
    stands = Standing[check.verdict.name]
    size = f"{check.size.width}×{check.size.height}"
    parts: list[Content | tuple[str, str]] = []
    if style.sizes:
        parts.append((f"{size:>9} ", _MUTED))
    glyph = stands.value[0]
    parts.append((f"{glyph} {check.budget.prompt_tokens:>{digits},}", stands.colour))
    if style.linear:
        parts += [("  ", ""), _linear(check, other)]
    return Content.assemble(*parts)


def _linear(check: SizeCheck, digits: int) -> Content:
    by_thumb = replace(check.budget, vision=check.linear)
    glyph = Standing[by_thumb.verdict.name].value[0]
    return Content.styled(f"{glyph} {check.linear:>{digits},}", _MUTED)
