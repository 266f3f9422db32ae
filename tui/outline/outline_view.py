"""The widget that shows an outline. Keys move among its parts, and fold and unfold them.

It is no `Tree` of Textual's, which has one line for each node: the values of a prompt are whole paragraphs.
It does not scroll: a scrolling pane holds it, with other texts above and below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui.outline.outline_lines import OutlineLines, lay_out_outline
from tui.widgets.own_keys import named_keys

if TYPE_CHECKING:
    from tui.outline.shown_parts import ShownPart

_STYLES = ("glyph", "label", "count", "value", "kept", "same", "removed", "added", "time", "track")


class OutlineView(Widget, can_focus=True):
    """Shows the parts of an outline. Folded parts stay folded in the outlines that are shown later."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"outline--{name}" for name in (*_STYLES, "cursor")}
    BINDINGS: ClassVar[list[BindingType]] = [
        *named_keys(
            "lists",
            Binding("j,down", "move(1)", "down", show=False),
            Binding("k,up", "move(-1)", "up", show=False),
        ),
        *named_keys(
            "outline",
            Binding("left", "fold_part(True)", "fold", show=False),
            Binding("right", "fold_part(False)", "unfold", show=False),
            Binding("space", "turn_part", "fold or unfold", show=False),
            Binding("z", "turn_all", "fold or unfold all", show=False),
        ),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._parts: Sequence[ShownPart] = ()
        self._folded: set[tuple[str, ...]] = set()
        self._cursor = 0
        """The position of the cursor among the parts that are seen."""
        self._laid_out: tuple[int, OutlineLines] | None = None
        """The lines, and the width that they were made for."""
        self._styles: dict[tuple[str, bool], Style] = {}

    def show(self, parts: Sequence[ShownPart]) -> None:
        """Show these parts, the cursor on the first one; nothing takes no room and no focus."""
        if parts == self._parts:
            return
        self._parts = parts
        self._cursor = 0
        self.display = bool(parts)
        self._draw()

    # --- drawing

    def lines_for(self, width: int) -> OutlineLines:
        """Return the outline in lines of this width."""
        if self._laid_out is None or self._laid_out[0] != width:
            self._laid_out = width, lay_out_outline(self._parts, self._folded, width)
        return self._laid_out[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of lines at this width."""
        return len(self.lines_for(width).lines) if width > 0 else 0

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        laid_out = self.lines_for(width)
        if y >= len(laid_out.lines):
            return Strip.blank(width, self.rich_style)
        placed = laid_out.parts[self._cursor]
        is_current = self.has_focus and placed.first <= y < placed.first + placed.count
        drawn = [Segment(text, self._style(name, is_current)) for text, name in laid_out.lines[y]]
        return Strip(drawn).adjust_cell_length(width, self._style("", is_current))

    def notify_style_update(self) -> None:
        """Forget the styles, because the theme or the focus has changed."""
        self._styles.clear()
        super().notify_style_update()

    def _style(self, name: str, is_current: bool) -> Style:
        key = (name, is_current)
        if key not in self._styles:
            style = self.get_component_rich_style(f"outline--{name}") if name else self.rich_style
            if is_current:
                cursor = self.get_component_rich_style("outline--cursor")
                style += Style(bgcolor=cursor.bgcolor)
            self._styles[key] = style
        return self._styles[key]

    def _draw(self) -> None:
        self._laid_out = None
        # As `PlainText.update` does, and for the same reason.
        self._box_model_cache.clear()
        self.refresh(layout=True)

    # --- keys

    def action_move(self, parts: int) -> None:
        """Go to another part; scroll where that is not wholly in sight yet, or there is none."""
        pane, laid_out = self._pane, self.lines_for(self.size.width)
        if not laid_out.parts:
            return
        target = max(0, min(self._cursor + parts, len(laid_out.parts) - 1))
        here = laid_out.parts[self._cursor]
        top = self._place_in(pane) + here.first - pane.scroll_offset.y
        is_cut = top + here.count > pane.size.height if parts > 0 else top < 0
        if target == self._cursor or (is_cut and here.count > pane.size.height):
            pane.scroll_relative(y=parts, animate=False, immediate=True)
            return
        self._go_to(target)

    def action_fold_part(self, is_folded: bool) -> None:
        """Fold or unfold the part; where there is nothing to fold, go to the part that it belongs to."""
        laid_out = self.lines_for(self.size.width)
        if not laid_out.parts:
            return
        placed = laid_out.parts[self._cursor]
        if placed.part.below and (placed.part.path in self._folded) is not is_folded:
            self._set_folded(placed.part, is_folded)
        elif is_folded and placed.parent is not None:
            self._go_to(placed.parent)

    def action_turn_part(self) -> None:
        """Fold a part that is unfolded, and the other way round."""
        laid_out = self.lines_for(self.size.width)
        part = laid_out.parts[self._cursor].part if laid_out.parts else None
        if part is not None and part.below:
            self._set_folded(part, part.path not in self._folded)

    def action_turn_all(self) -> None:
        """Fold the parts at the top; if all of them are folded, unfold everything."""
        top = {part.path for part in self._parts if part.below}
        if top <= self._folded:
            self._folded.clear()
        else:
            self._folded |= top
        self._cursor = 0
        self._draw()
        self._pane.scroll_home(animate=False)

    def on_click(self, event: events.Click) -> None:
        """Go to the clicked part; a click on the first line of one with parts below it folds it."""
        for n, placed in enumerate(self.lines_for(self.size.width).parts):
            if placed.first <= event.y < placed.first + placed.count:
                self._go_to(n)
                self.action_turn_part()
                return

    def _set_folded(self, part: ShownPart, is_folded: bool) -> None:
        (self._folded.add if is_folded else self._folded.discard)(part.path)
        self._draw()

    def _go_to(self, target: int) -> None:
        self._cursor = target
        self.refresh()
        placed, pane = self.lines_for(self.size.width).parts[target], self._pane
        region = Region(0, self._place_in(pane) + placed.first, 1, placed.count)
        pane.scroll_to_region(region, animate=False, force=True, immediate=True)

    @property
    def _pane(self) -> ScrollableContainer:
        """The pane that scrolls it."""
        return next(it for it in self.ancestors if isinstance(it, ScrollableContainer))

    def _place_in(self, pane: Widget) -> int:
        """Return the line of the pane's content at which the outline begins."""
        return sum(widget.virtual_region.y for widget in self._up_to(pane))

    def _up_to(self, pane: Widget) -> Iterator[Widget]:
        widget: Widget = self
        while widget is not pane and isinstance(widget.parent, Widget):
            yield widget
            widget = widget.parent
