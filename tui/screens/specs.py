"""The first screen: which specs there are, what each costs, and whether it fits."""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from backend.errors import UpsampleError
from tui.desk import Desk
from tui.harmless import paragraphs
from tui.lines import Progress, empty_text, title_line
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
from tui.planning import PlanQueue, make_plans
from tui.scanning import read_files
from tui.screens.page import Page
from tui.screens.problems import ProblemsScreen
from tui.widgets.filter_input import FilterInput
from tui.widgets.spec_detail import SpecDetail
from tui.widgets.spec_list import ColumnHeadings, SpecList

_LOOKS: list[str | PurePath] = [
    "specs.tcss",
    "../widgets/spec_list.tcss",
    "../widgets/spec_detail.tcss",
]


class SpecsScreen(Page):
    """List, detail and the lines around them. Handlers own the listing; workers only post messages."""

    AUTO_FOCUS = "SpecList"
    CSS_PATH = _LOOKS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("enter", "read", "read", key_display="⏎"),
        Binding("d", "toggle_detail", "detail", show=False),
        Binding("e", "problems", "problems"),
        Binding("escape", "back", "back", show=False),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._source = source = desk.source
        self._planner = desk.make_planner(desk.settings)
        self._queue = PlanQueue()
        self.progress = Progress(ended=not source.paths)
        self.listing = Listing()

    def compose_body(self) -> ComposeResult:
        """The list beside or above the detail."""
        with Horizontal(id="body", classes="body"):
            with Vertical(id="specs"):
                yield Static(id="title", markup=False)
                yield FilterInput()
                yield Static(id="empty", markup=False)
                yield ColumnHeadings()
                yield SpecList(self.listing, id="list")
            yield SpecDetail(self._source.cwd)

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
        super().on_mount()
        self._show_listing()
        if self._source.paths:
            self.call_after_refresh(self._start)

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
