"""The pane with one result: its origin, its frames, both texts, and its lints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content

from backend.results.key_diff import ComparedPart
from backend.results.lints import Lint
from backend.results.review import Candidate
from backend.results.word_diff import WordDiff, diff_words
from backend.specs.json_prompts import prompt_lines
from backend.specs.outline import outline_in
from tui.frames.frames_view import FramesView
from tui.frames.pictures import PictureBook
from tui.outline.outline_view import OutlineView
from tui.review.listing import ReviewListing
from tui.review.media import MediaFinder
from tui.review.object_text import compared_keys, object_heading, plain_original, shown_object
from tui.review.text import (
    facts,
    heading,
    lint_lines,
    note_text,
    original_text,
    other_name,
    other_text,
    result_text,
    tabs,
)
from tui.shell.defects import TellsDefects
from tui.text import LONGEST_TEXT, cut
from tui.widgets.plain_text import PlainText

if TYPE_CHECKING:
    from tui.frames.pixel_graphics import PixelGraphics

_SMALL = 16
"""The height below which only the most important facts are shown."""
_THREE_COLUMNS = 120
"""The width from which another result stands beside the original and the result."""
_BESIDE = 34
_LEAST_BESIDE = 70
"""The width of the frames where they stand beside the texts, and of a pane that has room for that."""
_LEAST_FRAMES = 6
"""The least height of the frames above the texts, in lines."""
_SPACES = 6
"""Lines of the headings of the pane, and between its parts."""


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
            with Vertical(id="made"):
                yield PlainText(id="result")
                yield OutlineView()
            yield PlainText(id="other")


class ReviewPane(TellsDefects, Vertical):
    """Shows the current candidate of the listing."""

    def __init__(
        self,
        listing: ReviewListing,
        pictures: PictureBook | None = None,
        graphics: PixelGraphics | None = None,
    ) -> None:
        """Without `pictures`, no frames are shown; without `graphics`, they are drawn in half-blocks."""
        super().__init__()
        self._listing = listing
        self._pictures = pictures
        self._graphics = graphics
        self.media = MediaFinder(self, self._show_frames)
        self._shown: Candidate | None = None
        self._compared: Candidate | None = None
        """The other result that is shown, too."""
        self._diff: WordDiff | None = None
        """How the shown result differs from its prompt; None for a JSON object."""
        self._keys: Sequence[ComparedPart] = ()
        """How a result that is a JSON object differs from the other one, or from such a prompt."""
        self._between: WordDiff | None = None
        """How the shown result differs from the other one; None without one."""

    def compose(self) -> ComposeResult:
        yield PlainText(id="heading")
        yield PlainText(id="tabs")
        yield PlainText(id="facts")
        yield PlainText(id="note")
        yield PlainText(id="lints")
        with Container(id="answer"):
            yield FramesView(self._pictures, self._graphics)
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
        is_other = before is None or before.result is not candidate.result
        if is_other:
            original, result = candidate.result.job.prompt, candidate.result.prompt
            # Of a short prompt and an object of a hundred keys, a comparison by words shows nothing.
            self._diff = None if outline_in(result) else _compare(original, result)
        compared = self._listing.compared or (
            self._next_candidate(candidate) if self._is_roomy and self._diff is not None else None
        )
        # What was found before holds for as long as both results are the same.
        if is_other or (compared and compared.result) is not (
            self._compared and self._compared.result
        ):
            self._compare(candidate, compared)
        self._shown, self._compared = candidate, compared
        width = max(20, self.size.width - 2)
        self.query_one("#heading", PlainText).update(heading(prompt, candidate, width))
        several = self.query_one("#tabs", PlainText)
        several.display = len(prompt.candidates) > 1
        several.update(tabs(prompt, candidate))
        # In a slim window the texts matter more than where they come from.
        small = self.size.height < _SMALL
        told = facts(candidate, width)
        self.query_one("#facts", PlainText).update(told.split("\n")[0] if small else told)
        note = self.query_one("#note", PlainText)
        note.display = bool(candidate.rating.note)
        note.update(note_text(candidate, width))
        most = max(2, self.size.height // 5)
        lints = lint_lines(candidate.lints, self._listing.lint, width, most)
        self.query_one("#lints", PlainText).update(lints)
        self.query_one("#lints").display = bool(candidate.lints) or not small
        self._draw_texts(candidate)
        self._show_frames()

    def _compare(self, candidate: Candidate, compared: Candidate | None) -> None:
        """Compare the result with another one, if there is one: key by key where both are objects."""
        original, result = candidate.result.job.prompt, candidate.result.prompt
        other = None if compared is None else compared.result.prompt
        self._keys = () if self._diff is not None else compared_keys(original, result, other)
        self._between = None
        if other is not None and not self._keys:
            self._between = _compare(prompt_lines(other), prompt_lines(result))
        is_outlined = self._diff is None and self._between is None
        parts = shown_object(original, result, self._keys) if is_outlined else []
        outline = self.query_one(OutlineView)
        had_focus = outline.has_focus or self.texts.has_focus
        outline.show(parts)
        # Tab goes to what has keys of its own.
        self.texts.can_focus = not parts
        if had_focus:
            (outline if parts else self.texts).focus(scroll_visible=False)

    @property
    def _is_roomy(self) -> bool:
        """Whether three texts have room beside each other."""
        return self.size.width >= _THREE_COLUMNS

    def _next_candidate(self, candidate: Candidate) -> Candidate | None:
        """Return the candidate that follows this one; None where it is the only one."""
        candidates = self._listing.current.candidates if self._listing.current else ()
        numbers = [one.number for one in candidates]
        if len(candidates) < 2 or candidate.number not in numbers:
            return None
        return candidates[(numbers.index(candidate.number) + 1) % len(candidates)]

    def _show_frames(self) -> None:
        """Show the frames of the current candidate as soon as its videos are found."""
        candidate = self._listing.candidate
        if candidate is None or self._pictures is None or self.size.width <= 0:
            return
        if not self.has_room_for_frames:
            self.query_one(FramesView).show(None, 0, 0)
            return
        found = self.media.find(candidate.result.job)
        look, trouble = (found.look, found.trouble) if found else (None, "")
        frames = self.query_one(FramesView)
        if not self.screen.has_class("-narrow"):
            frames.show(look, max(20, self.size.width - 2), self._room_above(), trouble)
        else:
            frames.show(look, _BESIDE, self.query_one("#answer").size.height, trouble)

    @property
    def has_room_for_frames(self) -> bool:
        """Whether frames leave enough room for the texts."""
        return self.size.width >= _LEAST_BESIDE or not self.screen.has_class("-narrow")

    def _room_above(self) -> int:
        """Return the lines that frames may take above the texts: a part of the pane, or all that texts do
        not need.
        """
        told = self.query_one("#facts").size.height + self.query_one("#lints").size.height
        needed = told + self.query_one("#both").virtual_size.height + _SPACES
        return max(_LEAST_FRAMES, self.size.height * 2 // 5, self.size.height - needed)

    def show_lint(self) -> None:
        """Show the current lint, and scroll to its place."""
        self.show()
        # Only when it is laid out is it known where that is.
        self.call_after_refresh(self._scroll_to_lint)

    def _scroll_to_lint(self) -> None:
        candidate = self._listing.candidate
        if candidate is None or self._diff is None:
            return
        replaces = self._between is not None and not self._is_roomy
        diff = self._between if replaces and self._between is not None else self._diff
        text, place = result_text(diff, candidate.lints, self._listing.lint, only=replaces)
        result = self.query_one("#result", PlainText)
        if place is not None and result.size.width > 0:
            lines = Content(text.plain[:place]).wrap(result.content_size.width)
            above = self.query_one("#made").virtual_region.y + len(lines) - 1
            height = self.texts.size.height
            self.texts.scroll_to(y=max(0, above - height // 3), animate=False)

    def on_resize(self) -> None:
        self.show()

    def _draw_texts(self, candidate: Candidate) -> None:
        compared, lint = self._compared, self._listing.lint
        # Without room for a third text, the other result takes the place of the original.
        replaces = self._between is not None and not self._is_roomy
        if self._between is not None and compared is not None:
            other = other_text(self._between, compared, candidate)
        else:
            other = Content()
        if self._diff is None:
            original = plain_original(candidate.result.job.prompt)
            against = other_name(compared, candidate) if compared else "the prompt"
            text = object_heading(candidate.result.prompt, self._keys, against)
        else:
            original = original_text(self._diff)
            text, _ = result_text(self._diff, candidate.lints, lint)
        if replaces:
            original = other
        if self._between is not None and (replaces or self._diff is None):
            # An object stands beside prose as lines, and has no outline then.
            text, _ = result_text(self._between, self._lints_in_text(candidate), lint, only=True)
        self.query_one("#original", PlainText).update(original)
        self.query_one("#result", PlainText).update(text)
        third = self.query_one("#other", PlainText)
        third.display = self._between is not None and not replaces
        third.update(other)

    def _lints_in_text(self, candidate: Candidate) -> tuple[Lint, ...]:
        """Return the lints whose places are known in the text that is shown."""
        return () if self._diff is None else candidate.lints


def _compare(one: str, other: str) -> WordDiff:
    return diff_words(cut(one, LONGEST_TEXT), cut(other, LONGEST_TEXT))
