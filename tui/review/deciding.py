"""The keys of the review that decide about results: accept, reject, edit, rate, note, draw again, undo."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from backend.config.external_editor import edit_text
from backend.results.edits import text_to_edit
from backend.results.review import Candidate
from backend.store.decision import Decision
from backend.store.rating import MOST_STARS
from tui.dialogs.line import LineDialog
from tui.dialogs.question import QuestionDialog
from tui.review.listing import ReviewListing
from tui.review.workers import ReviewWorkers
from tui.shell.desk import Desk
from tui.shell.terminal import lend_terminal
from tui.widgets.amounts import counted
from tui.widgets.own_keys import key_of, named_keys
from tui.widgets.page import FilteredPage


class DecidingPage(FilteredPage):
    """A page on which one decides about the results of a listing: the current one, or all that are marked."""

    BINDINGS: ClassVar[list[BindingType]] = named_keys(
        "review",
        Binding("enter,y", "accept", "accept", key_display="⏎"),
        Binding("x", "reject", "reject"),
        Binding("e", "edit", "edit"),
        Binding("plus", "rate(1)", "rate", key_display="+"),
        Binding("minus", "rate(-1)", "rate lower", show=False),
        Binding("m", "note", "note", show=False),
        Binding("U", "undo", "undo"),
        Binding("g", "again", "again"),
        Binding("space", "mark", "mark", show=False),
        Binding("A", "accept_all", "accept all", show=False),
        Binding("B", "accept_best", "accept the best", show=False),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.review_workers = None if desk.queue is None else ReviewWorkers(self, desk.queue)
        """None for an app without a queue."""
        self.listing = ReviewListing()
        self._edits: dict[int, str] = {}
        """What users made of results in their editor, by job."""
        self._pending: set[int] = set()
        """Jobs for which a decision is on its way, or is made and not read yet."""
        self._decided: set[int] = set()
        """Those of them for which it is made."""

    def show_listing(self) -> None:
        """Show the listing as it is now."""
        raise NotImplementedError

    # --- one result, or all that are marked ---

    def action_accept(self) -> None:
        """Accept the result, which writes its file, and go on to the next undecided one."""
        if self._decide_marked(Decision.ACCEPTED):
            return
        if candidate := self.needed():
            self._decide(candidate, Decision.ACCEPTED)

    def action_reject(self) -> None:
        """Reject the result, which restores its file."""
        if self._decide_marked(Decision.REJECTED):
            return
        candidate = self.needed()
        if candidate is None:
            return
        if candidate.decision is Decision.REJECTED and not self._is_passed_over(candidate):
            undo = key_of("review.undo")
            self.notify(
                f"It is rejected already; {undo} takes the last decision back.", markup=False
            )
        else:
            self._decide(candidate, Decision.REJECTED)

    def _is_passed_over(self, candidate: Candidate) -> bool:
        """Return whether the candidate counts as rejected because another one was accepted."""
        return bool(self.listing.current and self.listing.current.chosen not in (None, candidate))

    def _decide_marked(self, decision: Decision) -> bool:
        """Decide about all marked results, if there are any, after a question; return whether there are."""
        numbers = [candidate.number for candidate in self.listing.chosen]
        if not self.listing.marks:
            return False
        verb = "Accept" if decision is Decision.ACCEPTED else "Reject"
        question = Content.assemble(
            f"{verb} ", (counted(len(numbers), "marked result"), "bold"), "?"
        )
        self._ask_about_all(f"{verb} the marked", question, verb.lower(), numbers, decision)
        return True

    def action_mark(self) -> None:
        """Mark the prompt, or remove its mark, and go on to the next one."""
        self.listing.toggle_mark()
        self.show_listing()

    async def action_edit(self) -> None:
        """Let the user edit the text, and accept the edited one."""
        candidate = self.needed()
        if candidate is None:
            return
        begun = self._edits.get(candidate.number) or text_to_edit(candidate.result.prompt)
        text = await lend_terminal(self.app, partial(edit_text, begun))
        if text is not None:
            self._take_edited(candidate, text)

    def _take_edited(self, candidate: Candidate, text: str) -> None:
        if not text:
            reject = key_of("review.reject")
            self.notify(
                f"The text is empty, so nothing was changed; {reject} rejects.", markup=False
            )
        elif text == text_to_edit(candidate.result.prompt).strip():
            self.notify("The text was not changed, so nothing was decided.", markup=False)
        else:
            # It is kept, so that after an undo the editor begins with it.
            self._edits[candidate.number] = text
            self._decide(candidate, Decision.EDITED, text)

    def _decide(self, candidate: Candidate, decision: Decision, text: str | None = None) -> None:
        if self.review_workers is None or candidate.number in self._pending:
            return
        self._pending.add(candidate.number)
        self.review_workers.decide(candidate.number, decision, text)
        self.listing.go_on(decision, self._pending)
        self.show_listing()

    def action_undo(self) -> None:
        """Undo the last decision."""
        if self.review_workers is not None:
            self.review_workers.undo()

    # --- ratings ---

    def action_rate(self, stars: int) -> None:
        """Rate the result higher or lower, from none to five stars."""
        chosen = self.listing.chosen
        if self.review_workers is None or self.needed() is None:
            return
        before = min(candidate.rating.stars for candidate in chosen)
        rated = max(0, min(MOST_STARS, before + stars))
        self.review_workers.rate([candidate.number for candidate in chosen], stars=rated)

    def action_note(self) -> None:
        """Ask for a note about the result."""
        candidate, workers = self.needed(), self.review_workers
        if candidate is None or workers is None:
            return
        numbers = [one.number for one in self.listing.chosen]

        def take(note: str | None) -> None:
            if note is not None:
                workers.rate(numbers, note=note)

        title = "Note" if len(numbers) == 1 else f"Note about {counted(len(numbers), 'result')}"
        self.app.push_screen(LineDialog(title, candidate.rating.note), take)

    # --- many at once ---

    def action_accept_all(self) -> None:
        """Ask, and then accept all shown results that are undecided and have no lint."""
        numbers = self.listing.unlinted
        if not numbers:
            self.notify("Nothing that is shown is undecided and without lints.", markup=False)
            return
        kept = sum(prompt.decision is Decision.UNDECIDED for prompt in self.listing.shown)
        rest = kept - len(numbers)
        question = Content.assemble(
            "Accept ",
            (counted(len(numbers), "result"), "bold"),
            " that nothing speaks against?",
            (f"\n{counted(rest, 'other')} stay undecided." if rest else "", "$foreground-muted"),
        )
        self._ask_about_all(
            "Accept all without lints", question, "accept", numbers, Decision.ACCEPTED
        )

    def action_accept_best(self) -> None:
        """Ask, and then accept of each shown prompt the candidate that is rated best."""
        numbers = self.listing.best
        if not numbers:
            keys = f"{key_of('review.rate')} and {key_of('review.rate-lower')}"
            text = f"No rated result waits to be accepted; {keys} rate the result that is shown."
            self.notify(text, markup=False)
            return
        question = Content.assemble(
            "Accept ", (counted(len(numbers), "result"), "bold"), ", the best rated of each prompt?"
        )
        self._ask_about_all(
            "Accept the best of each", question, "accept", numbers, Decision.ACCEPTED
        )

    def _ask_about_all(
        self, title: str, question: Content, verb: str, numbers: Sequence[int], decision: Decision
    ) -> None:
        workers = self.review_workers
        if workers is None:
            return

        def take_answer(yes: bool | None) -> None:
            if yes:
                self.listing.marks.clear()
                workers.decide_many(numbers, decision)

        self.app.push_screen(QuestionDialog(title, question, verb, default=True), take_answer)

    # --- another answer ---

    def action_again(self) -> None:
        """Queue the same prompt with the next seed."""
        candidate = self.needed()
        if candidate is None or self.review_workers is None:
            return
        if self.host.runner is None:
            why = "Nobody works on the queue from here, so nothing can be drawn again."
            self.notify(why, severity="warning", markup=False)
            return
        self.review_workers.draw_again(candidate.number, self.host.runner, self.host.live)

    def needed(self) -> Candidate | None:
        """Return the current candidate; if there is none, tell the user so."""
        candidate = self.listing.candidate
        if candidate is None:
            self.notify("There is no result to decide about.", markup=False)
        return candidate
