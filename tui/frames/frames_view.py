"""The widget with pictures of the frames that would be sent. A thread reads them once the cursor rests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from threading import Event
from time import monotonic

from rich.segment import Segment
from textual import on
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from backend.errors import UpsampleError
from backend.sizes import Size
from backend.video.thumbnails import TIME_LIMIT, ThumbnailsCancelled
from tui.frames.half_blocks import draw_half_blocks
from tui.frames.pictures import GAP, Grid, Look, Picture, PictureBook, lay_out
from tui.frames.pixel_graphics import PixelGraphics
from tui.shell.defects import TellsDefects
from tui.text import left, one_line

REST = 0.08
"""Seconds that the cursor rests on a spec before its pictures are read."""


@dataclass
class PicturesRead(Message):
    """Some more frames of a spec were decoded."""

    task: object
    """The task that they were read for. Pictures of an older task are ignored."""
    pictures: tuple[Picture, ...]
    """All pictures so far, in the order in which their frames are sent."""
    trouble: str = ""
    """Why the others cannot be read; empty when all can."""
    ended: bool = False
    """Whether the thread is done."""


@dataclass(frozen=True, slots=True)
class _Task:
    look: Look
    grid: Grid


class FramesView(TellsDefects, Widget):
    """Shows the pictures of one spec. A slow thread delays the next pictures, and never the keyboard."""

    DEFAULT_CSS = "FramesView { height: auto; color: $foreground-muted; }"

    def __init__(self, book: PictureBook | None, graphics: PixelGraphics | None = None) -> None:
        """Without `graphics`, pictures are drawn in half-blocks."""
        super().__init__()
        self._book = book
        self._graphics = graphics
        self._wanted: _Task | None = None
        self._pictures: tuple[Picture, ...] = ()
        self._trouble = ""
        self._note = ""
        self._resting: Timer | None = None
        self._stop = Event()
        """Is set when the pictures that are being read are not wanted any more."""
        self._reading = False
        self._began = 0.0
        self._strips: list[Strip] = []
        self._placed: tuple[_Task | None, tuple[Picture, ...]] = (None, ())
        """The task and the pictures for which there are widgets."""
        self._width = 0

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures that are shown now."""
        return self._pictures

    @property
    def trouble(self) -> str:
        """Why there are no pictures; empty when there are some, or they may still come."""
        return self._trouble

    @property
    def is_reading(self) -> bool:
        """Whether pictures are still to come."""
        return self._resting is not None or self._reading

    @property
    def can_draw(self) -> bool:
        """Whether this terminal has the colours for it."""
        few = self.app.console.color_system not in ("256", "truecolor")
        return not (self.app.no_color or self.app.native_ansi_color or few)

    def show(self, look: Look | None, width: int, height: int, trouble: str = "") -> None:
        """Show these frames in `width` cells and about `height` lines.

        None shows nothing but why there are none, which `trouble` says where it is known.
        """
        self._width = width
        look = look if self._book is not None else None
        self._note = "" if look is None or self.can_draw else self._why_none()
        if trouble and self._book is not None:
            self._note = f"no pictures: {one_line(trouble)}"
        grid = None
        if look is not None and self.can_draw:
            grid = lay_out(look.source, look.frames, width, height)
        task = _Task(look, grid) if look is not None and grid is not None else None
        if task != self._wanted:
            self._wanted, self._pictures, self._trouble = task, (), ""
            self._await_rest()
        self._draw()

    def _why_none(self) -> str:
        """Say why this terminal gets no pictures."""
        if self.app.no_color or self.app.native_ansi_color:
            return "no pictures without colours of our own"
        return "no pictures: by TERM, the terminal has 16 colours; TERM=xterm-256color has enough"

    def on_unmount(self) -> None:
        """Stop reading."""
        self._stop.set()

    def render_line(self, y: int) -> Strip:
        line = self._strips[y] if y < len(self._strips) else Strip.blank(0)
        return line.apply_style(self.rich_style).adjust_cell_length(
            self.size.width, self.rich_style
        )

    def _await_rest(self) -> None:
        """Stop reading the former pictures, and read the wanted ones once the cursor rests."""
        if self._resting is not None:
            self._resting.stop()
        self._stop.set()
        self._resting = self.set_timer(REST, self._begin) if self._wanted is not None else None

    def _begin(self) -> None:
        self._resting = None
        # One thread at a time; one that hangs on a dead disk is not waited for.
        going = self._reading and monotonic() - self._began < 2 * TIME_LIMIT
        if self._book is None or self._wanted is None or going:
            return
        self._began, self._reading, self._stop = monotonic(), True, Event()
        self.run_worker(
            partial(self._read, self._book, self._wanted, self._stop),
            thread=True,
            group="pictures",
            exit_on_error=False,
        )

    def _read(self, book: PictureBook, task: _Task, stop: Event) -> None:
        """Read pictures in a thread, and post them."""
        pictures: list[Picture] = []
        trouble = ""
        try:
            for picture in book.read(task.look, self._pixels(task), task.grid.shown, stop.is_set):
                pictures.append(picture)
                self.post_message(PicturesRead(task, tuple(pictures)))
        except ThumbnailsCancelled:
            pass
        except UpsampleError as error:
            trouble = str(error)
        self.post_message(PicturesRead(task, tuple(pictures), trouble, ended=True))

    def _pixels(self, task: _Task) -> Size:
        """Return the pixels of each picture."""
        if self._graphics is None:
            return task.grid.size
        return self._graphics.fill(task.look.source, task.grid.size.width, task.grid.lines)

    @on(PicturesRead)
    def _take(self, message: PicturesRead) -> None:
        message.stop()
        if message.task == self._wanted:
            self._pictures, self._trouble = message.pictures, one_line(message.trouble)
            self._draw()
        if message.ended:
            self._reading = False
            if message.task != self._wanted and self._resting is None:
                # While that was read, the cursor went on and came to rest.
                self._begin()

    def _draw(self) -> None:
        self._strips = self._drawn()
        # A fixed height, so that nothing jumps when pictures come.
        self.styles.height = len(self._strips)
        self.display = bool(self._strips)
        self.refresh()
        if self._graphics is not None:
            self._place_pictures(self._graphics)

    def _place_pictures(self, graphics: PixelGraphics) -> None:
        """Put a widget for each picture over the gap that the strips leave for it."""
        shown = () if self._trouble or self._note else self._pictures
        if (self._wanted, shown) == self._placed:
            return
        self._placed = (self._wanted, shown)
        self.remove_children()
        if self._wanted is None:
            return
        grid = self._wanted.grid
        for place, picture in enumerate(shown):
            row, column = divmod(place, grid.columns)
            made = graphics.make_widget(picture.thumbnail)
            made.styles.position = "absolute"
            made.styles.offset = (column * (grid.size.width + GAP), row * (grid.lines + 1) + 1)
            made.styles.width, made.styles.height = grid.size.width, grid.lines
            self.mount(made)

    def _drawn(self) -> list[Strip]:
        if self._note:
            return _words(self._note, self._width)
        if self._wanted is None:
            return []
        if self._trouble:
            return _words(f"no pictures: {self._trouble}", self._width)
        grid, look = self._wanted.grid, self._wanted.look
        total = look.frames
        lines: list[Strip] = []
        for places in _rows(grid):
            lines += self._row(grid, places)
        if total > grid.shown:
            lines += _words(f"… and {total - grid.shown} more", self._width)
        return lines

    def _row(self, grid: Grid, places: tuple[int, ...]) -> list[Strip]:
        """Draw a line of labels and the pictures below it, with dots in place of a picture that is still to
        come.
        """
        width = grid.size.width
        label, gap = "", Strip([Segment(" " * GAP)])
        columns: list[list[Strip]] = []
        for place in places:
            picture = self._pictures[place] if place < len(self._pictures) else None
            label += left(picture.label if picture else "…", width) + " " * GAP
            if picture is not None and self._graphics is None:
                columns.append(draw_half_blocks(picture.thumbnail))
            else:
                columns.append([Strip([Segment(" " * width)])] * grid.lines)
        joined = [
            Strip.join([part for it in row for part in (it, gap)])
            for row in zip(*columns, strict=True)
        ]
        return [Strip([Segment(label)]), *joined]


def _words(text: str, width: int) -> list[Strip]:
    """Draw the words on as many lines as they take."""
    return [Strip([Segment(line.plain)]) for line in Content(text).wrap(max(1, width))]


def _rows(grid: Grid) -> list[tuple[int, ...]]:
    """Return the positions of the pictures of each row."""
    places = range(grid.shown)
    return [tuple(places[at : at + grid.columns]) for at in range(0, grid.shown, grid.columns)]
