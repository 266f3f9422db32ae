"""The review page: results beside their prompts, and the keys that decide about them."""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input

from backend.config.external_player import start_player
from backend.errors import UpsampleError
from backend.store import State
from tui.outline.outline_view import OutlineView
from tui.review.deciding import DecidingPage
from tui.review.help import HELP
from tui.review.listing import Show
from tui.review.review_list import ReviewHeadings, ReviewList
from tui.review.review_pane import ReviewPane
from tui.review.text import empty_text, title
from tui.review.workers import ReviewFailed, ReviewRead, ReviewTold
from tui.shell.desk import Desk
from tui.shell.terminal import copy
from tui.text import paragraphs
from tui.widgets.own_keys import key_of, named_keys
from tui.widgets.page import HELP_KEY, FilterInput
from tui.widgets.plain_text import PlainText
from tui.widgets.row_list import CurrentChanged

_LOOKS: list[str | PurePath] = [
    "screen.tcss",
    "review_list.tcss",
    "review_pane.tcss",
]


_FILTER_EXAMPLES = "words of a name or prompt; undecided, repetition …"


class ReviewPage(DecidingPage):
    """Shows a list and two texts. Workers read and write in threads and post messages; handlers own the
    listing.
    """

    AUTO_FOCUS = "ReviewList"
    HELP_GROUPS = HELP
    LIST = ReviewList
    CSS_PATH = _LOOKS
    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "review",
        Binding("left_square_bracket", "candidate(-1)", "candidate before", show=False),
        Binding("right_square_bracket", "candidate(1)", "next candidate", show=False),
        Binding("d", "compare", "compare", show=False),
        Binding("p", "play", "play", show=False),
        Binding("n", "lint(1)", "next lint", show=False),
        Binding("N", "lint(-1)", "lint before", show=False),
        Binding("J", "scroll_texts(1)", "scroll", show=False),
        Binding("K", "scroll_texts(-1)", "scroll back", show=False),
        Binding("c", "copy", "copy", show=False),
        Binding("slash", "filter", "filter", show=False),
        Binding("f", "show", "show", show=False),
        Binding("escape", "back", "back", show=False),
        HELP_KEY,
    )

    @classmethod
    def panes(cls) -> tuple[type[Widget], ...]:
        return (OutlineView,)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self._trouble = ""
        """Why the results could not be read."""
        self._done = -1
        """How many jobs of this session were done when the results were last read."""

    def compose_body(self) -> ComposeResult:
        with Vertical(classes="body"):
            yield PlainText(id="title")
            yield FilterInput(_FILTER_EXAMPLES)
            yield PlainText(id="empty")
            with Horizontal(id="panes"):
                with Vertical(id="results"):
                    yield ReviewHeadings(self.listing)
                    yield ReviewList(self.listing, id="list")
                yield ReviewPane(self.listing, self._desk.pictures, self._desk.graphics)

    @property
    def review_list(self) -> ReviewList:
        return self.query_one(ReviewList)

    @property
    def pane(self) -> ReviewPane:
        return self.query_one(ReviewPane)

    # --- reading ---

    def on_mount(self) -> None:
        """Show an empty page; `on_screen_resume` begins to read."""
        self.show_listing()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Read the results again, because other pages and programs may have changed them."""
        self.call_after_refresh(self._read)

    def show_live(self) -> None:
        """Read again when another job is done."""
        if self.is_shown and self._count_done() != self._done:
            self._read()

    def _count_done(self) -> int:
        return sum(job.state is State.DONE for job in self.host.live.jobs.values())

    def _read(self) -> None:
        self._done = self._count_done()
        if self.review_workers is not None:
            self.review_workers.read(
                {c.number: c for p in self.listing.prompts for c in p.candidates}
            )

    @on(ReviewRead)
    def _take_review(self, message: ReviewRead) -> None:
        self._trouble = ""
        # Only now does the listing know of the decisions that were made.
        self._pending -= self._decided
        self._decided.clear()
        self.listing.take(message.review)
        self._go_to_asked()
        self.show_listing()

    def _go_to_asked(self) -> None:
        asked, self.host.to_review = self.host.to_review, None
        if asked is None or self.listing.go_to_spec(*asked):
            return
        if self.listing.filter or self.listing.show is not Show.ALL:
            self._show_all()
            if self.listing.go_to_spec(*asked):
                return
        self.notify("That spec has no result yet: upsample it first.", markup=False)

    @on(ReviewFailed)
    def _tell_trouble(self, message: ReviewFailed) -> None:
        if message.job is None:
            self._trouble = str(message.error)
            self.show_listing()
            return
        self._pending.discard(message.job)
        text = paragraphs(str(message.error))
        self.notify(text, title="Not decided", severity="error", markup=False)
        self._read()

    @on(ReviewTold)
    def _tell(self, message: ReviewTold) -> None:
        if message.job is not None:
            self._decided.add(message.job)
        if message.text:
            self.notify(message.text, markup=False)
        self._read()

    # --- showing ---

    def show_listing(self) -> None:
        """Show the list, its title, and the current result."""
        self.set_class(not self.listing.shown, "-empty")
        if not self.listing.shown:
            if self.review_workers is None:
                self.listing.is_loaded = True
            text = empty_text(self.listing, self._trouble)
            self.query_one("#empty", PlainText).update(text)
        self.query_one("#title", PlainText).update(title(self.listing))
        self.query_one(ReviewHeadings).refresh()
        self.review_list.show_rows()
        self.pane.show()

    @on(CurrentChanged)
    def _show_current(self) -> None:
        self.pane.show()

    # --- looking ---

    def action_candidate(self, steps: int) -> None:
        """Show another candidate."""
        if self.listing.current and len(self.listing.current.candidates) == 1:
            self.notify(
                f"It is the only candidate; {key_of('review.again')} draws another one.",
                markup=False,
            )
        self.listing.step_candidate(steps)
        self.show_listing()

    def action_compare(self) -> None:
        """Compare with the next other result for the same spec: a candidate, or that of another run."""
        if self.needed() is None:
            return
        if not self.listing.step_compared():
            again = key_of("review.again")
            self.notify(f"It is the only result for its spec; {again} draws another.", markup=False)
        self.pane.show()

    async def action_play(self) -> None:
        """Play the video outside of the terminal."""
        candidate = self.needed()
        if candidate is None:
            return
        job = candidate.result.job
        if job.video is None:
            self.notify("It was made of a prompt without a video.", markup=False)
            return
        try:
            started = await start_player(self.host.settings.app.player, job.video)
        except UpsampleError as error:
            self.notify(paragraphs(str(error)), severity="error", markup=False)
        else:
            self.notify(f"{started} plays {job.video.name}.", markup=False)

    def action_lint(self, steps: int) -> None:
        """Choose another lint, and scroll to its place."""
        candidate = self.needed()
        if candidate is None:
            return
        if not candidate.lints:
            self.notify("It has no lints.", markup=False)
            return
        self.listing.step_lint(steps)
        self.pane.show_lint()

    def action_scroll_texts(self, pages: int) -> None:
        """Scroll the texts by half of their height."""
        texts = self.pane.texts
        texts.scroll_relative(y=pages * max(1, texts.size.height // 2), animate=False)

    def action_copy(self) -> None:
        """Copy the result to the clipboard. Where the terminal allows it, this works over SSH too."""
        if candidate := self.needed():
            copy(self.app, candidate.result.prompt)
            self.notify("The result is copied, if the terminal allows it (OSC 52).", markup=False)

    def action_show(self) -> None:
        """Show all prompts, then the undecided, then those with lints."""
        self.listing.set_show(self.listing.show.next)
        self.show_listing()

    # --- filter ---

    @on(Input.Changed)
    def _filter_as_typed(self, event: Input.Changed) -> None:
        self.listing.set_filter(event.value)
        self.show_listing()

    def action_back(self) -> None:
        """Focus the list; from there, show all results."""
        if not self.pane.texts.has_focus_within:
            self._show_all()
        self.close_filter()

    def _show_all(self) -> None:
        with self.filter_input.prevent(Input.Changed):
            self.filter_input.value = ""
        self.listing.set_filter("")
        self.listing.set_show(Show.ALL)
        self.show_listing()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Give the keys of the page to the filter while the user types it."""
        return not (
            self.is_filter_typed and action not in {"back", "page", "quit", "command_palette"}
        )
