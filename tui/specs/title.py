"""The texts around the list of specs: its title, its filter, and what to do when it is empty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from textual.content import Content

from backend.catalog.filter import Filter
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns
from tui.specs.listing import Listing
from tui.specs.rows import Column
from tui.text import DOT, one_line
from tui.widgets.own_keys import key_of


@dataclass(slots=True)
class Progress:
    """The progress of the scan."""

    read: int = 0
    """How many files are read."""
    total: int = 0
    """How many files there are; 0 until the first is read."""
    ended: bool = False


def title_line(listing: Listing, progress: Progress, columns: WantedColumns) -> Content:
    """Say how many specs there are, and how the list differs from a plain one."""
    parts = [Content.assemble(("Specs ", "bold"), (f"{len(listing.rows):,}", "bold"))]
    if listing.marked:
        hidden = f", {listing.hidden_marks:,} hidden" if listing.hidden_marks else ""
        parts.append(Content.styled(f"{len(listing.marked):,} marked{hidden}", "$text-accent"))
    if listing.choosing:
        first, last = listing.range
        parts.append(Content.styled(f"range of {last - first + 1:,}", "$text-accent"))
    if listing.results.with_specs and not listing.wanted.wants_results:
        hidden = f"{len(listing.results.with_specs):,} results with them (/result:yes)"
        parts.append(Content.styled(hidden, "$foreground-muted"))
    if listing.filter:
        shows = "shows similar names," if listing.similar else "shows"
        parts.append(Content(f"/{one_line(listing.filter)} {shows} {len(listing.shown):,}"))
    if listing.order.column is Column.PLACE and listing.order.descending:
        parts.append(Content.styled("last file first", "$foreground-muted"))
    if columns != ANY_COLUMNS:
        parts.append(Content.styled(f"columns {one_line(str(columns))}", "$foreground-muted"))
    if trouble := troubles(listing):
        parts.append(
            Content.styled(
                f"{trouble} (e)", "$text-warning" if listing.broken else "$foreground-muted"
            )
        )
    if now := _going_on(listing, progress):
        parts.append(Content.styled(now, "$foreground-muted"))
    return Content.assemble(DOT).join(parts)


def filter_hint(wanted: Filter) -> Content:
    """Say which parts of a filter were not understood, and how to write them."""
    return Content.styled("; ".join(one_line(text) for text in wanted.problems), "$text-warning")


def troubles(listing: Listing) -> str:
    """Say how many files are broken or skipped; empty when none is."""
    counts = ((len(listing.broken), "broken"), (len(listing.skipped), "skipped"))
    return ", ".join(f"{count:,} {what}" for count, what in counts if count)


def _going_on(listing: Listing, progress: Progress) -> str:
    if not progress.ended:
        return f"reading {progress.read:,} of {progress.total:,} files" if progress.total else ""
    if listing.weighed < len(listing.rows):
        return f"weighed {listing.weighed:,}"
    return ""


def empty_text(listing: Listing, progress: Progress, paths: Iterable[Path]) -> Content:
    """Return the text that replaces an empty list."""
    named = ", ".join(one_line(str(path)) for path in paths)
    if not named:
        return _first_steps()
    if not progress.ended:
        return Content.styled(f"Reading {named} …", "$foreground-muted")
    if listing.rows:
        return Content.assemble(
            (f"Nothing matches {one_line(listing.filter)}", "bold"),
            "\n\n",
            (
                f"{key_of('specs.filter')} changes the filter, {key_of('specs.back')} shows all specs again.",
                "$foreground-muted",
            ),
        )
    why = troubles(listing)
    if why:
        why += f": press {key_of('specs.problems')} to see where and why."
    return Content.assemble(
        (f"No prompt specs in {named}", "bold"), "\n\n", (why, "$foreground-muted")
    )


def _first_steps() -> Content:
    steps = (
        ("upsample FOLDER", "lists the prompt specs of a folder"),
        ("upsample demo", "makes a folder of examples to try"),
        ("upsample --help", "tells what else there is"),
    )
    lines = [
        Content.assemble((f"{command:<18}", "bold"), (what, "$foreground-muted"))
        for command, what in steps
    ]
    return Content("\n").join(
        [Content("Nothing to list yet: no path was given."), Content(), *lines]
    )
