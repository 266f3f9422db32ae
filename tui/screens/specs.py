"""The first screen: which specs there are, what each costs, and whether it fits."""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer, Input, Static
from textual.worker import get_current_worker

from backend.config import Settings
from backend.errors import UpsampleError
from tui.harmless import paragraphs
from tui.lines import Progress, box_line, empty_text, how_to_send, limit_line, title_line
from tui.listing import Listing
from tui.messages import (
    CurrentChanged,
    FilesRead,
    MarksChanged,
    PlanningStopped,
    PlansMade,
    ScanEnded,
    SightChanged,
)
from tui.planning import PlanQueue, PromptPlanner, make_plans
from tui.scanning import SpecSource, read_files
from tui.screens.help import HelpScreen
from tui.screens.problems import ProblemsScreen
from tui.widgets.filter_input import FilterInput
from tui.widgets.spec_detail import SpecDetail
from tui.widgets.spec_list import ColumnHeadings, SpecList

SMALLEST = (60, 16)
"""Columns and lines below which the screen only says that it is too small."""

_LOOKS: list[str | PurePath] = [
    "specs.tcss",
    "../widgets/spec_list.tcss",
    "../widgets/spec_detail.tcss",
]
_WIDTHS = [(0, "-too-narrow"), (SMALLEST[0], "-narrow"), (110, "-wide")]
_HEIGHTS = [(0, "-too-short"), (SMALLEST[1], "-tall-enough")]


class SpecsScreen(Screen[None]):
    """List, detail and the lines around them. Handlers own the listing; workers only post messages."""

    AUTO_FOCUS = "SpecList"
    CSS_PATH = _LOOKS
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("enter", "read", "read", key_display="⏎"),
        Binding("d", "toggle_detail", "detail", show=False),
        Binding("e", "problems", "problems"),
        Binding("escape", "back", "back", show=False),
        Binding("question_mark", "help", "help", key_display="?"),
    ]

    def __init__(self, settings: Settings, source: SpecSource, planner: PromptPlanner) -> None:
        super().__init__()
        self._settings = settings
        self._source = source
        self._planner = planner
        self._queue = PlanQueue()
        self.progress = Progress(ended=not source.paths)
        self.listing = Listing()

    def compose(self) -> ComposeResult:
        """Header, list beside or above the detail, and how to go on."""
        with Horizontal(id="header"):
            yield Static(box_line(self._settings), id="box", markup=False)
            yield Static(limit_line(self._settings), id="limit", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="specs"):
                yield Static(id="title", markup=False)
                yield FilterInput()
                yield Static(id="empty", markup=False)
                yield ColumnHeadings()
                yield SpecList(self.listing, id="list")
            yield SpecDetail(self._source.cwd)
        yield Static(how_to_send(self._source.paths), id="how", markup=False)
        yield Footer()
        yield Static(
            f"The window is too small: {SMALLEST[0]} × {SMALLEST[1]} at least.", id="small"
        )

    @property
    def spec_list(self) -> SpecList:
        """The list."""
        return self.query_one(SpecList)

    @property
    def detail(self) -> SpecDetail:
        """The pane with the current spec."""
        return self.query_one(SpecDetail)

    @property
    def filter_input(self) -> FilterInput:
        """The line that the filter is typed into."""
        return self.query_one(FilterInput)

    def on_mount(self) -> None:
        """Show what there is, which is nothing yet, and only then begin to read."""
        self._show_listing()
        if self._source.paths:
            self.call_after_refresh(self._start)

    def on_resize(self, event: events.Resize) -> None:
        """In a slim window the keys of the list matter more than the gaps between them."""
        footer = self.query_one(Footer)
        footer.compact = slim = event.size.width < 80
        footer.show_command_palette = not slim

    def on_unmount(self) -> None:
        """Let the planning thread end."""
        self._queue.close()

    def _start(self) -> None:
        self.run_worker(self._scan, thread=True, group="scan")
        self.run_worker(self._plan, thread=True, group="plan")

    def _scan(self) -> None:
        worker = get_current_worker()
        read_files(self._source, self.post_message, lambda: worker.is_cancelled)
        self.post_message(ScanEnded())

    def _plan(self) -> None:
        try:
            make_plans(
                self._queue,
                self._planner,
                self._source.cwd,
                lambda plans: self.post_message(PlansMade(plans)),
            )
        except UpsampleError as error:
            self.post_message(PlanningStopped(error))

    @on(FilesRead)
    def _take_findings(self, message: FilesRead) -> None:
        self._queue.add(self.listing.add(message.findings))
        self.progress.read, self.progress.total = message.read, message.total
        self._show_listing()

    @on(ScanEnded)
    def _end_scan(self) -> None:
        self.progress.ended = True
        self._show_listing()

    @on(PlansMade)
    def _take_plans(self, message: PlansMade) -> None:
        for made in message.plans:
            self.listing.take_plan(made.number, made.plan, made.better_folder)
        self.spec_list.refresh()
        self._show_title()
        self._show_current()

    @on(PlanningStopped)
    def _tell_trouble(self, message: PlanningStopped) -> None:
        self.notify(
            paragraphs(str(message.error)), title="No tokens", severity="error", markup=False
        )

    @on(SightChanged)
    def _weigh_in_sight_first(self) -> None:
        self._queue.look_at(self.spec_list.in_sight)

    @on(CurrentChanged)
    def _show_current(self) -> None:
        self.detail.show(self.listing.current)

    @on(MarksChanged)
    def _show_title(self) -> None:
        self.query_one("#title", Static).update(title_line(self.listing, self.progress))

    def _show_listing(self) -> None:
        self.set_class(not self.listing.shown, "-empty")
        if not self.listing.shown:
            text = empty_text(self.listing, self.progress, self._source.paths)
            self.query_one("#empty", Static).update(text)
        self.spec_list.show_rows()
        self._show_title()
        self._show_current()

    @on(Input.Changed)
    def _filter_as_typed(self, event: Input.Changed) -> None:
        self.listing.set_filter(event.value)
        self._show_listing()

    @on(Input.Submitted)
    def _keep_filter(self) -> None:
        self._close_filter()

    def _close_filter(self) -> None:
        self.remove_class("-filtering")
        self.filter_input.disabled = True
        self.spec_list.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a filter is typed, the keys of the list are letters of it."""
        typing = self.has_class("-filtering") and self.filter_input.has_focus
        return not (typing and action in {"filter", "problems", "help", "read"})

    def action_filter(self) -> None:
        """Type words that names or prompts must have."""
        self.add_class("-filtering")
        self.filter_input.disabled = False
        self.filter_input.focus()

    def action_back(self) -> None:
        """From the detail to the list; from there, to all specs."""
        if not self.detail.has_focus:
            # Setting the value is what clears the filter, by way of Input.Changed.
            self.filter_input.value = ""
        self._close_filter()

    def action_read(self) -> None:
        """Go to the detail, to scroll it."""
        self.remove_class("-no-detail")
        self.detail.focus()

    def action_toggle_detail(self) -> None:
        """Show or hide the detail."""
        self.toggle_class("-no-detail")
        self.spec_list.focus()

    def action_problems(self) -> None:
        """Show what is broken or skipped, and why."""
        if self.listing.broken or self.listing.skipped:
            self.app.push_screen(ProblemsScreen(self.listing.broken, self.listing.skipped))
        else:
            self.notify("Nothing is broken, and nothing was skipped.", markup=False)

    def action_help(self) -> None:
        """Show the keys."""
        self.app.push_screen(HelpScreen())
