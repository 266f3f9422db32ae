"""The columns of the spec list: how wide each is, what stands in it, and which give way first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.specs.model import kind_text
from tui.queue.state_signs import shown_state
from tui.specs.rows import Column, FolderGroup, Row, SortOrder
from tui.text import cut_apart, cut_middle, left, one_line, right
from tui.tokens.budget_text import small_bar
from tui.tokens.verdicts import Standing, standing
from tui.widgets.row_list import GUTTER, Piece

if TYPE_CHECKING:
    from backend.planning.plan import Plan

_PROMPT = 24
_FORMAT = 18
_VIDEO = 18
_SIZE = 11
_SEND = 12
_FRAMES = 10
_TOKENS = 10
_BAR = 9
_WIDEST_BAR = 20
_VERDICT = 12
_STATE = 14
_NAME = 18
"""The least width of the name. Columns are left out before it becomes narrower."""
_WIDE_NAME = 36
"""The width of the name beyond which the cells go to the prompt, or make the bar longer."""


CHOOSABLE = {
    "prompt": "its beginning",
    "format": "and mode, as in cosmos3 t2v",
    "video": "its file",
    "size": "of the video",
    "send": "as which size",
    "frames": "that are sent, of all",
    "tokens": "of prompt and frames",
    "bar": "how much of the context they take",
    "verdict": "fits, near, exceeds, refused",
    "state": "of its job",
}
"""The columns that users can hide, from the left, each with what it shows. The name is always shown."""


@dataclass
class ColumnChoice:
    """The columns that the user wants to see."""

    hidden: frozenset[str] = frozenset()
    """The others, so that a column of a later version is shown."""


@dataclass(frozen=True, slots=True)
class SpecColumns:
    """The width of each column in cells, with the space before it; 0 for a column that is left out."""

    name: int
    prompt: int
    format: int
    video: int
    size: int
    send: int
    frames: int
    tokens: int
    bar: int
    verdict: int
    state: int

    @property
    def spans(self) -> Iterator[tuple[int, Column | None]]:
        """The width of each column from the left, and the column that a click on its heading sorts by."""
        yield GUTTER, None
        yield self.name, Column.NAME
        yield self.prompt, None
        yield self.format, Column.FORMAT
        yield self.video, Column.VIDEO
        yield self.size, Column.SIZE
        yield self.send, Column.SIZE
        yield self.frames, Column.FRAMES
        yield self.tokens + self.bar, Column.TOKENS
        yield self.verdict, Column.VERDICT
        yield self.state, Column.STATE


def lay_out(
    width: int,
    *,
    states: bool = False,
    kinds: bool = False,
    hidden: Collection[str] = (),
    longest_name: int = 0,
) -> SpecColumns:
    """Return the columns for a list of this width, without those that the user has `hidden`.

    `states` says whether any spec has a state to show, and `kinds` whether the specs are of several formats
    or modes. Names get the room of `longest_name` characters before the columns that matter less, and before
    the prompts get more.
    """
    spare = width - GUTTER - _NAME
    given = {}
    kind = ("format", _FORMAT)
    for column, cells in (
        ("tokens", _TOKENS),
        ("verdict", _VERDICT),
        ("state", _STATE if states else 0),
        ("size", _SIZE),
        *((kind,) if kinds else ()),
        ("bar", _BAR),
        ("send", _SEND),
        ("name", min(longest_name + 1, _WIDE_NAME) - _NAME),
        ("frames", _FRAMES),
        *(() if kinds else (kind,)),
        ("prompt", _PROMPT),
        ("video", _VIDEO),
    ):
        if column == "name":
            given[column] = max(0, min(cells, spare))
        else:
            given[column] = cells if cells <= spare and column not in hidden else 0
        spare -= given[column]
    name = max(1, _NAME + given.pop("name") + spare)
    more = max(0, name - max(_WIDE_NAME, longest_name + 1))
    if given["prompt"]:
        given["prompt"] += more
        name -= more
    elif given["bar"]:
        longer = min(more, _WIDEST_BAR - _BAR)
        given["bar"] += longer
        name -= longer
    return SpecColumns(name, **given)


def headings(columns: SpecColumns, order: SortOrder) -> str:
    """Return the names of the columns, each where its column is. An arrow marks the column of the order."""

    def named(column: Column, name: str = "") -> str:
        arrow = f" {order.arrow}" if column is order.column else ""
        return f"{name or column.value}{arrow}"

    return "".join(
        (
            " " * GUTTER,
            left(named(Column.NAME), columns.name),
            left("  prompt", columns.prompt),
            left(f"  {named(Column.FORMAT)}", columns.format),
            left(f"  {named(Column.VIDEO)}", columns.video),
            right(named(Column.SIZE), columns.size),
            left("   send as", columns.send),
            right(named(Column.FRAMES), columns.frames),
            right(named(Column.TOKENS), columns.tokens),
            " " * columns.bar,
            left(f"  {named(Column.VERDICT)}", columns.verdict),
            left(f"  {named(Column.STATE)}", columns.state),
        )
    )


def column_at(columns: SpecColumns, x: int) -> Column | None:
    """Return the column that a click on this cell of the headings sorts by."""
    for cells, column in columns.spans:
        if x < cells:
            return column
        x -= cells
    return None


def cells(
    row: Row,
    columns: SpecColumns,
    *,
    marked: bool,
    current: bool,
    chosen: bool = False,
    beside: Iterable[str] = (),
) -> list[Piece]:
    """Return one line of the list, as wide as all its columns. `chosen` says whether the row is in a range
    that is not marked yet, and `beside` are the names of rows near it.
    """
    plan, stands = row.plan, standing(row.plan)
    return [
        ("▸" if current else " ", "cursor-glyph"),
        ("■ " if marked else "□ " if chosen else "  ", "mark"),
        (left(cut_apart(one_line(row.spec.name), columns.name - 1, beside), columns.name), "name"),
        *_text(row.spec.prompt, columns.prompt),
        *_text(kind_text(row.kind), columns.format),
        *_text(row.spec.video.name if row.spec.video else "", columns.video),
        (right(_size(row), columns.size), "size"),
        (left(_send(plan), columns.send), "send"),
        (right(_frames(plan), columns.frames), "size"),
        (right(_tokens(plan), columns.tokens), "tokens"),
        *_bar(plan, columns.bar, stands),
        (left(f"  {stands.text}", columns.verdict), stands.name.lower()),
        *_state(row, columns.state),
    ]


def heading_cells(group: FolderGroup, width: int, *, marked: int, current: bool) -> list[Piece]:
    """Return the heading of a group: its folder, and how many of its specs are shown."""
    count = len(group.numbers)
    counts = f"  {count:,} {'spec' if count == 1 else 'specs'}"
    if marked:
        counts += f", {marked:,} marked"
    folder = one_line(group.folder) or "."
    return [
        ("▸" if current else " ", "cursor-glyph"),
        ("▶ " if group.folded else "▼ ", "mark"),
        (cut_middle(folder, max(1, width - GUTTER - len(counts))), "folder"),
        (counts, "size"),
    ]


def _text(text: str, width: int) -> list[Piece]:
    if not width:
        return []
    return [("  ", "size"), (left(one_line(text[:width]), width - 2), "size")]


def _size(row: Row) -> str:
    if row.spec.video is None:
        return "text only"
    if row.plan is None:
        return ""
    if row.plan.video is None:
        return "" if row.plan.to_fetch else "unread"
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


def _state(row: Row, width: int) -> list[Piece]:
    if not width:
        return []
    if row.state is not None:
        shown = shown_state(row.state)
        return [(left(f"  {shown.text}", width), f"job-{shown.part}")]
    return [(left("  ✦ upsampled" if row.upsampled else "", width), "upsampled")]
