"""The columns of the spec list: how wide each is, what stands in it, and which give way first."""

from __future__ import annotations

from dataclasses import dataclass

from backend.plan import Plan
from tui.bars import small_bar
from tui.harmless import cut_middle, left, one_line, right
from tui.listing import Row
from tui.verdicts import Standing, standing

_GUTTER = 3
_VIDEO = 10
_SEND = 12
_FRAMES = 8
_TOKENS = 9
_BAR = 9
_WIDEST_BAR = 20
_VERDICT = 12
_NAME = 20
"""Columns give way when the name would be narrower than this."""
_WIDE_NAME = 48
"""What a name leaves over beyond this makes the bar longer."""

Piece = tuple[str, str]
"""Text, and the last part of the name of its style."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells of each column, the space before it included; 0 for one that gave way."""

    name: int
    video: int
    send: int
    bar: int
    frames: int


def lay_out(width: int) -> Columns:
    """The columns for a list of this width."""
    spare = width - _GUTTER - _TOKENS - _VERDICT - _NAME
    given = {}
    for column, cells in (("video", _VIDEO), ("send", _SEND), ("bar", _BAR), ("frames", _FRAMES)):
        given[column] = cells if cells <= spare else 0
        spare -= given[column]
    name = max(1, _NAME + spare)
    if given["bar"]:
        longer = min(max(0, name - _WIDE_NAME), _WIDEST_BAR - _BAR)
        given["bar"] += longer
        name -= longer
    return Columns(name, **given)


def headings(columns: Columns) -> str:
    """The names of the columns, each where its column is."""
    return "".join(
        (
            " " * _GUTTER,
            left("name", columns.name),
            right("video", columns.video),
            left("   send as", columns.send),
            right("frames", columns.frames),
            right("tokens", _TOKENS),
            " " * columns.bar,
            left("  verdict", _VERDICT),
        )
    )


def cells(row: Row, columns: Columns, *, marked: bool, current: bool) -> list[Piece]:
    """One line of the list, as wide as the columns together."""
    plan, stands = row.plan, standing(row.plan)
    return [
        ("▸" if current else " ", "cursor-glyph"),
        ("■ " if marked else "  ", "mark"),
        (left(cut_middle(one_line(row.spec.name), columns.name - 1), columns.name), "name"),
        (right(_video(row), columns.video), "size"),
        (left(_send(plan), columns.send), "send"),
        (right(_frames(plan), columns.frames), "size"),
        (right(_tokens(plan), _TOKENS), "tokens"),
        *_bar(plan, columns.bar, stands),
        (left(f"  {stands.text}", _VERDICT), stands.name.lower()),
    ]


def _video(row: Row) -> str:
    if row.spec.video is None:
        return "text only"
    if row.plan is None:
        return ""
    if row.plan.video is None:
        return "unread"
    size = row.plan.video.size
    return f"{size.width}×{size.height}"


def _send(plan: Plan | None) -> str:
    if plan is None or plan.video is None or plan.size is None or plan.size == plan.video.size:
        return ""
    return f" → {plan.size.width}×{plan.size.height}"


def _frames(plan: Plan | None) -> str:
    if plan is None or plan.video is None:
        return ""
    return f"{plan.frames}/{plan.video.frames}"


def _tokens(plan: Plan | None) -> str:
    return f"{plan.budget.prompt_tokens:,}" if plan and plan.budget else ""


def _bar(plan: Plan | None, width: int, stands: Standing) -> list[Piece]:
    if not width:
        return []
    if plan is None or plan.budget is None:
        return [(" " * width, "track")]
    filled, empty = small_bar(plan.budget, width - 1)
    return [(f" {filled}", stands.name.lower()), (empty, "track")]
