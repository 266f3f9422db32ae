"""The list of results. It draws the rows in sight only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.widget import Widget

from tui.review.listing import ReviewListing
from tui.review.text import cells, headings, lay_out
from tui.text import one_line
from tui.widgets.row_list import Piece, RowList, near


class ReviewHeadings(Widget):
    """Shows the names of the columns above the list, as wide as its rows."""

    def __init__(self, listing: ReviewListing) -> None:
        super().__init__()
        self._listing = listing

    def render(self) -> str:
        return headings(lay_out(self.size.width, tokens=self._listing.has_tokens))


class ReviewList(RowList[ReviewListing]):
    """Shows a `ReviewListing` and moves its cursor."""

    PREFIX = "review-list"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"review-list--{part}"
        for part in (
            *("cursor", "cursor-glyph", "mark", "name", "count", "lints", "rating"),
            *("undecided", "accepted", "edited", "rejected"),
        )
    }

    @property
    def count(self) -> int:
        return len(self._listing.shown)

    def _pieces(self, position: int, width: int, *, current: bool) -> Sequence[Piece]:
        prompt = self._listing.shown[position]
        return cells(
            prompt,
            self._listing.candidate_of(prompt),
            lay_out(width, tokens=self._listing.has_tokens),
            current=current,
            marked=self._listing.is_marked(prompt),
            beside=(
                one_line(self._listing.shown[each].name) for each in near(position, self.count)
            ),
        )
