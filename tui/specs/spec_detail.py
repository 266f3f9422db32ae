"""The pane beside or below the list, with everything about the current spec."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from backend.config import Settings
from backend.planning.plan import Plan
from backend.specs.model import Spec
from tui.frames.frames_view import FramesView
from tui.frames.pictures import PictureBook, look_at
from tui.host import host_of
from tui.outline.outline_view import OutlineView
from tui.specs.detail_text import (
    describe_facts,
    describe_prompt,
    describe_sizes,
    describe_verdict,
    outline_of,
)
from tui.specs.rows import Row
from tui.specs.widths import HAS_ROOM
from tui.widgets.plain_text import PlainText

if TYPE_CHECKING:
    from tui.frames.pixel_graphics import PixelGraphics

_LEAST_PICTURES = 8
_MOST_PICTURES = 32
"""The least and the greatest height of the pictures in lines, labels included."""
_TALL = 30
"""The height from which a pane has room for the sizes of Cosmos, where no third column shows them."""


class SpecDetail(VerticalScroll, can_focus=True):
    """Shows one row. It scrolls when it has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G", "scroll_end", "bottom", show=False),
    ]

    def __init__(
        self, cwd: Path, pictures: PictureBook | None, graphics: PixelGraphics | None = None
    ) -> None:
        super().__init__(classes="detail-column")
        self._pictures = pictures
        self._graphics = graphics
        self._cwd = cwd
        self._row: Row | None = None
        self._shown: tuple[Spec | None, Plan | None] = (None, None)

    def compose(self) -> ComposeResult:
        yield PlainText(id="verdict")
        yield PlainText(id="prompt")
        yield OutlineView()
        yield FramesView(self._pictures, self._graphics)
        yield PlainText(id="facts")
        yield PlainText(id="sizes")

    def on_mount(self) -> None:
        """Follow the settings, because they decide which frames are sent."""
        host_of(self).settings_changed.subscribe(self, self._heed)

    def show(self, row: Row | None) -> None:
        """Show this row, from its top if another one was shown before."""
        # Not the rows themselves: that of a packed spec is made anew for each use.
        stays = (row and row.number) == (self._row and self._row.number)
        shown = (row.spec, row.plan) if row else (None, None)
        if stays and shown[0] == self._shown[0] and shown[1] is self._shown[1]:
            return
        if not stays:
            self.scroll_home(animate=False)
        self._row, self._shown = row, shown
        self._draw()

    def read(self) -> None:
        """Take the focus: the outline of a JSON prompt where there is one, else the whole pane."""
        outline = self.query_one(OutlineView)
        (outline if outline.display else self).focus(scroll_visible=False)

    def on_resize(self) -> None:
        self._draw()

    def _heed(self, _: Settings) -> None:
        self._draw()

    def _draw(self) -> None:
        region = self.scrollable_content_region
        # Before the first layout there is no width; the resize that ends it comes back here.
        if region.width <= 0:
            return
        row, settings = self._row, host_of(self).settings.upsampling
        outline = self.query_one(OutlineView)
        parts = outline_of(row.spec) if row else []
        outline.show(parts)
        if row is None:
            texts = [Content()] * 4
        else:
            shows_sizes = region.height >= _TALL and not self.screen.has_class(HAS_ROOM)
            texts = [
                describe_verdict(row, region.width),
                describe_prompt(row.spec, has_outline=bool(parts)),
                describe_facts(row, self._cwd, region.width),
                describe_sizes(
                    row.plan,
                    settings.for_spec(row.spec.format.value, row.spec.target.mode),
                    region.width,
                )
                if shows_sizes
                else Content(),
            ]
        taken = len(outline.lines_for(region.width).lines)
        for name, text in zip(("verdict", "prompt", "facts", "sizes"), texts, strict=True):
            part = self.query_one(f"#{name}", PlainText)
            part.update(text)
            part.display = bool(text.plain)
            if text.plain:
                # An empty line stands above each.
                taken += len(text.wrap(region.width)) + 1
        room = max(_LEAST_PICTURES, min(_MOST_PICTURES, region.height - taken))
        look = look_at(row.plan, settings.frame_sampling) if row else None
        self.query_one(FramesView).show(look, region.width, room)
