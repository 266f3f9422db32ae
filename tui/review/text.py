"""The texts of the review: the columns of its list, facts, differences between texts, lints."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from backend.planning.costs import cost_text
from backend.results.lints import Lint, Span
from backend.results.review import Candidate, Reviewed
from backend.results.word_diff import DiffKind, DiffPiece, WordDiff, says_something, words
from backend.store.decision import Decision
from tui.review.listing import ReviewListing, Show
from tui.text import DOT, MUTED, cut, cut_apart, cut_middle, left, one_line, paragraphs, right
from tui.widgets.own_keys import key_of

GLYPHS = {
    Decision.UNDECIDED: "○",
    Decision.ACCEPTED: "✓",
    Decision.EDITED: "✎",
    Decision.REJECTED: "✗",
}
COLOURS = {
    Decision.UNDECIDED: "$foreground",
    Decision.ACCEPTED: "$text-success",
    Decision.EDITED: "$text-success",
    Decision.REJECTED: "$text-error",
}
LINT_GLYPH = "!"
STAR = "★"

_CURSOR = 3
_STATE = 12
_CANDIDATES = 4
_LINTS = 5
_TOKENS = 7
_RATING = 8
_OPTIONAL = (
    ("lints", _LINTS),
    ("candidates", _CANDIDATES),
    ("rating", _RATING),
    ("tokens", _TOKENS),
)
"""Columns that a slim list lacks, the last ones first, with their widths."""
_NAME = 20
"""The least width of the name. Columns are left out before it becomes narrower."""

_KEPT_STYLE = "underline $text-accent"
_REMOVED_STYLE = "strike $text-error"
_ONLY_STYLE = "bold $text-success"
_LOST_SIGN = "−"
_LINT_STYLE = "on $warning 25%"
_CURRENT_LINT_STYLE = "bold reverse $text-warning"


# --- the list ---


@dataclass(frozen=True, slots=True)
class ReviewColumns:
    """The width of each column in cells, with the space before it; 0 for a column that is left out."""

    state: int
    name: int
    candidates: int
    lints: int
    tokens: int
    rating: int


def lay_out(width: int, *, tokens: bool = True) -> ReviewColumns:
    """Return the columns for a list of this width. `tokens` says whether any engine has counted some."""
    spare = width - _CURSOR - _STATE - _NAME
    given = {}
    for column, cells in _OPTIONAL:
        given[column] = cells if cells <= spare and (tokens or column != "tokens") else 0
        spare -= given[column]
    return ReviewColumns(state=_STATE, name=_NAME + spare, **given)


def headings(columns: ReviewColumns) -> str:
    """Return the names of the columns, each where its column is."""
    return "".join(
        (
            " " * _CURSOR,
            left("decision", columns.state),
            left("name", columns.name),
            right("×", columns.candidates),
            right("lint", columns.lints),
            right("tokens" if columns.tokens else "", columns.tokens),
            right("rating" if columns.rating else "", columns.rating),
        )
    )


def cells(
    prompt: Reviewed,
    candidate: Candidate,
    columns: ReviewColumns,
    *,
    current: bool,
    marked: bool = False,
    beside: Iterable[str] = (),
) -> list[tuple[str, str]]:
    """Return one line of the list: texts, each with the last part of the name of its style. `beside` are the
    names of rows near it.
    """
    decision = prompt.decision
    tokens = candidate.result.answer.completion_tokens
    several = len(prompt.candidates)
    lints = f"{LINT_GLYPH}{len(candidate.lints)}" if candidate.lints else ""
    name = cut_apart(one_line(prompt.name), columns.name - 1, beside)
    return [
        ("▸" if current else " ", "cursor-glyph"),
        ("■ " if marked else "  ", "mark"),
        (left(f"{GLYPHS[decision]} {decision}", columns.state), decision.value),
        (left(name, columns.name), "name"),
        (right(f"×{several}" if several > 1 else "", columns.candidates), "count"),
        (right(lints, columns.lints), "lints"),
        (right("" if tokens is None else f"{tokens:,}", columns.tokens), "count"),
        (right(STAR * candidate.rating.stars, columns.rating), "rating"),
    ]


def title(listing: ReviewListing) -> Content:
    """Say how many results there are, and which of them are shown."""
    parts = [Content.assemble(("Review ", "bold"), (f"{len(listing.prompts):,}", "bold"))]
    if listing.prompts:
        undecided, linted = listing.undecided, listing.linted
        parts.append(Content(f"{undecided:,} undecided" if undecided else "all decided"))
        if linted:
            parts.append(Content.styled(f"{LINT_GLYPH} {linted:,} with lints", "$text-warning"))
    if listing.marks:
        parts.append(Content.styled(f"{len(listing.marks):,} marked", "$text-accent"))
    if listing.show is not Show.ALL or listing.filter:
        which = [listing.show.value] if listing.show is not Show.ALL else []
        which += [f"/{one_line(listing.filter)}"] if listing.filter else []
        shows = f"{' '.join(which)}: shows {len(listing.shown):,}"
        parts.append(Content.styled(shows, "$text-accent"))
    if listing.troubles:
        parts.append(Content.styled(f"✗ {len(listing.troubles):,} unreadable", "$text-error"))
    return Content.assemble(DOT).join(parts)


def empty_text(listing: ReviewListing, trouble: str) -> Content:
    """Return the text that replaces an empty list."""
    if trouble:
        return Content.assemble(
            ("The results cannot be read", "bold"), "\n\n", (paragraphs(trouble), "$text-error")
        )
    if not listing.is_loaded:
        return Content.styled("Reading the results …", MUTED)
    if listing.prompts:
        return Content.assemble(
            ("No result is among what is shown", "bold"),
            "\n\n",
            (f"{key_of('review.show')} shows others, {key_of('review.back')} all of them.", MUTED),
        )
    steps = (
        (key_of("app.specs"), "the specs: upsample some of them"),
        (key_of("app.review"), "come back here when the first is done"),
    )
    lines = [Content.assemble((f"{key:<3}", "bold $primary"), (does, MUTED)) for key, does in steps]
    why = (
        "With upsample --no-ui --review, results wait here, too; without --review they are "
        "written at once, and can still be looked at, edited and rejected."
    )
    return Content("\n").join(
        [
            Content.styled("Nothing to review yet", "bold"),
            Content(),
            *lines,
            Content(),
            Content.styled(why, MUTED),
        ]
    )


# --- one result ---


def heading(prompt: Reviewed, candidate: Candidate, width: int) -> Content:
    """The name, and what was decided."""
    state = f"{GLYPHS[candidate.decision]} {candidate.decision}"
    if candidate.decision is Decision.REJECTED and prompt.chosen not in (None, candidate):
        state += f": job {prompt.chosen.number} is in its place"
    stars = STAR * candidate.rating.stars
    name = cut_middle(one_line(prompt.name), max(8, width - len(state) - len(stars) - 6))
    return Content.assemble(
        (name, "bold"),
        "   ",
        (state, f"bold {COLOURS[candidate.decision]}"),
        (f"   {stars}" if stars else "", "$text-warning"),
    )


def note_text(candidate: Candidate, width: int) -> Content:
    """The user's note about the result, on one line."""
    return Content.styled(cut(one_line(candidate.rating.note), width), "italic $text-accent")


def tabs(prompt: Reviewed, candidate: Candidate) -> Content:
    """The candidates, the one that is looked at among them."""
    parts = []
    for n, one in enumerate(prompt.candidates, 1):
        lints = f" {LINT_GLYPH}{len(one.lints)}" if one.lints else ""
        style = "bold reverse" if one is candidate else COLOURS[one.decision]
        parts.append(Content.styled(f" {n} {GLYPHS[one.decision]}{lints} ", style))
    return Content.assemble(("candidates ", MUTED), Content(" ").join(parts), (" [ ]", MUTED))


def facts(candidate: Candidate, width: int) -> Content:
    """Where the result comes from, broken between two facts."""
    job, answer = candidate.result.job, candidate.result.answer
    provenance = candidate.result.provenance
    parts = [one_line(part) for part in (_model(candidate), answer.engine) if part]
    parts.append(f"seed {job.seed + job.candidate}")
    if answer.prompt_tokens is not None and answer.completion_tokens is not None:
        parts.append(f"{answer.prompt_tokens:,} + {answer.completion_tokens:,} tokens")
    if answer.cost is not None:
        parts.append(f"cost {cost_text(answer.cost)}")
    parts.append(f"{max(0.0, answer.ended - answer.started):.1f} s")
    if size := provenance["size_sent"]:
        parts.append(f"sent {one_line(str(size)).replace('x', '×')}")
    parts.append(f"job {job.number}")
    lines = [""]
    for part in parts:
        joined = f"{lines[-1]} · {part}" if lines[-1] else part
        if lines[-1] and cell_len(joined) > width:
            lines.append(part)
        else:
            lines[-1] = joined
    text = Content.styled("\n".join(cut(line, width) for line in lines), MUTED)
    if answer.notice:
        return text + "\n" + Content.styled(one_line(answer.notice), "$text-warning")
    return text


def _model(candidate: Candidate) -> str:
    """Return the last part of the model's name."""
    return str(candidate.result.provenance["model"] or "").rstrip("/").rpartition("/")[2]


def lint_lines(lints: Sequence[Lint], current: int, width: int, most: int) -> Content:
    """List the lints, one on each line and `most` lines at most, with the current lint among them."""
    if not lints:
        return Content.styled("✓ no lints", "$text-success")
    first = max(0, min(current - most + 1, len(lints) - most)) if len(lints) > most else 0
    lines = []
    for n, lint in list(enumerate(lints))[first : first + most]:
        more = len(lints) - most if n == first + most - 1 else 0
        note = f"  (n, N: {more} more)" if more > 0 else ""
        text = cut(one_line(lint.message), max(8, width - len(lint.kind) - len(note) - 6))
        lines.append(
            Content.assemble(
                ("▸ " if n == current else "  ", "bold $primary"),
                (f"{LINT_GLYPH} {lint.kind}", "bold $text-warning"),
                "  ",
                (text, "bold" if n == current else ""),
                (note, MUTED),
            )
        )
    return Content("\n").join(lines)


def original_text(diff: WordDiff) -> Content:
    """Return the original prompt, with its lost words marked."""
    count = sum(len(words(piece.text)) for piece in diff.original)
    pieces: list[tuple[str, str]] = []
    for piece in diff.original:
        text = paragraphs(piece.text)
        if piece.change is DiffKind.REMOVED and says_something(piece.text):
            pieces.append((f"{_LOST_SIGN}{text}", _REMOVED_STYLE))
        else:
            pieces.append((text, ""))
    return Content.assemble(
        ("Original", "bold"),
        (f"  {count:,} words", MUTED),
        (f", {_LOST_SIGN}{diff.lost:,} lost" if diff.lost else "", "$text-error"),
        "\n\n",
        *pieces,
    )


def other_name(candidate: Candidate, shown: Candidate) -> str:
    """Return how another result is told from the shown one: what of it is different."""
    job, model = candidate.result.job, _model(candidate)
    parts = [f"Job {job.number}"]
    if model != _model(shown):
        parts.append(one_line(model))
    if candidate.result.provenance["profile"] != shown.result.provenance["profile"]:
        parts.append(one_line(str(candidate.result.provenance["profile"])))
    return " · ".join([*parts, f"seed {job.seed + job.candidate}"])


def other_text(diff: WordDiff, candidate: Candidate, shown: Candidate) -> Content:
    """Return another result, with the words marked that the shown one does not have.

    `diff` compares the other result (as the original) with the shown one.
    """
    count = sum(len(words(piece.text)) for piece in diff.original)
    return Content.assemble(
        (other_name(candidate, shown), "bold"),
        (f"  {count:,} words, ", MUTED),
        (f"{diff.lost:,} only here", _ONLY_STYLE),
        "\n\n",
        *(
            (paragraphs(piece.text), _ONLY_STYLE if piece.change is DiffKind.REMOVED else "")
            for piece in diff.original
        ),
    )


def result_text(
    diff: WordDiff, lints: Sequence[Lint], current: int, *, only: bool = False
) -> tuple[Content, int | None]:
    """Return the result with its lints marked and the words of the prompt, and the character at which the
    first place of the current lint begins. With `only`, the words are marked that the other text does not
    have.
    """
    count = sum(len(words(piece.text)) for piece in diff.result)
    marked = (
        (f"{diff.added:,} only here", _ONLY_STYLE)
        if only
        else (f"{diff.taken_up:,} of the prompt's words", _KEPT_STYLE)
    )
    made = Content.assemble(("Result", "bold"), (f"  {count:,} words, ", MUTED), marked, "\n\n")
    here = set(lints[current].spans) if current < len(lints) else set()
    others = {span for lint in lints for span in lint.spans} - here
    first = min((span.start for span in here), default=None)
    place = None
    parts: list[tuple[str, str]] = []
    length = len(made)
    start = 0
    for text, style in _cut_at(diff.result, here, others, only=only):
        if first == start:
            place = length
        shown = paragraphs(text)
        parts.append((shown, style))
        start += len(text)
        length += len(shown)
    return Content.assemble(made, *parts), place


def _cut_at(
    pieces: Iterable[DiffPiece], here: set[Span], others: set[Span], *, only: bool
) -> Iterator[tuple[str, str]]:
    """Cut the result into parts of one style each. A part begins wherever a span begins or ends."""
    marked_style = _ONLY_STYLE if only else _KEPT_STYLE
    edges = sorted({edge for span in here | others for edge in span})
    start = 0
    for piece in pieces:
        end = start + len(piece.text)
        marked = (piece.change is DiffKind.ADDED) is only and says_something(piece.text)
        # The line under a word ends with it.
        text = piece.text.strip()
        word = start + piece.text.find(text)
        own = {word, word + len(text)} - {start, end} if marked else set()
        inner = own | set(edges[bisect_right(edges, start) : bisect_right(edges, end - 1)])
        for a, b in itertools.pairwise([start, *sorted(inner), end]):
            style = marked_style if marked and word <= a < word + len(text) else ""
            yield (
                piece.text[a - start : b - start],
                f"{style} {_lint_style(a, here, others)}".strip(),
            )
        start = end


def _lint_style(at: int, here: set[Span], others: set[Span]) -> str:
    if any(span.start <= at < span.end for span in here):
        return _CURRENT_LINT_STYLE
    if any(span.start <= at < span.end for span in others):
        return _LINT_STYLE
    return ""
