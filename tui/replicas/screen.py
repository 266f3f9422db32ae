"""The panel with the replicas of a box: what each does, and keys that drain one or start it anew."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from backend.box.replicas import change_words, restart_words
from backend.config import EngineName
from backend.errors import UpsampleError
from remote.protocol import DRAIN, RESTART
from tui.dialogs.question import QuestionDialog
from tui.host import AppHost, host_of
from tui.replicas.listing import ReplicaListing
from tui.replicas.replica_list import ReplicaHeadings, ReplicaList
from tui.replicas.text import box_text, remark_text, why_unchangeable
from tui.shell.defects import TellsDefects
from tui.shell.steady_app import CHANGES
from tui.shell.work import start_work
from tui.text import one_line, paragraphs
from tui.widgets.own_keys import key_of, named_keys
from tui.widgets.plain_text import PlainText
from tui.widgets.row_list import CurrentChanged

_NAMED = ("replicas.drain", "replicas.start-anew", "replicas.next-box", "replicas.close")
"""The keys below the panel."""


class ReplicasScreen(TellsDefects, ModalScreen[None]):
    """Shows what the app hears of a box with work. Another key shows the next box."""

    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "ReplicaList"
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "replicas",
        Binding("d", "drain", "drain"),
        Binding("r", "restart", "start anew"),
        Binding("tab,b", "next_box", "next box"),
        Binding("g", "list_first", "first", show=False),
        Binding("escape,q", "dismiss", "close"),
    )

    def __init__(self, listing: ReplicaListing) -> None:
        super().__init__()
        self.listing = listing

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel") as panel:
            drain, anew, box, close = map(key_of, _NAMED)
            subtitle = f"{drain} drain · {anew} start anew · {box} next box · {close} closes"
            panel.border_subtitle = Content(subtitle)
            yield PlainText(id="box")
            yield ReplicaHeadings()
            yield ReplicaList(self.listing, id="list")
            yield PlainText(id="remark")

    @property
    def host(self) -> AppHost:
        return host_of(self)

    def on_mount(self) -> None:
        """Show what is known, and whatever comes."""
        self.host.live_changed.subscribe(self, lambda _: self.show_live())
        self.set_interval(1, self.show_live)
        self.show_live()

    def on_resize(self) -> None:
        self.call_after_refresh(self.show_live)

    def show_live(self) -> None:
        """Draw everything that may have changed."""
        if not self.is_attached:  # it was closed before the next frame
            return
        self.listing.refresh()
        panel = self.query_one(".panel", Vertical)
        panel.border_title = Content(f"Replicas · {one_line(self.listing.box)}")
        self.query_one("#box", PlainText).update(box_text(self.listing, self.host.live.clock()))
        self.query_one(ReplicaList).show_rows()
        self._show_current()

    @on(CurrentChanged)
    def _show_current(self) -> None:
        remark = remark_text(self.listing, has_replicas=self._has_replicas)
        self.query_one("#remark", PlainText).update(remark)

    @property
    def _has_replicas(self) -> bool:
        box = self.host.settings.boxes.get(self.listing.box)
        return box is not None and box.engine is EngineName.RAY

    def action_list_first(self) -> None:
        """Put the cursor on the first replica."""
        self.query_one(ReplicaList).action_go_first()

    def action_next_box(self) -> None:
        """Show the replicas of the next box."""
        if not self.listing.show_next_box():
            self.notify("No other box is in use.", markup=False)
        self.show_live()

    def action_drain(self) -> None:
        """Give the current replica no further request."""
        self._change(DRAIN)

    def action_restart(self) -> None:
        """Ask whether to start the current replica anew, and say what is repeated."""
        row = self.listing.current
        if row is None or not row.may_change:
            self._change(RESTART)
            return
        box = self.listing.box

        def answered(yes: bool | None) -> None:
            if yes:
                self._ask_box(box, row.name, RESTART)

        title = f"Start replica {one_line(row.name)} anew?"
        question = QuestionDialog(
            title, restart_words(row), "start it anew", default=not row.in_flight
        )
        self.app.push_screen(question, answered)

    def _change(self, change: str) -> None:
        row = self.listing.current
        why_not = why_unchangeable(row, has_replicas=self._has_replicas)
        if row is None or why_not:
            self.notify(why_not, markup=False)
            return
        self._ask_box(self.listing.box, row.name, change)

    def _ask_box(self, box: str, replica: str, change: str) -> None:
        # The app's, so that it goes on when the panel is closed.
        start_work(self.app, partial(self._ask, box, replica, change), CHANGES)

    async def _ask(self, name: str, replica: str, change: str) -> None:
        from backend.box.replica_changes import change_replica  # SSH is slow to import
        from backend.box.setup import make_box

        app, host = self.app, self.host
        try:
            box = make_box(*host.settings.box_named(name), host.settings)
            await change_replica(box, host.asker, replica, change)
        except UpsampleError as error:
            app.notify(paragraphs(str(error)), severity="error", markup=False)
            return
        app.notify(one_line(change_words(replica, change)), markup=False)
