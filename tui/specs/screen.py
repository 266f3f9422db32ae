"""The first screen: which specs there are, what each costs, and whether it fits.

The first paint waits for nothing but the list. What stands beside it comes next, and dialogs are imported
when they are opened.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input

from backend.planning.history import latest_job
from backend.specs.model import Spec
from tui.shell.desk import Desk
from tui.shell.work import start_work
from tui.specs.help import HELP
from tui.specs.rows import Row
from tui.specs.scanning import FilesRead
from tui.specs.spec_list import (
    ColumnHeadings,
    MarksChanged,
    ReadAsked,
    SightChanged,
    SpecList,
)
from tui.specs.threads import (
    FilesChanged,
    HistoryRead,
    PlanningStopped,
    PlansMade,
    ScanEnded,
    SpecThreads,
)
from tui.specs.title import Progress, empty_text, filter_hint, title_line
from tui.specs.two_step_page import TwoStepPage
from tui.specs.widths import WIDTHS
from tui.text import paragraphs
from tui.widgets.own_keys import named_keys
from tui.widgets.page import HELP_KEY, FilterInput
from tui.widgets.plain_text import PlainText
from tui.widgets.row_list import CurrentChanged

if TYPE_CHECKING:
    from backend.config import Settings, Upsampling
    from tui.specs.spec_detail import SpecDetail

_FILTER_EXAMPLES = "words of a name or prompt, fits:no, state:failed, -without …"
_VERY_MANY = 20_000
"""From so many specs on, the garbage collector leaves them alone."""
_RENEW_EVERY = 0.25
"""Seconds between two renewals of the list, at least."""
_EMPTY_AFTER = 0.2
"""Seconds until a list without specs says so; most scans have found some by then."""
_PATIENCE = 10
"""The list is renewed after this multiple of the time that the last renewal took."""


class SpecsScreen(TwoStepPage):
    """Shows the list and the detail. Handlers own the listing; workers only post messages."""

    AUTO_FOCUS = "SpecList"
    HELP_GROUPS = HELP
    LIST = SpecList
    HORIZONTAL_BREAKPOINTS = WIDTHS
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "specs",
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("enter", "read", "read", show=False),
        Binding("u", "upsample", "send"),
        Binding("t", "tokens", "tokens", show=False),
        Binding("d", "toggle_detail", "detail", show=False),
        Binding("s", "sort", "sort"),
        Binding("S", "reverse", "reverse", show=False),
        Binding("o", "group", "by folder", show=False),
        Binding("c", "columns", "columns", show=False),
        Binding("e", "problems", "problems", show=False),
        Binding("r", "review", "review", show=False),
        Binding("escape", "back", "back", show=False),
        HELP_KEY,
    )

    @classmethod
    def panes(cls) -> tuple[type[Widget], ...]:
        from tui.outline.outline_view import OutlineView

        return (OutlineView,)

    def __init__(self, desk: Desk) -> None:
        self._source = source = desk.source
        super().__init__(source.cwd)
        self._threads = SpecThreads(self, source)
        self.progress = Progress(ended=not source.paths)
        self._heard = -1
        """The version of `live` that the list shows."""
        self._asked_history = False
        self._next_renewal = 0.0

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="body", classes="body"):
            with Vertical(id="specs"):
                yield PlainText(id="title")
                yield FilterInput(_FILTER_EXAMPLES)
                yield PlainText(id="hint")
                yield PlainText(id="empty")
                yield ColumnHeadings(self.listing, self.columns)
                yield SpecList(self.listing, self.columns, id="list")
            yield Vertical(id="detail-room", classes="detail-column")

    @property
    def spec_list(self) -> SpecList:
        return self.query_one(SpecList)

    @property
    def detail(self) -> SpecDetail:
        from tui.specs.spec_detail import SpecDetail

        return self.query_one(SpecDetail)

    @property
    def chosen_specs(self) -> Sequence[Spec]:
        return [row.spec for row in self._chosen_rows()]

    def _chosen_rows(self) -> list[Row]:
        """Return the marked rows; the current one, or those of the current folder, when none is marked."""
        listing = self.listing
        return [listing.rows[number] for number in sorted(listing.marked or listing.at_cursor)]

    def on_mount(self) -> None:
        """Begin to read; most often something is there by the time that the list is drawn."""
        self.host.settings_changed.subscribe(self, self._weigh_anew)
        self.set_class(not self.host.memory.recall("specs.detail", default=True), "-no-detail")
        self.set_interval(_RENEW_EVERY, self._renew)
        if self._source.paths:
            self._show_title()
            self._threads.start_reading()
            start_work(self, self._tell_if_empty)
        else:
            self.show_listing()
            self.go_on_once()

    async def _tell_if_empty(self) -> None:
        # Counted from the first frame, which comes late on a busy machine, as the specs do.
        await self.host.first_frame.wait()
        # Set by the page itself, so that none is set while it closes.
        self.call_later(self.set_timer, _EMPTY_AFTER, self._show_if_empty)

    def _show_if_empty(self) -> None:
        if not self.listing.shown:
            self.show_listing()

    def on_unmount(self) -> None:
        self._threads.stop()

    def show_live(self) -> None:
        """Show the states of jobs; once the queue is open, those of earlier runs too."""
        store = self.host.store
        if store is not None and not self._asked_history:
            self._asked_history = True
            self._threads.read_history(store, None)
        if self.beside is not None:
            self.beside.show_jobs()
        live = self.host.live
        jobs = live.changed_since(self._heard)
        self._heard = live.version
        if self.listing.take_jobs(
            {(it.job.file, it.job.entry): latest_job(it.job, it.state) for it in reversed(jobs)}
        ):
            self._show_states()

    @on(FilesRead)
    def _take_findings(self, message: FilesRead) -> None:
        self.go_on_once()
        self._weigh(self.listing.add(message.findings))
        self.progress.read, self.progress.total = message.read, message.total
        self.show_listing()

    def go_on_reading(self) -> None:
        self._threads.note_drawn()

    def go_on_planning(self) -> None:
        if self._source.paths:
            self._threads.start_planning(self.host.settings)

    @on(FilesChanged)
    def _take_changes(self, message: FilesChanged) -> None:
        files, others = message.changes.files, message.changes.others
        changed, gone = self.listing.replace_files(files)
        self._threads.forget(gone)
        self._weigh(changed)
        self._weigh(self.listing.forget_plans(others))
        store = self.host.store
        if store is not None and files:
            self._threads.read_history(store, frozenset(file.absolute() for file in files))
        self.show_listing()

    @on(HistoryRead)
    def _take_history(self, message: HistoryRead) -> None:
        self.listing.take_jobs(message.jobs)
        self.listing.take_results(message.results, message.among)
        self._show_states()

    def _weigh(self, rows: Iterable[Row]) -> None:
        self._threads.weigh(rows, self.spec_list.in_sight)

    def _weigh_anew(self, settings: Settings) -> None:
        self._threads.plan_anew(settings, self.listing.rows.values(), self.spec_list.in_sight)

    def _renew(self) -> None:
        """Sort and filter again where plans and jobs require it, but leave most of the time to the
        keyboard.
        """
        began = monotonic()
        if began >= self._next_renewal and self.listing.renew():
            self.show_listing()
            self._next_renewal = monotonic() + _PATIENCE * (monotonic() - began)

    def _show_states(self) -> None:
        self.query_one(ColumnHeadings).refresh()
        self.spec_list.refresh()

    @on(ScanEnded)
    def _end_scan(self) -> None:
        self.progress.ended = True
        self.go_on_once()
        if len(self.listing.rows) >= _VERY_MANY:
            # They stay as long as the app; looking through them for garbage again and again costs keys.
            gc.freeze()
        self._return_to_last()
        self.show_listing()

    def _return_to_last(self) -> None:
        """Go to the spec of the last session, unless the user has moved already."""
        last = self.host.memory.recall("specs.last", "")
        if last and self.listing.position == 0:
            for position, number in enumerate(self.listing.shown):
                if self.listing.rows[number].is_at(last):
                    self.listing.move_to(position)
                    break

    @on(PlansMade)
    def _take_plans(self, message: PlansMade) -> None:
        for made in message.plans:
            self.listing.take_plan(made.number, made.plan)
        self.spec_list.refresh()
        self._show_title()
        self.show_current()

    @on(PlanningStopped)
    def _tell_trouble(self, message: PlanningStopped) -> None:
        self.notify(
            paragraphs(str(message.error)), title="No tokens", severity="error", markup=False
        )

    @on(SightChanged)
    def _weigh_in_sight_first(self) -> None:
        self._threads.look_at(self.spec_list.in_sight)

    @on(CurrentChanged)
    def show_current(self) -> None:
        """Show the current spec beside the list, if that is there."""
        if self.beside is not None:
            self.beside.show(self.listing.current)
        if self.listing.choosing:
            self._show_title()
        if self.progress.ended and self.listing.current is not None:
            self.host.memory.note("specs.last", self.listing.current.bookmark)

    @on(MarksChanged)
    def _show_title(self) -> None:
        # It is always one line, so nothing else moves.
        self.query_one("#title", PlainText).update(
            title_line(self.listing, self.progress, self._source.columns), layout=False
        )

    def show_listing(self) -> None:
        """Show the list, its title and the current spec."""
        self.set_class(not self.listing.shown, "-empty")
        if not self.listing.shown:
            text = empty_text(self.listing, self.progress, self._source.paths)
            self.query_one("#empty", PlainText).update(text)
        self.spec_list.show_rows()
        self.query_one(ColumnHeadings).refresh()
        self._show_title()
        self.show_current()

    @on(Input.Changed)
    def _filter_as_typed(self, event: Input.Changed) -> None:
        self.listing.set_filter(event.value)
        self.query_one("#hint", PlainText).update(filter_hint(self.listing.wanted))
        self.set_class(bool(self.listing.wanted.problems), "-hinting")
        self.show_listing()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Give the keys of the list to the filter while the user types it."""
        keys = {"filter", "problems", "help", "read", "sort", "reverse", "group", "columns"}
        keys |= {"upsample", "tokens", "review", *self.FILE_ACTIONS}
        return not (self.is_filter_typed and action in keys)

    def action_upsample(self) -> None:
        """Ask how to upsample the marked specs, or the current one when none is marked."""
        from tui.send.draft import Chosen

        chosen = [Chosen(row.spec, row.whole_plan) for row in self._chosen_rows()]
        self.host.ask_to_upsample(
            chosen, self._queued, include_upsampled=self.spec_list.includes_upsampled
        )

    def _queued(self) -> None:
        """Remove the marks, because the marked specs are queued."""
        self.listing.clear_marks()
        self.spec_list.refresh()
        self._show_title()

    def action_back(self) -> None:
        """Leave the range; or leave the detail; or show all specs."""
        if self.listing.choosing:
            self.listing.leave_range()
            self.spec_list.refresh()
            self._show_title()
            return
        if not self.detail.has_focus_within:
            # Setting the value is what clears the filter, by way of Input.Changed.
            self.filter_input.value = ""
        self.close_filter()

    def action_read(self) -> None:
        """Focus the detail, so that keys scroll it; on a folder, fold or unfold it."""
        group = self.listing.current_group
        if self.listing.current is None and group is not None:
            self.spec_list.action_fold(not group.folded)
            return
        self.remove_class("-no-detail")
        self.detail.read()

    def action_toggle_detail(self) -> None:
        """Show or hide the detail."""
        self.toggle_class("-no-detail")
        self.host.memory.remember("specs.detail", not self.has_class("-no-detail"))
        self.spec_list.focus()

    @on(ReadAsked)
    def _read_clicked(self) -> None:
        self.action_read()

    def action_tokens(self) -> None:
        """Show what the current spec costs, and what it would cost under other settings."""
        from tui.tokens.screen import TokensScreen

        if spec := self.current_or_tell():
            panel = TokensScreen(spec, self.host.settings, self.host.desk.counter)
            self.app.push_screen(panel, self._use)

    def _use(self, upsampling: Upsampling | None) -> None:
        if upsampling is not None:
            settings = self.host.settings.model_copy(update={"upsampling": upsampling})
            self.host.change_settings(settings)

    def current_or_tell(self) -> Spec | None:
        row = self.listing.current
        if row is None:
            self.notify("No spec is chosen.", markup=False)
        return row.spec if row else None

    def action_problems(self) -> None:
        """Show what is broken or skipped, and why."""
        from tui.specs.problems import ProblemsScreen

        if self.listing.broken or self.listing.skipped:
            self.app.push_screen(ProblemsScreen(self.listing.broken, self.listing.skipped))
        else:
            self.notify("Nothing is broken, and nothing was skipped.", markup=False)

    def action_review(self) -> None:
        """Go to the review, to the result of the current spec."""
        if row := self.listing.current:
            self.host.review_spec(self._source.cwd / row.spec.file, row.spec.entry)
        else:
            self.notify("There is no spec whose result could be reviewed.", markup=False)
