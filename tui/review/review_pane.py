"""The pane with one result: its origin, both texts, and its lints."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content

from backend.results.review import Candidate
from backend.results.word_diff import WordDiff, diff_words
from backend.specs.upsampled import is_json_object
from tui.review.listing import ReviewListing
from tui.review.text import (
    facts,
    heading,
    lint_lines,
    object_texts,
    original_text,
    result_text,
    tabs,
)
from tui.text import LONGEST_TEXT, cut
from tui.widgets.plain_text import PlainText

_SMALL = 12
"""The height below which only the most important facts are shown."""


class Texts(VerticalScroll, can_focus=True):
    """The original and the result, which scroll together."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("G", "scroll_end", "bottom", show=False),
    ]

    def compose(self) -> ComposeResult:
        with Container(id="both"):
            yield PlainText(id="original")
            yield PlainText(id="result")


class ReviewPane(Vertical):
    """Shows the current candidate of the listing."""

    def __init__(self, listing: ReviewListing) -> None:
        super().__init__()
        self._listing = listing
        self._shown: Candidate | None = None
        self._diff: WordDiff | None = None
        """How the shown result differs from its prompt; None for a JSON object."""

    def compose(self) -> ComposeResult:
        yield PlainText(id="heading")
        yield PlainText(id="tabs")
        yield PlainText(id="facts")
        yield PlainText(id="lints")
        yield Texts()

    @property
    def texts(self) -> Texts:
        return self.query_one(Texts)

    def show(self) -> None:
        """Show the current candidate, from its top if another one was shown before."""
        prompt, candidate = self._listing.current, self._listing.candidate
        self.display = prompt is not None
        if prompt is None or candidate is None:
            return
        before = self._shown
        if before is None or before.number != candidate.number:
            self.texts.scroll_home(animate=False)
        if before is None or before.result is not candidate.result:
            original, result = candidate.result.job.prompt, candidate.result.prompt
            # Of a short prompt and an object of a hundred keys, a comparison by words shows nothing.
            self._diff = (
                None
                if is_json_object(result)
                else diff_words(cut(original, LONGEST_TEXT), cut(result, LONGEST_TEXT))
            )
        self._shown = candidate
        width = max(20, self.size.width - 2)
        self.query_one("#heading", PlainText).update(heading(prompt, candidate, width))
        several = self.query_one("#tabs", PlainText)
        several.display = len(prompt.candidates) > 1
        several.update(tabs(prompt, candidate))
        # In a slim window the texts matter more than where they come from.
        small = self.size.height < _SMALL
        told = facts(candidate, width)
        self.query_one("#facts", PlainText).update(told.split("\n")[0] if small else told)
        most = max(2, self.size.height // 5)
        lints = lint_lines(candidate.lints, self._listing.lint, width, most)
        self.query_one("#lints", PlainText).update(lints)
        self.query_one("#lints").display = bool(candidate.lints) or not small
        self._draw_texts(candidate)

    def show_lint(self) -> None:
        """Show the current lint, and scroll to its place."""
        self.show()
        # Only when it is laid out is it known where that is.
        self.call_after_refresh(self._scroll_to_lint)

    def _scroll_to_lint(self) -> None:
        candidate = self._listing.candidate
        if candidate is None or self._diff is None:
            return
        text, place = result_text(self._diff, candidate.lints, self._listing.lint)
        result = self.query_one("#result", PlainText)
        if place is not None and result.size.width > 0:
            lines = Content(text.plain[:place]).wrap(result.content_size.width)
            above = result.virtual_region.y + len(lines) - 1
            height = self.texts.size.height
            self.texts.scroll_to(y=max(0, above - height // 3), animate=False)

    def on_resize(self) -> None:
        self.show()

    def _draw_texts(self, candidate: Candidate) -> None:
        if self._diff is None:
            original, text = object_texts(candidate.result.job.prompt, candidate.result.prompt)
        else:
            original = original_text(self._diff)
            text, _ = result_text(self._diff, candidate.lints, self._listing.lint)
        self.query_one("#original", PlainText).update(original)
        self.query_one("#result", PlainText).update(text)
