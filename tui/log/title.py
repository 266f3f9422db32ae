"""The texts around the log: its title, its state, and what to do when there are no lines. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from tui.log.line_text import clean
from tui.log.lines import LogLines
from tui.text import DOT, one_line
from tui.widgets.own_keys import key_of

_LEVELS = ("", "warnings", "errors")


@dataclass(frozen=True, slots=True)
class Around:
    """The state of the view, and what it does not know itself."""

    following: bool
    new: int
    """How many lines came since the reader scrolled up."""
    selected: int
    """How many lines are selected."""
    current: int | None
    """The number of the line that the search went to."""
    job: str
    """The name of the job whose lines are shown; empty for all."""


def log_title(lines: LogLines, around: Around) -> Content:
    """Say which lines are shown, and how many."""
    wanted, shown = lines.wanted, len(lines.numbers)
    parts: list[Content | str | tuple[str, str]] = [("Log", "bold")]
    if around.job:
        parts += [DOT, f"job {one_line(around.job)}"]
    if wanted.box:
        parts += [DOT, one_line(wanted.box)]
    if wanted.gravity:
        parts += [DOT, (f"{_LEVELS[wanted.gravity]} only", "$text-warning")]
    if wanted.words:
        parts += [DOT, f"with {one_line(' '.join(wanted.words))}"]
    total = len(lines.book.lines)
    counted = "1 line" if shown == 1 else f"{shown:,} lines"
    parts += [DOT, counted if wanted.is_all else f"{shown:,} of {total:,} lines"]
    if lines.book.first:
        parts += [DOT, (f"{lines.book.first:,} older ones are in the file", "$foreground-muted")]
    return Content.assemble(*parts)


def log_standing(lines: LogLines, around: Around) -> Content:
    """Say what the search found, how many lines are selected, and whether the view follows the end."""
    parts: list[Content | str | tuple[str, str]] = []
    if lines.sought:
        parts += [(_search_text(lines, around.current), "$text-warning"), "  "]
    if around.selected:
        parts += [(f"{around.selected:,} selected", "$text-accent"), "  "]
    if around.following:
        parts.append(("▼ follows", "$text-success"))
    elif around.new:
        parts.append((f"‖ held  +{around.new:,} new", "bold $text-warning"))
    else:
        parts.append(("‖ held", "$foreground-muted"))
    return Content.assemble(*parts)


def _search_text(lines: LogLines, current: int | None) -> str:
    sought = one_line(lines.sought[:20])
    found = lines.found
    if not found:
        return f"/{sought} not found"
    if current is not None and current in found:
        return f"/{sought} {found.index(current) + 1:,} of {len(found):,}"
    return f"/{sought} {len(found):,}"


def empty_log_text(lines: LogLines, job: str, file: str) -> Content:
    """Say why there are no lines, and what to do."""
    if lines.book.lines:
        what = "No line is as wanted."
        if job:
            what = f"No line about job {one_line(job)}."
        then = f"{key_of('log.back')} shows all lines again."
        if job:
            then = f"{key_of('log.job')} shows the lines of all jobs again."
        return Content.assemble((what, "bold"), "\n\n", then)
    parts: list[str | tuple[str, str]] = [
        ("No log yet: no box was asked for anything.", "bold"),
        "\n\nWhat boxes and their engines say, and what becomes of each job, will stand here.",
    ]
    if file:
        parts.append((f"\nIt is kept in {clean(file)}, too.", "$foreground-muted"))
    return Content.assemble(*parts)
